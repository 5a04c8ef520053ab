/*
 * ex12-10s [PORT]: the finished echo server.
 *
 * Each client has a thread of its own, with a simple loop of recv() and send(), so that a slow or
 * dead client delays no other. The server prints `accepted` for each client, and
 * `close(sockfd_connect)` when it has gone; the address goes to stderr. Ctrl-C ends the server.
 *
 * The chapter's server serves one client at a time, moves one byte a call, and ends in its SIGPIPE
 * handler when one client dies. Here send() raises no SIGPIPE.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static _Noreturn void fail(const char *call)
{
	int reason = errno; /* printf() may overwrite errno */

	printf("fail to call %s()\n", call);
	fprintf(stderr, "%s: %s\n", call, strerror(reason));
	exit(EXIT_FAILURE);
}

static in_port_t port_or_exit(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || port > 65535) {
		fprintf(stderr, "'%s' is not a port: a number from 0 to 65535 is wanted\n", text);
		exit(2);
	}
	return (in_port_t)port;
}

static int listen_on_loopback(in_port_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t length = sizeof(address);
	int on = 1, sockfd = socket(AF_INET, SOCK_STREAM, 0);

	if (sockfd == -1)
		fail("socket");
	if (setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fail("setsockopt");
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind");
	/* With 5, clients would wait a second or more when many connect: see backlog.c. */
	if (listen(sockfd, SOMAXCONN) == -1)
		fail("listen");
	if (getsockname(sockfd, (struct sockaddr *)&address, &length) == -1)
		fail("getsockname");
	fprintf(stderr, "listening on 127.0.0.1 port %d\n", ntohs(address.sin_port));
	return sockfd;
}

/* 0: the client has finished, and all bytes went back. -1: it died, see errno. */
static int echo(int sockfd)
{
	char buffer[4096];
	ssize_t got, sent;

	while ((got = recv(sockfd, buffer, sizeof(buffer), 0)) != 0) {
		if (got == -1 && errno != EINTR)
			return -1;
		/* send() may take only a part: send the rest. */
		for (ssize_t done = 0; done < got; done += sent) {
			sent = send(sockfd, buffer + done, (size_t)(got - done), MSG_NOSIGNAL);
			if (sent == -1 && errno != EINTR)
				return -1;
			if (sent == -1)
				sent = 0; /* a signal interrupted it before any byte was sent */
		}
	}
	return 0;
}

static void *serve(void *argument)
{
	int sockfd_connect = (int)(intptr_t)argument;

	if (echo(sockfd_connect) == -1)
		fprintf(stderr, "descriptor %d: %s\n", sockfd_connect, strerror(errno));
	close(sockfd_connect);
	printf("close(sockfd_connect)\n");
	return NULL;
}

static void accept_one(int sockfd)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	pthread_t thread;
	int on = 1, problem, sockfd_connect = accept(sockfd, (struct sockaddr *)&peer, &length);

	if (sockfd_connect == -1) {
		if (errno == EINTR)
			return;
		printf("fail to call accept()\n");
		poll(NULL, 0, 100); /* see ex12-06 for the reason */
		return;
	}
	printf("accepted\n");
	fprintf(stderr, "descriptor %d is 127.0.0.1 port %d\n", sockfd_connect,
		ntohs(peer.sin_port));
	/* Without it the urgent byte would not be in the stream, and the echo would lack it. */
	setsockopt(sockfd_connect, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));

	/* The thread gets the number itself: the variable changes with the next client. */
	problem = pthread_create(&thread, NULL, serve, (void *)(intptr_t)sockfd_connect);
	if (problem == 0) {
		pthread_detach(thread); /* nobody joins it: its memory is freed when it ends */
		return;
	}
	fprintf(stderr, "no thread for it: %s\n", strerror(problem));
	close(sockfd_connect);
	printf("close(sockfd_connect)\n");
}

int main(int argc, char **argv)
{
	int sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* send() has MSG_NOSIGNAL. This is for printf() into a pipe that nobody reads. */
	signal(SIGPIPE, SIG_IGN);
	sockfd = listen_on_loopback(argc > 1 ? port_or_exit(argv[1]) : 5000);
	for (;;)
		accept_one(sockfd);
}
