/*
 * ex12-07 [HOST [PORT]]: connect(), from the client's side.
 *
 * connect() returns when the 3-way handshake is over. It fails if no socket listens there
 * (connection refused: the answer is an RST), if no answer comes (timed out), or if there is no
 * route.
 *
 * The chapter's listing makes its one address with inet_addr() and no htons(), and prints no reason
 * for a failure. Here a name may have several addresses. Each is tried with a new socket, and the
 * reason of each failure goes to stderr.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void report(const struct addrinfo *address, const char *what)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	/* NUMERIC: the look-up of a name could take seconds. */
	if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof(host), port,
		    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		fprintf(stderr, "%s port %s: %s\n", host, port, what);
}

static int connect_to_any(const struct addrinfo *list)
{
	for (const struct addrinfo *one = list; one; one = one->ai_next) {
		int sockfd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);

		if (sockfd == -1) {
			report(one, strerror(errno));
			continue;
		}
		if (connect(sockfd, one->ai_addr, one->ai_addrlen) == 0) {
			report(one, "connected");
			return sockfd;
		}
		report(one, strerror(errno));
		/*
		 * After a failed connect() the state of the socket is unspecified: make a new one.
		 */
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
