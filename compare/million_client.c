/*
 * The client's side of compare/million: opens a great many connections and holds them, then says one
 * byte on each. It works step by step, ordered by lines on standard input, and answers each with one
 * line, so that the driver can measure the server in between.
 *
 *	million_client PORT COUNT FIRST   connects to 127.0.0.1:PORT
 *	open  -> "opened N SECONDS"    from sources 127.1.0.1, ... 25,000 ports each, numbered from FIRST
 *	echo  -> "echoed N SECONDS"    one byte on every connection, up to 512 of them under way
 *	(end of input)                 closes and ends
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORTS_A_SOURCE 25000u
#define UNDER_WAY 512u
#define WAIT_MS 20000

/* Chosen by us: the kernel's search for a free port gets long when nearly all are taken. */
#define FIRST_PORT 10000u

static void fail(const char *what, unsigned done)
{
	fprintf(stderr, "million_client: %s after %u: %s\n", what, done, strerror(errno));
	exit(1);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int open_one(in_port_t port, unsigned index)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket", index);
	in.sin_addr.s_addr = htonl(0x7f010001u + index / PORTS_A_SOURCE);
	in.sin_port = htons((in_port_t)(FIRST_PORT + index % PORTS_A_SOURCE));
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0) {
		in.sin_port = 0; /* another process has it: then any */
		if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
			fail("bind", index);
	}
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons(port);
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		fail("connect", index);
	return fd;
}

/* The byte differs from connection to connection: an answer to another one would be noticed. */
static unsigned char byte_of(unsigned index)
{
	return (unsigned char)(index * 2654435761u >> 24);
}

static void say(const int *fds, unsigned index)
{
	unsigned char byte = byte_of(index);

	if (send(fds[index], &byte, 1, MSG_NOSIGNAL) != 1)
		fail("send", index);
}

static void hear(const int *fds, unsigned index)
{
	struct pollfd polled = { .fd = fds[index], .events = POLLIN };
	unsigned char byte;

	if (poll(&polled, 1, WAIT_MS) != 1) {
		errno = ETIMEDOUT;
		fail("the echo", index);
	}
	if (recv(fds[index], &byte, 1, 0) != 1 || byte != byte_of(index))
		fail("recv", index);
}

static void echo_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count + UNDER_WAY; i++) {
		if (i < count)
			say(fds, i);
		if (i >= UNDER_WAY)
			hear(fds, i - UNDER_WAY);
	}
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	char line[16];

	if (argc != 4) {
		fprintf(stderr, "usage: million_client PORT COUNT FIRST\n");
		return 2;
	}

	in_port_t port = (in_port_t)atoi(argv[1]);
	unsigned count = (unsigned)strtoul(argv[2], NULL, 10);
	unsigned first = (unsigned)strtoul(argv[3], NULL, 10);
	int *fds = calloc(count, sizeof(int));

	if (fds == NULL)
		fail("calloc", 0);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		double start_s = now_s();

		if (strcmp(line, "open\n") == 0) {
			for (unsigned i = 0; i < count; i++)
				fds[i] = open_one(port, first + i);
			printf("opened %u %.3f\n", count, now_s() - start_s);
		} else if (strcmp(line, "echo\n") == 0) {
			echo_all(fds, count);
			printf("echoed %u %.3f\n", count, now_s() - start_s);
		}
	}
	return 0; /* the kernel closes faster than a loop would */
}
