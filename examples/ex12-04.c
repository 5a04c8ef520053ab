/*
 * ex12-04 [PORT]: bind() gives a socket its local address.
 *
 * No client can connect to a socket before that. Two sockets cannot listen on one address: bind()
 * fails while a server listens on the port.
 *
 * The chapter's listing stores its port 1004 without htons(). On a little-endian machine that is
 * port 60419, which every user may bind. With htons() it is 1004, and a port below 1024 needs root.
 * The listing has no SO_REUSEADDR either, so that a server cannot start again right after it ended.
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
	/* An initializer zeroes every member that it does not name, such as sin_zero. */
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
	 * It must come before bind(). On Linux it allows the port while old connections are in
	 * TIME_WAIT, but not while another socket listens on it.
	 */
	if (setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fail("setsockopt");

	/* bind() takes addresses of all families, hence the generic type and the length. */
	if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind");

	if (getsockname(sockfd, (struct sockaddr *)&address, &length) == -1)
		fail("getsockname");
	fprintf(stderr, "bound to 127.0.0.1 port %d\n", ntohs(address.sin_port));
	/* Without htons() the chapter's 1004 is 60419, free for everybody; 1004 needs root. */
	fprintf(stderr, "without htons() port %d would be port %d\n", port, ntohs(port));

	close(sockfd);
	return EXIT_SUCCESS;
}
