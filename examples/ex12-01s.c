/*
 * ex12-01s [PORT]: the first conversation, server side.
 *
 * It calls socket, bind, listen, accept, recv, send and close, for one client. It receives one
 * letter and answers with the next letter of the alphabet.
 *
 * The chapter's listing stores the port without htons(), so that a little-endian machine listens on
 * 34835 instead of 5000. It has no SO_REUSEADDR, does not name its peer, and lacks headers and
 * return types. Here all of that is right. The output on stdout is the chapter's; addresses and
 * reasons of failures go to stderr.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static _Noreturn void fail(const char *call)
{
	int reason = errno; /* printf() may overwrite errno */

	printf("fail to call %s()\n", call);
	fprintf(stderr, "%s: %s\n", call, strerror(reason));
	exit(EXIT_FAILURE);
}

/* atoi() would turn "http" into 0 and 70000 into 4464. strtoul() shows the mistake. */
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

static char next_letter(char letter)
{
	if (letter == 'Z')
		return 'A';
	if (letter == 'z')
		return 'a';
	return (char)(letter + 1);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET }, peer;
	socklen_t length = sizeof(address), peer_length = sizeof(peer);
	int on = 1, sockfd, sockfd_connect;
	char letter, answer;
	ssize_t got;

	/* In a pipe stdout would be fully buffered. With _IOLBF each line is written at once. */
	setvbuf(stdout, NULL, _IOLBF, 0);

	/* The network's byte order is big-endian, this machine's may not be: hence htons(). */
	address.sin_port = htons(argc > 1 ? port_or_exit(argv[1]) : 5000);
	/* With INADDR_ANY the whole network could connect. An exercise needs only this machine. */
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	sockfd = socket(AF_INET, SOCK_STREAM, 0);
	if (sockfd == -1)
		fail("socket");
	printf("socket()\n");

	/* Without it bind() fails for a minute after each run: old connections are in TIME_WAIT. */
	if (setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fail("setsockopt");
	if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind");
	printf("bind()\n");

	if (listen(sockfd, 5) == -1)
		fail("listen");
	printf("listen()\n");

	/* With port 0 the kernel chooses the port; getsockname() returns it. */
	if (getsockname(sockfd, (struct sockaddr *)&address, &length) == -1)
		fail("getsockname");
	fprintf(stderr, "listening on 127.0.0.1 port %d\n", ntohs(address.sin_port));

	/* EINTR cannot come here or below: this program installs no signal handler. */
	printf("waiting for client\n");
	sockfd_connect = accept(sockfd, (struct sockaddr *)&peer, &peer_length);
	if (sockfd_connect == -1)
		fail("accept");
	printf("accepted\n");
	fprintf(stderr, "the client is 127.0.0.1 port %d\n", ntohs(peer.sin_port));

	/* 0 is neither an error nor a byte: the client has closed the connection. */
	got = recv(sockfd_connect, &letter, 1, 0);
	if (got == 0)
		errno = ENODATA;
	if (got != 1)
		fail("recv");
	printf("recv %c from client\n", letter);

	/* With MSG_NOSIGNAL a client that has left causes EPIPE, not SIGPIPE. */
	answer = next_letter(letter);
	if (send(sockfd_connect, &answer, 1, MSG_NOSIGNAL) == -1)
		fail("send");
	printf("send %c to client\n", answer);

	close(sockfd_connect);
	close(sockfd);
	printf("close()\n");
	return EXIT_SUCCESS;
}
