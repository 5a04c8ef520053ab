/*
 * ex12-08 [PORT]: the echo loop.
 *
 * It receives, sends back what came, and stops when recv() returns 0. Then it takes the next
 * client. TCP is a stream: the bytes of one send() may come out of several recv(), and those of
 * several send() out of one. So the loop counts bytes, not messages. Ctrl-C ends it.
 *
 * The chapter's listing moves one byte a call, which costs 44 ms a line (see one-byte.c), and does
 * not look at the result of send(). Here a buffer is moved at once, and the rest after a short
 * send() is sent again. As in the chapter, one client is served at a time; ex12-10s serves all at
 * once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
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

static int send_all(int sockfd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t sent = send(sockfd, bytes, count, MSG_NOSIGNAL); /* see ex12-09s */

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			return -1;
		/* A signal, a time limit or MSG_DONTWAIT has made it short. Send the rest. */
		bytes += sent;
		count -= (size_t)sent;
	}
	return 0;
}

static void echo(int sockfd)
{
	char buffer[4096]; /* any size works: recv() returns at most this many bytes */

	for (;;) {
		ssize_t got = recv(sockfd, buffer, sizeof(buffer), 0);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == 0) /* the client has finished; all bytes went back */
			return;
		if (got == -1 || send_all(sockfd, buffer, (size_t)got) == -1) {
			fprintf(stderr, "lost a client: %s\n", strerror(errno));
			return;
		}
	}
}

int main(int argc, char **argv)
{
	int sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
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
		fprintf(stderr, "serving 127.0.0.1 port %d\n", ntohs(peer.sin_port));
		echo(sockfd_connect);
		close(sockfd_connect);
	}
}
