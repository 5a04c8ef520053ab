/*
 * backlog [NUMBER]: many clients connect at once, and the server does not accept.
 *
 * The second argument of listen() is the length of a queue. In it are the connections that the
 * kernel has finished and that accept() has not taken yet. Linux takes one more than the program
 * asks for, and drops every further SYN without an answer. Those clients send their SYN again,
 * first after a second (RFC 6298), and are connected once accept() has made room.
 *
 * The chapter says that the backlog cannot be 0, and that it is the number of requests that can be
 * taken at once. It can be 0: one connection waits in the queue then. And it limits only how many
 * connections wait. Here five clients more than the backlog connect.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 5, MORE = 5, MOST = 100 };

static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
	exit(EXIT_FAILURE);
}

static int listen_somewhere(int backlog, struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = { .sin_family = AF_INET }; /* port 0: the kernel chooses */
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener == -1 || bind(listener, (struct sockaddr *)&address, length) == -1 ||
		listen(listener, backlog) == -1 ||
		getsockname(listener, (struct sockaddr *)&address, &length) == -1)
		fail("listen");
	*ret_address = address;
	return listener;
}

static int start_connecting(const struct sockaddr_in *address)
{
	int sockfd = socket(AF_INET, SOCK_STREAM, 0);

	if (sockfd == -1)
		fail("socket");
	/*
	 * Without O_NONBLOCK connect() would wait here for the first client that does not get in.
	 */
	fcntl(sockfd, F_SETFL, O_NONBLOCK);
	if (connect(sockfd, (const struct sockaddr *)address, sizeof(*address)) == -1 &&
		errno != EINPROGRESS)
		fail("connect");
	return sockfd;
}

/* A socket that is connected can be written to. If it cannot within 50 ms, it waits. */
static int is_connected(int sockfd)
{
	struct pollfd one = { .fd = sockfd, .events = POLLOUT };

	return poll(&one, 1, 50) == 1 && !(one.revents & (POLLERR | POLLHUP));
}

int main(int argc, char **argv)
{
	int backlog = argc > 1 ? atoi(argv[1]) : BACKLOG, count = backlog + MORE;
	struct sockaddr_in address;
	int clients[MOST + MORE], connected = 0;

	if (backlog < 0 || backlog > MOST) {
		fprintf(stderr, "a backlog from 0 to %d is wanted\n", MOST);
		return 2;
	}

	int listener = listen_somewhere(backlog, &address);

	for (int i = 0; i < count; i++) {
		int in;

		clients[i] = start_connecting(&address);
		in = is_connected(clients[i]);
		connected += in;
		printf("client %d: %s\n", i + 1, in ? "connected" : "waiting");
	}
	printf("backlog %d, nobody accepts: %d are connected, %d wait\n", backlog, connected,
		count - connected);

	/* The waiting clients send their SYN again after a second: 10 seconds are enough. */
	for (int i = 0; i < count; i++) {
		struct pollfd one = { .fd = listener, .events = POLLIN };
		int accepted = poll(&one, 1, 10000) == 1 ? accept(listener, NULL, NULL) : -1;

		if (accepted == -1)
			fail("accept");
		close(accepted);
	}
	printf("%d times accept(): everyone got in\n", count);

	for (int i = 0; i < count; i++)
		close(clients[i]);
	close(listener);
	return EXIT_SUCCESS;
}
