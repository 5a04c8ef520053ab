/*
 * dying-client: a client sends a line and resets the connection; both sides in one program.
 *
 * The server receives the line, then ECONNRESET once, then 0. If it still sends, it gets SIGPIPE,
 * and EPIPE if the signal did not end it. recv() never raises SIGPIPE.
 *
 * The chapter's server ends there, in a handler that calls printf() and exit(). Here a child
 * process shows how SIGPIPE ends a server. The parent avoids the signal in two ways, and serves the
 * next client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
	exit(EXIT_FAILURE);
}

/* Makes both ends of one TCP connection over the loopback interface. */
static void make_pair(int *ret_client, int *ret_server)
{
	struct sockaddr_in address = { .sin_family = AF_INET }; /* port 0: the kernel chooses */
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	*ret_client = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, length) == -1 ||
		listen(listener, 1) == -1 ||
		getsockname(listener, (struct sockaddr *)&address, &length) == -1 ||
		connect(*ret_client, (struct sockaddr *)&address, length) == -1 ||
		(*ret_server = accept(listener, NULL, NULL)) == -1)
		fail("a connection to this program itself");
	close(listener);
}

/* Waits for an event on the socket, two seconds at most. */
static void wait_for(int sockfd, short what)
{
	struct pollfd one = { .fd = sockfd, .events = what };

	if (poll(&one, 1, 2000) != 1) {
		errno = ETIMEDOUT;
		fail("poll");
	}
}

/* Returns the server's socket of a connection that the client has reset after one line. */
static int lose_a_client(void)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int client, server;

	make_pair(&client, &server);
	if (send(client, "hello world!\n", 13, 0) != 13)
		fail("send");
	/* close() sends an RST at once instead of a FIN, as after a crash of the client. */
	setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(client);
	wait_for(server, 0); /* poll() reports POLLHUP even if it is not asked for */
	return server;
}

static void show(const char *call, ssize_t result)
{
	if (result == -1)
		printf("%s: %s\n", call, strerror(errno));
	else
		printf("%s: %zd bytes\n", call, result);
}

static void show_default(void)
{
	int status;
	pid_t child;

	fflush(stdout); /* or the child would inherit the text that is not written yet */
	child = fork();
	if (child == -1)
		fail("fork");
	if (child == 0) {
		int server = lose_a_client();

		send(server, "x", 1, 0);
		send(server, "x", 1, 0);
		_exit(0); /* never reached: SIGPIPE has ended this process */
	}
	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		printf("a server that does nothing about it: killed by SIGPIPE\n");
	else
		printf("a server that does nothing about it: lived\n");
}

int main(void)
{
	char buffer[64];
	int client, server = lose_a_client();

	show("recv() of what came before", recv(server, buffer, sizeof(buffer), 0));
	show("recv() after the RST", recv(server, buffer, sizeof(buffer), 0));
	show("recv() once more", recv(server, buffer, sizeof(buffer), 0));
	show("send(MSG_NOSIGNAL)", send(server, "x", 1, MSG_NOSIGNAL));
	close(server);

	show_default();

	signal(SIGPIPE, SIG_IGN); /* the other way: for all calls of the process */
	server = lose_a_client();
	show("send(), SIGPIPE ignored", send(server, "x", 1, 0));
	show("send() once more", send(server, "x", 1, 0));
	close(server);

	make_pair(&client, &server);
	if (send(client, "hello", 5, 0) != 5)
		fail("send");
	wait_for(server, POLLIN);
	show("the next client: recv()", recv(server, buffer, sizeof(buffer), 0));
	show("the next client: send()", send(server, buffer, 5, MSG_NOSIGNAL));
	close(client);
	close(server);
	return EXIT_SUCCESS;
}
