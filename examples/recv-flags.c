/*
 * recv-flags: MSG_PEEK and MSG_OOB.
 *
 * MSG_PEEK reads the bytes and leaves them there for the next call. MSG_OOB takes the urgent byte
 * before its turn. Both ends of the connection are in this program.
 *
 * The chapter says of MSG_OOB only that it receives urgent data, not where that byte was in the
 * stream. sockatmark() and SO_OOBINLINE show that. RFC 6093 advises against urgent data in new
 * programs. (For MSG_NOSIGNAL in recv() see killed-client.c.)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* Waits for an event on the socket, two seconds at most. */
static void wait_for(int sockfd, short what)
{
	struct pollfd one = { .fd = sockfd, .events = what };

	if (poll(&one, 1, 2000) != 1) {
		errno = ETIMEDOUT;
		fail("poll");
	}
}

static void show_recv(int sockfd, size_t most, int flags, const char *name)
{
	char text[16] = "";

	if (recv(sockfd, text, most, flags) == -1)
		printf("%s: %s\n", name, strerror(errno));
	else
		printf("%s: %s\n", name, text);
}

static void show_peek(void)
{
	int client, server, waiting = 0;

	make_pair(&client, &server);
	if (send(client, "hello", 5, 0) != 5)
		fail("send");
	wait_for(server, POLLIN);
	show_recv(server, 9, MSG_PEEK, "MSG_PEEK");
	show_recv(server, 9, MSG_PEEK, "MSG_PEEK again");
	show_recv(server, 9, 0, "no flag");
	ioctl(server, FIONREAD, &waiting);
	printf("bytes left: %d\n", waiting);
	close(client);
	close(server);
}

static void show_urgent(int in_line)
{
	int client, server;

	make_pair(&client, &server);
	setsockopt(server, SOL_SOCKET, SO_OOBINLINE, &in_line, sizeof(in_line));
	printf("SO_OOBINLINE %s\n", in_line ? "on" : "off");
	/* Without an urgent byte recv() fails at once; it does not wait. */
	show_recv(server, 9, MSG_OOB, "MSG_OOB before anything was sent");
	if (send(client, "ab", 2, 0) != 2 || send(client, "!", 1, MSG_OOB) != 1 ||
		send(client, "cd", 2, 0) != 2)
		fail("send");
	wait_for(server, POLLPRI);
	show_recv(server, 9, MSG_OOB, "MSG_OOB");
	/* An ordinary recv() stops at the mark, so that a program can notice it. */
	show_recv(server, 9, 0, "no flag");
	printf("at the mark: %s\n", sockatmark(server) == 1 ? "yes" : "no");
	/* MSG_WAITALL: exactly this many bytes; it waits for the last of them. */
	show_recv(server, in_line ? 3 : 2, MSG_WAITALL, "past the mark");
	close(client);
	close(server);
}

int main(void)
{
	show_peek();
	show_urgent(0);
	show_urgent(1);
	return EXIT_SUCCESS;
}
