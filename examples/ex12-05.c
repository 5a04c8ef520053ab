/*
 * ex12-05 [PORT]: listen() with a backlog of 5.
 *
 * A new socket can connect, or it can accept connections. listen() makes it a listening socket.
 * From then on the kernel answers every connect() by itself and keeps the finished connections in a
 * queue until accept() takes them (see backlog.c).
 *
 * The chapter's listing has the port in the wrong byte order and no SO_REUSEADDR. Here both are
 * right. SO_ACCEPTCONN shows on stderr what listen() has changed.
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

static void say_whether_listening(const char *when, int sockfd)
{
	int listening = 0;
	socklen_t length = sizeof(listening);

	if (getsockopt(sockfd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == -1)
		fail("getsockopt");
	fprintf(stderr, "%s listen(): the socket %s\n", when,
		listening ? "accepts connections" : "does not accept connections");
}

/* The chapter says that listen() needs bind(). It does not: the kernel chooses a port. */
static void listen_without_bind(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int sockfd = socket(AF_INET, SOCK_STREAM, 0);

	if (sockfd == -1)
		fail("socket");
	if (listen(sockfd, 5) == -1)
		fail("listen");
	if (getsockname(sockfd, (struct sockaddr *)&address, &length) == -1)
		fail("getsockname");
	fprintf(stderr, "without bind(): listen() succeeds, and the kernel has chosen %s\n",
		address.sin_port ? "a port" : "no port");
	close(sockfd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int on = 1, sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	address.sin_port = htons(argc > 1 ? port_or_exit(argv[1]) : 5000);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	sockfd = socket(AF_INET, SOCK_STREAM, 0);
	if (sockfd == -1)
		fail("socket");
	if (setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fail("setsockopt");
	if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind");

	say_whether_listening("before", sockfd);
	/* Linux cuts it to /proc/sys/net/core/somaxconn. SOMAXCONN asks for the most. */
	if (listen(sockfd, 5) == -1)
		fail("listen");
	say_whether_listening("after", sockfd);
	listen_without_bind();

	close(sockfd);
	return EXIT_SUCCESS;
}
