/*
 * The limit of load generators on a readiness loop: one receive and one send an echo, and one epoll_wait for
 * everybody who was ready. A closed loop, one message under way on each connection.
 *
 *	client tcp:PORT CONNECTIONS BYTES SECONDS     prints how many messages came back
 *
 * Left out: everything. Bytes are not compared, nothing is timed, no clock is read.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void on_alarm(int signal __attribute__((unused)))
{
	over = 1;
}

static int must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

int main(int argc, char **argv)
{
	static char message[65536], buffer[65536];
	static size_t back[65536]; /* bytes of the message under way that have come back */
	struct sockaddr_in name = { .sin_family = AF_INET };
	struct epoll_event events[256], event = { .events = EPOLLIN };
	int epoll = must(epoll_create1(0), "epoll"), on = 1;
	unsigned long echoes = 0;

	if (argc != 5 || strncmp(argv[1], "tcp:", 4) != 0 || atoi(argv[3]) > (int)sizeof(message)) {
		fprintf(stderr, "usage: %s tcp:PORT CONNECTIONS BYTES SECONDS\n", argv[0]);
		return 2;
	}

	size_t bytes = (size_t)atoi(argv[3]);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	name.sin_port = htons((unsigned short)atoi(argv[1] + 4));
	signal(SIGALRM, on_alarm);
	for (int i = 0; i < atoi(argv[2]); i++) {
		int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");

		must(connect(fd, (struct sockaddr *)&name, sizeof(name)), "connect");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		event.data.fd = fd;
		must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
		must((int)send(fd, message, bytes, 0), "send");
	}
	alarm((unsigned)atoi(argv[4]));
	while (!over) {
		int count = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			ssize_t length = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

			if (length <= 0)
				must(-1, "recv");
			back[fd] += (size_t)length;
			if (back[fd] < bytes)
				continue;
			back[fd] = 0;
			echoes++;
			must((int)send(fd, message, bytes, 0), "send");
		}
	}
	printf("%lu\n", echoes);
	return 0;
}
