/*
 * ex12-01c [HOST [PORT [LETTER]]]: the first conversation, client side.
 *
 * It calls socket, connect, send, recv and close. A client needs no bind(): the kernel picks a free
 * port when it connects. It sends one letter and prints the letter that comes back.
 *
 * The chapter's listing fills in the address by hand and forgets htons(). It works only because the
 * server has the same mistake. getaddrinfo() fills in the structure in the right byte order, and
 * takes a name as well as a number.
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

int main(int argc, char **argv)
{
	const char *host = argc > 1 ? argv[1] : "127.0.0.1";
	const char *port = argc > 2 ? argv[2] : "5000";
	char letter = argc > 3 ? argv[3][0] : 'A', answer;
	/* IPv4 only, as in the chapter. ex12-07 tries every address of a name. */
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *server;
	int sockfd, problem;
	ssize_t got;

	setvbuf(stdout, NULL, _IOLBF, 0);

	/* getaddrinfo() has its own error numbers: strerror() does not know them. */
	problem = getaddrinfo(host, port, &hints, &server);
	if (problem != 0) {
		fprintf(stderr, "'%s' port '%s': %s\n", host, port, gai_strerror(problem));
		return 2;
	}

	sockfd = socket(server->ai_family, server->ai_socktype, server->ai_protocol);
	if (sockfd == -1)
		fail("socket");
	printf("socket()\n");

	if (connect(sockfd, server->ai_addr, server->ai_addrlen) == -1)
		fail("connect");
	printf("connect()\n");
	freeaddrinfo(server);

	/* One byte is sent or not. Of two or more bytes send() may take only a part. */
	if (send(sockfd, &letter, 1, MSG_NOSIGNAL) == -1)
		fail("send");
	printf("send %c to server\n", letter);

	/* 0 is neither an error nor a byte: the server has closed the connection. */
	got = recv(sockfd, &answer, 1, 0);
	if (got == 0)
		errno = ENODATA;
	if (got != 1)
		fail("recv");
	printf("recv %c from server\n", answer);

	close(sockfd);
	printf("close()\n");
	return EXIT_SUCCESS;
}
