/*
 * ex12-03 [DOMAIN]: socket() and close().
 *
 * A socket is a file descriptor: the lowest number that is free. 0, 1 and 2 are standard input,
 * output and error, so that the first socket of a program is 3. DOMAIN, a number, asks for another
 * family than AF_INET; 4 (AF_IPX) shows the failure.
 *
 * The chapter's listing left out the headers of close() and exit() and main()'s type, and did not
 * say why socket() failed; here the compiler sees every declaration and stderr tells the reason.
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

	/* Protocol 0: the one that this domain has for this type, here TCP. */
	sockfd = socket(domain, SOCK_STREAM, 0);
	if (sockfd == -1) {
		int reason = errno; /* printf() may overwrite errno */

		printf("fail to call socket()\n");
		fprintf(stderr, "socket: %s\n", strerror(reason));
		return EXIT_FAILURE;
	}
	printf("socket descriptor is %d\n", sockfd);

	/* The kernel would close it at exit; a server that never exits must do so itself. */
	close(sockfd);
	return EXIT_SUCCESS;
}
