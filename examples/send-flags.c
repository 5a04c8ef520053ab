/*
 * send-flags: MSG_OOB, MSG_DONTROUTE and MSG_NOSIGNAL.
 *
 * The last argument of send() changes one call; an option changes the socket. Both ends of the
 * connection are in this program. It prints what each flag did.
 *
 * The chapter's servers send with flags 0, so that SIGPIPE ends them at their first dead client.
 * With MSG_NOSIGNAL send() returns EPIPE instead. The chapter's handler calls printf(), which is
 * not allowed (signal-safety(7)); this one only counts. The chapter's struct sigaction is not
 * zeroed: its sa_flags hold garbage.
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

static void show_oob(void)
{
	int client, server;
	char text[8] = "", urgent = '?';

	make_pair(&client, &server);
	/* Of several bytes only the last is urgent: TCP has one pointer, not a second channel. */
	if (send(client, "abc", 3, 0) != 3 || send(client, "!", 1, MSG_OOB) != 1)
		fail("send");
	wait_for(server, POLLPRI);
	if (recv(server, &urgent, 1, MSG_OOB) != 1 || recv(server, text, sizeof(text) - 1, 0) == -1)
		fail("recv");
	printf("MSG_OOB: sent abc and an urgent !, received %c before %s\n", urgent, text);
	close(client);
	close(server);
}

static void show_dontroute(void)
{
	struct sockaddr_in source = { .sin_family = AF_INET }, beyond = { .sin_family = AF_INET };
	int client, server, datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	char text[8] = "";

	make_pair(&client, &server);
	if (send(client, "near", 4, MSG_DONTROUTE) != 4)
		fail("send");
	wait_for(server, POLLIN);
	if (recv(server, text, sizeof(text) - 1, 0) == -1)
		fail("recv");
	printf("MSG_DONTROUTE: to this machine: received %s\n", text);
	close(client);
	close(server);

	/* The source is on the loopback interface: no packet can leave this machine. */
	source.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	beyond.sin_port = htons(5000);
	inet_pton(AF_INET, "198.51.100.1", &beyond.sin_addr); /* for documents only, RFC 5737 */
	if (bind(datagrams, (struct sockaddr *)&source, sizeof(source)) == -1)
		fail("bind");
	if (sendto(datagrams, "far", 3, MSG_DONTROUTE, (struct sockaddr *)&beyond,
		    sizeof(beyond)) == -1)
		printf("MSG_DONTROUTE: to 198.51.100.1, behind a router: %s\n", strerror(errno));
	close(datagrams);
}

static void show_nosignal(int flags, const char *name)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int client, server;

	make_pair(&client, &server);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(server); /* an RST: the connection is dead */
	wait_for(client, POLLIN);
	sigpipes = 0;
	/* The first send() returns ECONNRESET. The next one raises SIGPIPE. */
	send(client, "x", 1, flags);
	if (send(client, "x", 1, flags) == -1)
		printf("%s: %s, and SIGPIPE came %d time(s)\n", name, strerror(errno),
			(int)sigpipes);
	close(client);
}

int main(void)
{
	struct sigaction counting = { .sa_handler = count_sigpipe };

	sigaction(SIGPIPE, &counting, NULL);
	show_oob();
	show_dontroute();
	show_nosignal(0, "no flag");
	show_nosignal(MSG_NOSIGNAL, "MSG_NOSIGNAL");
	return EXIT_SUCCESS;
}
