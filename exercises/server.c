/*
 * server [PORT]: an echo server with eight holes.
 *
 * Fill them in order. Holes 1 to 5 end the program while they are empty. Holes 6 to 8 hold code that
 * compiles and is wrong: `make check` shows what goes wrong. See README.md.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

__attribute__((unused)) static _Noreturn void empty(int hole)
{
	fprintf(stderr, "hole %d is empty\n", hole);
	exit(EXIT_FAILURE);
}

/* For your holes: prints which call failed and why, and ends the program. */
__attribute__((unused)) static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
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

static int send_all(int sockfd, const char *bytes, size_t count)
{
	while (count > 0) {
		/* At most 4096 bytes a call, so that send() takes only a part of each long message. */
		ssize_t sent = send(sockfd, bytes, count < 4096 ? count : 4096, 0);

		if (sent == -1)
			return -1;
		/*
		 * Hole 7: send() has taken `sent` bytes of `count`. Let the loop send the rest.
		 * This code loses it.
		 */
		return 0;
		/* End of hole 7. */
	}
	return 0;
}

/* One client, until it finishes or dies. */
static void echo(int sockfd)
{
	char buffer[65536];
	int on = 1;

	/* Without it the last piece would wait for an ACK: see one-byte in the textbook. */
	setsockopt(sockfd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

	for (;;) {
		ssize_t got = -1;

		/* Hole 5: receive up to sizeof(buffer) bytes into `buffer`; the result is `got`. */
		empty(5);
		/* End of hole 5. */

		/*
		 * Hole 6: when is the client's input at its end, and what is -1? Return then.
		 * This code never stops.
		 */
		if (got == -1)
			got = 0;
		/* End of hole 6. */

		if (send_all(sockfd, buffer, (size_t)got) == -1)
			return;
	}
}

int main(int argc, char **argv)
{
	in_port_t port = port_or_exit(argc > 1 ? argv[1] : "5000");
	int sockfd = -1;

	setvbuf(stdout, NULL, _IOLBF, 0);

	/*
	 * Hole 8: a client may leave before its echo is sent. send() then raises SIGPIPE, which
	 * ends this server. Find the two ways to avoid that, and use one. (Two places are possible.)
	 */
	signal(SIGPIPE, SIG_DFL);
	/* End of hole 8. */

	/* Hole 1: make a TCP socket for IPv4; the result is `sockfd`. */
	empty(1);
	/* End of hole 1. */

	/* Hole 2: allow the port again right after a run, then bind to 127.0.0.1 and `port`. */
	empty(2);
	/* End of hole 2. */

	/* Hole 3: make it a listening socket. */
	empty(3);
	/* End of hole 3. */

	fprintf(stderr, "listening on 127.0.0.1 port %d, descriptor %d\n", port, sockfd);
	for (;;) {
		int sockfd_connect = -1;

		/* Hole 4: accept a connection. After a failure go on with the loop. */
		empty(4);
		/* End of hole 4. */

		printf("accepted\n");
		echo(sockfd_connect);
		close(sockfd_connect);
		printf("close(sockfd_connect)\n");
	}
}
