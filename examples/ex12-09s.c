/*
 * ex12-09s [PORT]: closing, and a client that dies, server side.
 *
 * A client may finish (recv() returns 0), die (ECONNRESET, EPIPE), or lose its network, and then
 * nothing arrives. In each case the server loses that connection only, prints what happened to
 * stderr, and serves the next client.
 *
 * The chapter's server ends with its first dead client: its SIGPIPE handler calls exit(), and
 * printf(), which is not allowed in a handler (signal-safety(7)). Here the signal is ignored.
 * send() then returns -1 with EPIPE, in the place that knows the client.
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
	if (listen(sockfd, 5) == -1)
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
		for (ssize_t done = 0; done < got; done += sent) {
			sent = send(sockfd, buffer + done, (size_t)(got - done), 0);
			if (sent == -1 && errno != EINTR)
				return -1;
			if (sent == -1)
				sent = 0; /* a signal interrupted it before any byte was sent */
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	int on = 1, sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* For every send() of the process. MSG_NOSIGNAL does the same for one call. */
	signal(SIGPIPE, SIG_IGN);
	sockfd = listen_on_loopback(argc > 1 ? port_or_exit(argv[1]) : 5000);

	for (;;) {
		struct sockaddr_in peer;
		socklen_t length = sizeof(peer);
		int sockfd_connect = accept(sockfd, (struct sockaddr *)&peer, &length);

		if (sockfd_connect == -1) {
			if (errno == EINTR)
				continue;
			printf("fail to call accept()\n");
			poll(NULL, 0, 100); /* see ex12-06 for the reason */
			continue;
		}
		/* A machine without power sends nothing, not even a FIN: the kernel probes it. */
		setsockopt(sockfd_connect, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));

		const char *how = echo(sockfd_connect) == 0 ? "finished" : strerror(errno);

		fprintf(stderr, "127.0.0.1 port %d: %s\n", ntohs(peer.sin_port), how);
		/* After an error, too: a descriptor that stays open is lost for other clients. */
		close(sockfd_connect);
	}
}
