/*
 * ex12-03 [DOMAIN]: socket() and close().
 *
 * A socket is a file descriptor: the lowest free number. 0, 1 and 2 are standard input, output and
 * error, so the first socket of a program is 3. DOMAIN is the number of another family than
 * AF_INET; 4 (AF_IPX) shows the failure.
 *
 * The chapter's listing lacks the headers for close() and exit() and the type of main(), and does
 * not print why socket() failed. Here all declarations are there, and the reason goes to stderr.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int domain = argc > 1 ? atoi(argv[1]) : AF_INET;
	int sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);

	/* Protocol 0: the usual one of this domain and type, here TCP. */
	sockfd = socket(domain, SOCK_STREAM, 0);
	if (sockfd == -1) {
		int reason = errno; /* printf() may overwrite errno */

		printf("fail to call socket()\n");
		fprintf(stderr, "socket: %s\n", strerror(reason));
		return EXIT_FAILURE;
	}
	printf("socket descriptor is %d\n", sockfd);

	/* The kernel closes it at exit, too. A server that runs for long must do it by itself. */
	close(sockfd);
	return EXIT_SUCCESS;
}
