/*
 * client [HOST [PORT]]: a client with five holes, for an echo server.
 *
 * It sends each line of its input and prints what comes back. Holes 1 and 2 end the program while they
 * are empty. Holes 3 to 5 hold code that compiles and is wrong. See README.md.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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

static _Noreturn void server_is_gone(void)
{
	printf("server has no reply\n");
	exit(EXIT_FAILURE);
}

static void send_all(int sockfd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t sent = send(sockfd, bytes, count, MSG_NOSIGNAL);

		if (sent == -1)
			server_is_gone();
		bytes += sent;
		count -= (size_t)sent;
	}
}

/* Receives and prints `count` bytes. */
static void receive_echo(int sockfd, size_t count)
{
	char buffer[4096];

	while (count > 0) {
		size_t most = count < sizeof(buffer) ? count : sizeof(buffer);
		ssize_t got = recv(sockfd, buffer, most, 0);

		/*
		 * Hole 3: what do 0 and -1 say of the server? Call server_is_gone() then. This code
		 * goes on as if nothing were wrong.
		 */
		if (got == -1)
			got = 0;
		/* End of hole 3. */

		fwrite(buffer, 1, (size_t)got, stdout);

		/*
		 * Hole 4: one recv() may return only a part of the line, even a part of a letter.
		 * Let the loop receive the rest. This code stops after the first part.
		 */
		count = 0;
		/* End of hole 4. */
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sockaddr_in server = { .sin_family = AF_INET };
	const char *host = argc > 1 ? argv[1] : "127.0.0.1";
	int port = atoi(argc > 2 ? argv[2] : "5000"), sockfd = -1;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	/* Hole 1: put `host` and `port` into `server`, in network byte order; refuse a bad host. */
	empty(1);
	/* End of hole 1. */

	/* Hole 2: make a TCP socket, the result is `sockfd`, and connect it to `server`. */
	fprintf(stderr, "to connect: '%s' port %d, family %d\n", host, port, server.sin_family);
	empty(2);
	/* End of hole 2. */

	printf("Input a message\n");
	while ((length = getline(&line, &room, stdin)) != -1) {
		send_all(sockfd, line, (size_t)length);
		receive_echo(sockfd, (size_t)length);
		printf("Input a message\n");
	}
	free(line);

	/*
	 * Hole 5: end of input (Ctrl-D). Say so to the server (half-close), and wait until it has
	 * finished, too: recv() then returns 0. This code leaves at once.
	 */
	close(sockfd);
	return EXIT_SUCCESS;
	/* End of hole 5. */
}
