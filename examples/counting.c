/*
 * counting: send() and recv() count bytes, and their third argument is a limit.
 *
 * The chapter says that both calls move as many bytes as msg_len says, and that send() returns the
 * number of letters. But recv() returns what has arrived, at most msg_len bytes. send() returns
 * bytes, and a letter may have several: in UTF-8 안녕!! has four letters and eight bytes.
 *
 * A blocking send() waits until the kernel has taken all bytes. It returns with a part of them
 * after a time limit (SO_SNDTIMEO), with MSG_DONTWAIT, or after a signal.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than the buffers of both sides hold together. */
enum { MANY = 32 << 20 };

static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
	exit(EXIT_FAILURE);
}

/* Makes both ends of one TCP connection over the loopback interface. */
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

/* In UTF-8 a byte 10xxxxxx continues a letter; every other byte begins one (RFC 3629). */
static size_t count_letters(const char *text, size_t bytes)
{
	size_t letters = 0;

	for (size_t i = 0; i < bytes; i++)
		letters += ((unsigned char)text[i] & 0xc0) != 0x80;
	return letters;
}

static void wait_for_bytes(int sockfd)
{
	struct pollfd one = { .fd = sockfd, .events = POLLIN };

	if (poll(&one, 1, 2000) != 1)
		fail("poll");
}

static void show_recv(int sockfd, size_t most)
{
	char buffer[100];
	ssize_t got = recv(sockfd, buffer, most, 0);

	if (got == -1)
		fail("recv");
	printf("recv() of at most %zu bytes: %zd bytes, %zu letters begin there\n", most, got,
		count_letters(buffer, (size_t)got));
}

/* Sends more than fits, and prints whether send() took all of it. `limit_ms` 0: no limit. */
static void show_send(const char *how, int flags, int limit_ms, int somebody_reads)
{
	struct timeval limit = { .tv_usec = limit_ms * 1000 };
	char *many = calloc(MANY, 1);
	int client, server;
	pid_t reader = -1;
	ssize_t sent;

	if (!many)
		fail("calloc");
	make_pair(&client, &server);
	setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (somebody_reads) {
		reader = fork();
		if (reader == -1)
			fail("fork");
		if (reader == 0) {
			close(client); /* or this process would never see the end */
			while (recv(server, many, MANY, 0) > 0)
				;
			_exit(0);
		}
	}
	sent = send(client, many, MANY, flags);
	if (sent == -1)
		fail("send");
	printf("send() of %d bytes, %s: it took %s\n", MANY, how, sent == MANY ? "all" : "a part");
	close(client);
	close(server);
	if (reader != -1)
		waitpid(reader, NULL, 0);
	free(many);
}

int main(void)
{
	static const char text[] = "안녕!!";
	const size_t bytes = sizeof(text) - 1;
	int client, server;

	make_pair(&client, &server);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%s has %zu letters\n", text, count_letters(text, bytes));
	printf("send() returns %zd\n", send(client, text, bytes, 0));
	wait_for_bytes(server);
	show_recv(server, 100); /* not 100 bytes: only what has arrived */

	if (send(client, text, bytes, 0) == -1)
		fail("send");
	wait_for_bytes(server);
	show_recv(server, 4); /* the last of these four bytes is the first third of a letter */
	show_recv(server, 100);
	close(client);
	close(server);

	show_send("somebody reads", 0, 0, 1);
	show_send("nobody reads, SO_SNDTIMEO", 0, 50, 0);
	show_send("nobody reads, MSG_DONTWAIT", MSG_DONTWAIT, 0, 0);
	return EXIT_SUCCESS;
}
