/*
 * ex12-10c [HOST [PORT]]: the interactive client.
 *
 * It has two streams: bytes from the keyboard go to the server, bytes from the server go to the
 * screen. poll() says which of them has something. The prompt comes back after every newline that
 * came back, so a line may have any length. No byte of a UTF-8 letter looks like a newline. After
 * Ctrl-D the client still receives all that it has sent.
 *
 * The chapter's client stores the result of getchar() in a char, sends the end of input as a byte,
 * and loops without end. Here the end of input is shutdown(SHUT_WR), not a byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* `out` holds bytes that were read from the keyboard and are not sent yet. */
static char out[4096];
static size_t out_start, out_end;
static unsigned long long bytes_sent, bytes_received;
static int input_ended;

static int connect_to(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list;
	int sockfd, problem = getaddrinfo(host, port, &hints, &list);

	if (problem != 0) {
		fprintf(stderr, "'%s' port '%s': %s\n", host, port, gai_strerror(problem));
		exit(2);
	}
	for (const struct addrinfo *one = list; one; one = one->ai_next) {
		sockfd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
		if (connect(sockfd, one->ai_addr, one->ai_addrlen) == 0) {
			freeaddrinfo(list);
			return sockfd;
		}
		fprintf(stderr, "connect: %s\n", strerror(errno));
		close(sockfd);
	}
	printf("fail to call connect()\n");
	exit(EXIT_FAILURE);
}

static _Noreturn void server_is_gone(const char *why)
{
	printf("server has no reply\n");
	fprintf(stderr, "%s\n", why);
	exit(EXIT_FAILURE);
}

/* The socket is non-blocking: EAGAIN means "not now"; poll() says when to try again. */
static int try_later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void read_input(void)
{
	ssize_t got = read(STDIN_FILENO, out, sizeof(out));

	if (got == -1 && try_later())
		return;
	if (got == -1)
		fprintf(stderr, "standard input: %s\n", strerror(errno));
	input_ended = got <= 0;
	out_start = 0;
	out_end = got > 0 ? (size_t)got : 0;
}

static void send_some(int sockfd)
{
	ssize_t sent = send(sockfd, out + out_start, out_end - out_start, MSG_NOSIGNAL);

	if (sent == -1 && !try_later())
		server_is_gone(strerror(errno));
	if (sent > 0) {
		out_start += (size_t)sent;
		bytes_sent += (unsigned long long)sent;
	}
}

/* Returns 0 if the server has finished. */
static int receive_some(int sockfd)
{
	char in[4096];
	ssize_t got = recv(sockfd, in, sizeof(in), 0);

	if (got == -1 && !try_later())
		server_is_gone(strerror(errno));
	for (ssize_t at = 0; at < got; at++) {
		putchar(in[at]);
		if (in[at] == '\n')
			printf("Input a message\n");
	}
	fflush(stdout); /* a part of a line has no newline that would flush it */
	if (got > 0)
		bytes_received += (unsigned long long)got;
	return got != 0;
}

int main(int argc, char **argv)
{
	struct pollfd ends[2];
	int sockfd, finished = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sockfd = connect_to(argc > 1 ? argv[1] : "127.0.0.1", argc > 2 ? argv[2] : "5000");
	/*
	 * With blocking calls both could wait without end: this client in send(), because the
	 * server waits in its own send() until this client reads.
	 */
	fcntl(sockfd, F_SETFL, fcntl(sockfd, F_GETFL) | O_NONBLOCK);
	printf("Input a message\n");

	for (;;) {
		int full = out_start < out_end;

		if (input_ended && !full && !finished)
			finished = shutdown(sockfd, SHUT_WR) == 0;
		/* poll() skips a negative descriptor. Do not read without room for the bytes. */
		ends[0] = (struct pollfd){ .fd = full || input_ended ? -1 : STDIN_FILENO,
			.events = POLLIN };
		ends[1] = (struct pollfd){ .fd = sockfd,
			.events = full ? POLLIN | POLLOUT : POLLIN };
		if (poll(ends, 2, -1) == -1)
			continue; /* EINTR, as after Ctrl-Z and fg: try again */
		if (ends[0].revents)
			read_input();
		if (ends[1].revents & POLLOUT)
			send_some(sockfd);
		if (ends[1].revents & (POLLIN | POLLHUP | POLLERR) && !receive_some(sockfd))
			break;
	}
	if (!finished || bytes_received < bytes_sent)
		server_is_gone("the server closed the connection");
	close(sockfd);
	return EXIT_SUCCESS;
}
