/*
 * ex12-07 [HOST [PORT]]: connect(), from the client's side.
 *
 * connect() returns when the three-way handshake is over. It fails when nobody listens (connection
 * refused: the answer is an RST), when nobody answers (timed out), or when no road leads there.
 *
 * The chapter's listing put its one address together with inet_addr() and no htons(), and a failure
 * had no reason; here a name may have several addresses, each is tried in turn with a fresh socket,
 * and stderr tells why each one failed.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void tell(const struct addrinfo *address, const char *what)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	/* NUMERIC: a lookup of the name could take seconds and tell less. */
	if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof(host), port,
		    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		fprintf(stderr, "%s port %s: %s\n", host, port, what);
}

static int connect_to_any(const struct addrinfo *list)
{
	for (const struct addrinfo *one = list; one; one = one->ai_next) {
		int sockfd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);

		if (sockfd == -1) {
			tell(one, strerror(errno));
			continue;
		}
		if (connect(sockfd, one->ai_addr, one->ai_addrlen) == 0) {
			tell(one, "connected");
			return sockfd;
		}
		tell(one, strerror(errno));
		/* POSIX leaves the state of a socket open after a failed connect(): take a new one. */
		close(sockfd);
	}
	return -1;
}

int main(int argc, char **argv)
{
	const char *host = argc > 1 ? argv[1] : "127.0.0.1";
	const char *port = argc > 2 ? argv[2] : "5000";
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list;
	int sockfd, problem;

	setvbuf(stdout, NULL, _IOLBF, 0);

	problem = getaddrinfo(host, port, &hints, &list);
	if (problem != 0) {
		fprintf(stderr, "'%s' port '%s': %s\n", host, port, gai_strerror(problem));
		return 2;
	}
	sockfd = connect_to_any(list);
	freeaddrinfo(list);
	if (sockfd == -1) {
		printf("fail to call connect()\n");
		return EXIT_FAILURE;
	}

	close(sockfd);
	return EXIT_SUCCESS;
}
