/*
 * recv-flags: MSG_PEEK and MSG_OOB seen at work.
 *
 * MSG_PEEK reads without taking: the bytes are still there for the next call. MSG_OOB takes the one
 * urgent byte, ahead of its turn. The program talks to itself through the loopback interface.
 *
 * The chapter says of MSG_OOB only that it receives urgent data, not where that byte was in the
 * stream; sockatmark() and SO_OOBINLINE tell, and RFC 6093 says: better not use it at all.
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

/* Until something happens there, but not for ever: on a network anything may fail to come. */
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
	/* Without an urgent byte there is nothing to take: an error, not a wait. */
	show_recv(server, 9, MSG_OOB, "MSG_OOB before anything was sent");
	if (send(client, "ab", 2, 0) != 2 || send(client, "!", 1, MSG_OOB) != 1 ||
		send(client, "cd", 2, 0) != 2)
		fail("send");
	wait_for(server, POLLPRI);
	show_recv(server, 9, MSG_OOB, "MSG_OOB");
	/* An ordinary recv() stops at the mark, so that a program can see where it is. */
	show_recv(server, 9, 0, "no flag");
	printf("at the mark: %s\n", sockatmark(server) == 1 ? "yes" : "no");
	/* MSG_WAITALL: exactly so many bytes, even if the last of them are still under way. */
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
