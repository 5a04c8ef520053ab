/*
 * backlog [NUMBER]: 많은 클라이언트가 한꺼번에 연결하는데 서버가 수락하지 않습니다.
 *
 * listen()의 두 번째 인자는 대기열(큐)의 길이입니다. 커널이 이미 맺었지만 accept()가 아직 꺼내지
 * 않은 연결이 여기에서 기다립니다. 리눅스는 요청한 것보다 하나를 더 받고, 그 뒤에 오는 SYN은 응답
 * 없이 버립니다. 그 클라이언트는 1초 뒤부터 SYN을 다시 보내며(RFC 6298), accept()가 자리를 내면
 * 연결됩니다.
 *
 * 교과서는 backlog가 0이 될 수 없고, 한꺼번에 받을 수 있는 요청의 수라고 적었습니다. 그러나 0도
 * 됩니다. 그때는 연결 하나가 대기열에서 기다립니다. 그리고 backlog는 기다리는 연결의 수만
 * 제한합니다. 여기서는 backlog보다 다섯 개 많은 클라이언트가 연결합니다.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 5, MORE = 5, MOST = 100 };

static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
	exit(EXIT_FAILURE);
}

static int listen_somewhere(int backlog, struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = { .sin_family = AF_INET }; /* 포트 0: 커널이 고릅니다 */
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener == -1 || bind(listener, (struct sockaddr *)&address, length) == -1 ||
		listen(listener, backlog) == -1 ||
		getsockname(listener, (struct sockaddr *)&address, &length) == -1)
		fail("listen");
	*ret_address = address;
	return listener;
}

static int start_connecting(const struct sockaddr_in *address)
{
	int sockfd = socket(AF_INET, SOCK_STREAM, 0);

	if (sockfd == -1)
		fail("socket");
	/* O_NONBLOCK이 없으면 자리가 없는 첫 클라이언트의 connect()가 여기서 기다립니다. */
	fcntl(sockfd, F_SETFL, O_NONBLOCK);
	if (connect(sockfd, (const struct sockaddr *)address, sizeof(*address)) == -1 &&
		errno != EINPROGRESS)
		fail("connect");
	return sockfd;
}

/* 연결된 소켓에는 쓸 수 있습니다. 50밀리초 안에 쓸 수 없으면 아직 기다리는 중입니다. */
static int is_connected(int sockfd)
{
	struct pollfd one = { .fd = sockfd, .events = POLLOUT };

	return poll(&one, 1, 50) == 1 && !(one.revents & (POLLERR | POLLHUP));
}

int main(int argc, char **argv)
{
	int backlog = argc > 1 ? atoi(argv[1]) : BACKLOG, count = backlog + MORE;
	struct sockaddr_in address;
	int clients[MOST + MORE], connected = 0;

	if (backlog < 0 || backlog > MOST) {
		fprintf(stderr, "a backlog from 0 to %d is wanted\n", MOST);
		return 2;
	}

	int listener = listen_somewhere(backlog, &address);

	for (int i = 0; i < count; i++) {
		int in;

		clients[i] = start_connecting(&address);
		in = is_connected(clients[i]);
		connected += in;
		printf("client %d: %s\n", i + 1, in ? "connected" : "waiting");
	}
	printf("backlog %d, nobody accepts: %d are connected, %d wait\n", backlog, connected,
		count - connected);

	/* 기다리는 클라이언트는 1초 뒤에 SYN을 다시 보냅니다. 10초면 충분합니다. */
	for (int i = 0; i < count; i++) {
		struct pollfd one = { .fd = listener, .events = POLLIN };
		int accepted = poll(&one, 1, 10000) == 1 ? accept(listener, NULL, NULL) : -1;

		if (accepted == -1)
			fail("accept");
		close(accepted);
	}
	printf("%d times accept(): everyone got in\n", count);

	for (int i = 0; i < count; i++)
		close(clients[i]);
	close(listener);
	return EXIT_SUCCESS;
}
