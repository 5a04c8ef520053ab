/*
 * killed-client: what a server notices when the client's process is killed.
 *
 * The chapter says that the abnormal end of the other process cannot be noticed. It is noticed at
 * once: when a process ends, its kernel closes its sockets. It sends a FIN, and recv() returns 0.
 * If the process had not read all bytes, it sends an RST instead; recv() then fails once with
 * ECONNRESET, and returns 0 after that. recv() raises no SIGPIPE, so MSG_NOSIGNAL does nothing
 * there.
 *
 * A machine without power or without its cable sends nothing. Only a time limit of the server finds
 * that: SO_KEEPALIVE, TCP_USER_TIMEOUT, or SO_RCVTIMEO.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t sigpipes;

static void count_sigpipe(int signal_number)
{
	(void)signal_number;
	sigpipes++;
}

static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
	exit(EXIT_FAILURE);
}

static int listen_somewhere(struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = { .sin_family = AF_INET }; /* port 0: the kernel chooses */
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener == -1 || bind(listener, (struct sockaddr *)&address, length) == -1 ||
		listen(listener, 1) == -1 ||
		getsockname(listener, (struct sockaddr *)&address, &length) == -1)
		fail("listen");
	*ret_address = address;
	return listener;
}

/* Starts a client in a process of its own. It connects and waits until it is killed. */
static pid_t start_client(int listener, const struct sockaddr_in *address, int *ret_server)
{
	pid_t child = fork();

	if (child == -1)
		fail("fork");
	if (child == 0) {
		int sockfd = socket(AF_INET, SOCK_STREAM, 0);

		connect(sockfd, (const struct sockaddr *)address, sizeof(*address));
		pause();
		_exit(0);
	}
	*ret_server = accept(listener, NULL, NULL);
	if (*ret_server == -1)
		fail("accept");
	return child;
}

static void show_recv(int sockfd, int flags, const char *name)
{
	char byte;
	ssize_t got = recv(sockfd, &byte, 1, flags);

	if (got == -1)
		printf("recv(%s): %s\n", name, strerror(errno));
	else
		printf("recv(%s): %zd bytes\n", name, got);
}

static void kill_one(int listener, const struct sockaddr_in *address, int with_unread_bytes)
{
	struct timeval patience = { .tv_sec = 5 }; /* far more than it takes */
	int server;
	pid_t child = start_client(listener, address, &server);

	setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (with_unread_bytes && send(server, "unread", 6, MSG_NOSIGNAL) != 6)
		fail("send");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	printf("killed %s:\n", with_unread_bytes ? "before it read" : "with nothing left to read");
	show_recv(server, 0, "");
	show_recv(server, 0, "");
	show_recv(server, MSG_NOSIGNAL, "MSG_NOSIGNAL");
	close(server);
}

int main(void)
{
	struct sigaction counting = { .sa_handler = count_sigpipe }; /* sa_flags is 0, too */
	struct sockaddr_in address;
	int listener = listen_somewhere(&address);

	sigaction(SIGPIPE, &counting, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0); /* or each child would print its copy of the buffer */
	kill_one(listener, &address, 0);
	kill_one(listener, &address, 1);
	/* Only sending raises SIGPIPE. */
	printf("SIGPIPE came %d time(s)\n", (int)sigpipes);
	close(listener);
	return EXIT_SUCCESS;
}
