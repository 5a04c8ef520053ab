/*
 * ex12-04 [PORT]: bind() gives a socket its local address.
 *
 * Until then nobody could call it. Two sockets cannot listen on one address: run this while a
 * server holds the port, and bind() fails.
 *
 * The chapter's listing stored its port 1004 without htons(). On a little-endian machine that is port
 * 60419, which everybody may use; with htons() it is 1004, and below 1024 bind() needs root. It also had no
 * SO_REUSEADDR, so that a server could not be started again right after it ended.
 */
#include <arpa/inet.h>
#include <errno.h>
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

int main(int argc, char **argv)
{
	/* An initializer zeroes every member that it does not name, sin_zero among them. */
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	in_port_t port;
	int on = 1, sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	port = argc > 1 ? port_or_exit(argv[1]) : 5000;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	sockfd = socket(AF_INET, SOCK_STREAM, 0);
	if (sockfd == -1)
		fail("socket");

	/*
	 * After bind() it would be too late. On Linux it lets the port be taken while old
	 * connections are in TIME_WAIT, never while another socket listens on it.
	 */
	if (setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fail("setsockopt");

	/* bind() takes the address of every family, hence the generic type and the length. */
	if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind");

	if (getsockname(sockfd, (struct sockaddr *)&address, &length) == -1)
		fail("getsockname");
	fprintf(stderr, "bound to 127.0.0.1 port %d\n", ntohs(address.sin_port));
	/* The chapter's 1004 became 60419, a port for everybody; the real 1004 needs root. */
	fprintf(stderr, "without htons() port %d would be port %d\n", port, ntohs(port));

	close(sockfd);
	return EXIT_SUCCESS;
}
