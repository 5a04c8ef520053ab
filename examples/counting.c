/*
 * counting: send() and recv() count bytes, and the length that they are given is a limit.
 *
 * The chapter says that both move as many bytes as msg_len says, and that send() returns a number of
 * letters. recv() returns what has arrived, at most msg_len bytes; send() returns bytes; and a letter
 * may have several of them: in UTF-8 안녕!! has four letters and eight bytes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
	exit(EXIT_FAILURE);
}

/* Both ends of one TCP connection through the loopback interface. */
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

/* In UTF-8 a byte 10xxxxxx continues a letter, every other one begins it (RFC 3629). */
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

int main(void)
{
	static const char text[] = "안녕!!";
	const size_t bytes = sizeof(text) - 1;
	int client, server;

	make_pair(&client, &server);
	printf("%s has %zu letters\n", text, count_letters(text, bytes));
	printf("send() returns %zd\n", send(client, text, bytes, 0));
	wait_for_bytes(server);
	show_recv(server, 100); /* not one hundred: what is there */

	if (send(client, text, bytes, 0) == -1)
		fail("send");
	wait_for_bytes(server);
	show_recv(server, 4); /* the last of these bytes is the first third of a letter */
	show_recv(server, 100);
	close(client);
	close(server);
	return EXIT_SUCCESS;
}
