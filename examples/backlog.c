/*
 * backlog: many connect at once, and nobody accepts.
 *
 * listen()'s second argument is the length of a queue: connections that the kernel has finished by
 * itself and that wait for accept(). Linux takes one more than asked for. Then it drops what else
 * comes, without an answer: those clients wait and knock again, first after a second (RFC 6298),
 * and once accept() has made room they get in.
 *
 * The chapter gives listen() a backlog of 5 and leaves open what becomes of the seventh client.
 * Here ten come, and the last two lines say what became of them.
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

enum { BACKLOG = 5, CLIENTS = 10 };

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
		listen(listener, BACKLOG) == -1 ||
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
	/* Without O_NONBLOCK the first client that does not get in would stop us right here. */
	fcntl(sockfd, F_SETFL, O_NONBLOCK);
	if (connect(sockfd, (const struct sockaddr *)address, sizeof(*address)) == -1 &&
		errno != EINPROGRESS)
		fail("connect");
	return sockfd;
}

/* A connection is there when its socket can be written to. A moment without news: it waits. */
static int is_connected(int sockfd)
{
	struct pollfd one = { .fd = sockfd, .events = POLLOUT };

	return poll(&one, 1, 50) == 1 && !(one.revents & (POLLERR | POLLHUP));
}

int main(void)
{
	struct sockaddr_in address;
	int listener = listen_somewhere(&address), clients[CLIENTS], connected = 0;

	for (int i = 0; i < CLIENTS; i++) {
		int in;

		clients[i] = start_connecting(&address);
		in = is_connected(clients[i]);
		connected += in;
		printf("client %d: %s\n", i + 1, in ? "connected" : "waiting");
	}
	printf("backlog %d, nobody accepts: %d are connected, %d wait\n", BACKLOG, connected,
		CLIENTS - connected);

	/* Blocking, but not for ever: who waits knocks again, first after a second. */
	for (int i = 0; i < CLIENTS; i++) {
		struct pollfd one = { .fd = listener, .events = POLLIN };
		int accepted = poll(&one, 1, 10000) == 1 ? accept(listener, NULL, NULL) : -1;

		if (accepted == -1)
			fail("accept");
		close(accepted);
	}
	printf("%d times accept(): everyone got in\n", CLIENTS);

	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close(listener);
	return EXIT_SUCCESS;
}
