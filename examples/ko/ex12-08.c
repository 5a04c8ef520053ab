/*
 * ex12-08 [PORT]: 에코 반복문입니다.
 *
 * 수신한 것을 되돌려 보내고, recv()가 0을 반환하면 멈춘 뒤 다음 클라이언트를 받습니다. TCP는 바이트
 * 스트림이어서 한 번의 send()가 여러 번의 recv()로 나뉘거나, 여러 번의 send()가 한 번의 recv()로
 * 합쳐질 수 있습니다. 그래서 메시지가 아니라 바이트를 셉니다. Ctrl-C로 끝냅니다.
 *
 * 교과서의 코드는 한 번에 한 바이트씩 주고받아 한 줄에 44밀리초가 걸리고(one-byte.c 참고), send()의
 * 반환값을 확인하지 않습니다. 여기서는 버퍼째로 주고받으며, 일부만 보내졌으면 나머지를 다시
 * 보냅니다. 교과서처럼 한 번에 클라이언트 하나만 상대합니다. ex12-10s는 모두를 동시에 상대합니다.
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
	int reason = errno; /* printf()가 errno를 바꿀 수 있습니다 */

	printf("fail to call %s()\n", call);
	fprintf(stderr, "%s: %s\n", call, strerror(reason));
	exit(EXIT_FAILURE);
}

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

static int listen_on_loopback(in_port_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t length = sizeof(address);
	int on = 1, sockfd = socket(AF_INET, SOCK_STREAM, 0);

	if (sockfd == -1)
		fail("socket");
	if (setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fail("setsockopt");
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind");
	if (listen(sockfd, 5) == -1)
		fail("listen");
	if (getsockname(sockfd, (struct sockaddr *)&address, &length) == -1)
		fail("getsockname");
	fprintf(stderr, "listening on 127.0.0.1 port %d\n", ntohs(address.sin_port));
	return sockfd;
}

static int send_all(int sockfd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t sent = send(sockfd, bytes, count, MSG_NOSIGNAL); /* ex12-09s 참고 */

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			return -1;
		/* 시그널, 시간 제한, MSG_DONTWAIT 때문에 일부만 보내졌습니다. 나머지를 보냅니다. */
		bytes += sent;
		count -= (size_t)sent;
	}
	return 0;
}

static void echo(int sockfd)
{
	char buffer[4096]; /* 크기는 상관없습니다. recv()는 많아야 이만큼 반환합니다 */

	for (;;) {
		ssize_t got = recv(sockfd, buffer, sizeof(buffer), 0);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == 0) /* 클라이언트가 종료했고 모두 되돌려 보냈습니다 */
			return;
		if (got == -1 || send_all(sockfd, buffer, (size_t)got) == -1) {
			fprintf(stderr, "lost a client: %s\n", strerror(errno));
			return;
		}
	}
}

int main(int argc, char **argv)
{
	int sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sockfd = listen_on_loopback(argc > 1 ? port_or_exit(argv[1]) : 5000);

	for (;;) {
		struct sockaddr_in peer;
		socklen_t length = sizeof(peer);
		int sockfd_connect = accept(sockfd, (struct sockaddr *)&peer, &length);

		if (sockfd_connect == -1) {
			if (errno == EINTR)
				continue;
			printf("fail to call accept()\n");
			poll(NULL, 0, 100); /* 이유는 ex12-06 참고 */
			continue;
		}
		fprintf(stderr, "serving 127.0.0.1 port %d\n", ntohs(peer.sin_port));
		echo(sockfd_connect);
		close(sockfd_connect);
	}
}
