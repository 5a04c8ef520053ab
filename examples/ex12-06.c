/*
 * ex12-06 [PORT]: the accept loop.
 *
 * Each accept() takes one finished connection out of the queue and returns a new descriptor for it.
 * The listening socket stays as it is. If accept() fails, the server prints that and goes on. This
 * server only prints its client's address and closes the connection. Ctrl-C ends it.
 *
 * The chapter's listing passes no address, so that it does not know its peer. And it calls accept()
 * again at once after every failure: with "too many open files" this keeps a processor fully busy.
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

static void report_failure_and_wait(int reason)
{
	printf("fail to call accept()\n");
	fprintf(stderr, "accept: %s\n", strerror(reason));
	/*
	 * ECONNABORTED concerns one client only, which left while it was in the queue. After any
	 * other error the next accept() would fail at once, too: wait first.
	 */
	if (reason != ECONNABORTED)
		poll(NULL, 0, 100);
}

int main(int argc, char **argv)
{
	int sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sockfd = listen_on_loopback(argc > 1 ? port_or_exit(argv[1]) : 5000);

	for (;;) {
		struct sockaddr_in peer;
		/*
		 * accept() reads the room from it and writes the used length to it: set it every
		 * time.
		 */
		socklen_t length = sizeof(peer);
		int sockfd_connect = accept(sockfd, (struct sockaddr *)&peer, &length);

		if (sockfd_connect == -1) {
			if (errno != EINTR) /* a signal interrupted it: nothing has failed */
				report_failure_and_wait(errno);
			continue;
		}
		fprintf(stderr, "accepted 127.0.0.1 port %d\n", ntohs(peer.sin_port));
		/* This ends one connection. close(sockfd) would end the server. */
		close(sockfd_connect);
	}
}
