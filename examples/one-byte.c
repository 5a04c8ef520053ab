/*
 * one-byte: how long a line takes that is sent one byte a call.
 *
 * The chapter's client and server move a line in a loop, one byte a call. The first byte leaves at
 * once. The kernel keeps the rest until that byte is acknowledged (Nagle's algorithm, RFC 896). The
 * other kernel delays the acknowledgement by 40 ms, because an answer could carry it (delayed ACK,
 * RFC 1122, 4.2.3.2). The system calls take microseconds; the waiting takes 44 ms.
 *
 * Three remedies are measured over the loopback interface: one send() for the line; TCP_NODELAY on
 * both sides; TCP_QUICKACK on the client, which is the side that delays the ACK.
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A new connection sends its first ACKs at once: the first lines are not measured. */
enum { WARM_UP = 20, LINES = 9, BYTES = 13 };

static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
	exit(EXIT_FAILURE);
}

static void make_pair(int *ret_client, int *ret_server)
{
	struct sockaddr_in address = { .sin_family = AF_INET }; /* port 0: the kernel chooses */
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	*ret_client = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, length) == -1 ||
		listen(listener, 1) == -1 ||
		getsockname(listener, (struct sockaddr *)&address, &length) == -1 ||
		connect(*ret_client, (struct sockaddr *)&address, length) == -1 ||
		(*ret_server = accept(listener, NULL, NULL)) == -1)
		fail("a connection to this program itself");
	close(listener);
}

/* The server, in a process of its own: it echoes at most `piece` bytes a call. */
static _Noreturn void echo(int sockfd, size_t piece)
{
	char buffer[BYTES];
	ssize_t got;

	while ((got = recv(sockfd, buffer, piece, 0)) > 0)
		send(sockfd, buffer, (size_t)got, MSG_NOSIGNAL);
	_exit(0);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double time_line(int sockfd, size_t piece, int quick)
{
	static const char line[BYTES + 1] = "hello world!\n";
	char buffer[BYTES];
	int on = 1;
	double start = now_ms();

	for (size_t at = 0; at < BYTES; at += piece)
		send(sockfd, line + at, piece, MSG_NOSIGNAL);
	for (size_t got = 0; got < BYTES;) {
		/* The option does not last: the kernel turns it off again (tcp(7)). */
		if (quick)
			setsockopt(sockfd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));

		ssize_t n = recv(sockfd, buffer, piece, 0);

		if (n <= 0)
			fail("recv");
		got += (size_t)n;
	}
	return now_ms() - start;
}

static int by_size(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

static void show(const char *how, size_t piece, int no_delay, int quick)
{
	double times[LINES];
	int client, server;
	pid_t child;

	make_pair(&client, &server);
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
	fflush(stdout);
	child = fork();
	if (child == -1)
		fail("fork");
	if (child == 0) {
		close(client);
		echo(server, piece);
	}
	close(server);
	for (int i = 0; i < WARM_UP; i++)
		time_line(client, piece, quick);
	for (int i = 0; i < LINES; i++)
		times[i] = time_line(client, piece, quick);
	close(client);
	waitpid(child, NULL, 0);
	qsort(times, LINES, sizeof(times[0]), by_size);
	printf("%-31s %8.3f ms\n", how, times[LINES / 2]);
}

int main(void)
{
	printf("a line of %d bytes and its echo, median of %d:\n", BYTES, LINES);
	show("one byte a call", 1, 0, 0);
	show("one byte a call, TCP_NODELAY", 1, 1, 0);
	show("one byte a call, TCP_QUICKACK", 1, 0, 1);
	show("one call for the line", BYTES, 0, 0);
	return EXIT_SUCCESS;
}
