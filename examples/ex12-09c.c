/*
 * ex12-09c [HOST [PORT [HOW]]]: closing in three ways, client side.
 *
 * HOW is one of:
 * `finish`: shutdown(SHUT_WR) ends sending; the client still receives the rest (half-close).
 * `leave`: close() at once; the kernel answers bytes that still arrive with an RST.
 * `reset`: an RST goes out at once, without a FIN.
 *
 * The chapter's client knows only close(), which ends both directions, so that bytes on their way
 * back are lost. The default here is `finish`.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
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

static int connect_to(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list;
	int sockfd = -1, problem = getaddrinfo(host, port, &hints, &list);

	if (problem != 0) {
		fprintf(stderr, "'%s' port '%s': %s\n", host, port, gai_strerror(problem));
		exit(2);
	}
	for (const struct addrinfo *one = list; one && sockfd == -1; one = one->ai_next) {
		sockfd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
		if (sockfd == -1)
			continue;
		if (connect(sockfd, one->ai_addr, one->ai_addrlen) == -1) {
			int reason = errno; /* close() may overwrite errno */

			close(sockfd);
			sockfd = -1;
			errno = reason;
		}
	}
	if (sockfd == -1)
		fail("connect");
	freeaddrinfo(list);
	return sockfd;
}

static void finish(int sockfd)
{
	char buffer[64];
	ssize_t got;

	if (shutdown(sockfd, SHUT_WR) == -1)
		fail("shutdown");
	printf("shutdown(SHUT_WR)\n");
	while ((got = recv(sockfd, buffer, sizeof(buffer), 0)) > 0)
		printf("recv %.*s", (int)got, buffer);
	if (got == -1)
		fail("recv");
	printf("recv: the end\n");
}

int main(int argc, char **argv)
{
	const char *how = argc > 3 ? argv[3] : "finish";
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(how, "finish") && strcmp(how, "leave") && strcmp(how, "reset")) {
		fprintf(stderr, "'%s' is not a manner: finish, leave or reset\n", how);
		return 2;
	}
	sockfd = connect_to(argc > 1 ? argv[1] : "127.0.0.1", argc > 2 ? argv[2] : "5000");
	printf("connect()\n");

	/* Six bytes fit into an empty buffer: this send() takes all of them. */
	if (send(sockfd, "hello\n", 6, MSG_NOSIGNAL) == -1)
		fail("send");
	printf("send hello\n");

	if (strcmp(how, "finish") == 0)
		finish(sockfd);
	/*
	 * With a linger of 0 seconds close() drops unsent bytes and sends an RST. For tests only.
	 */
	if (strcmp(how, "reset") == 0 &&
		setsockopt(sockfd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == -1)
		fail("setsockopt");
	close(sockfd);
	printf("close()\n");
	return EXIT_SUCCESS;
}
