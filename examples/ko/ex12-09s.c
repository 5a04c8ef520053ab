/*
 * ex12-09s [PORT]: 종료하는 클라이언트와 비정상 종료하는 클라이언트를 상대하는 서버입니다.
 *
 * 클라이언트는 정상적으로 종료하거나(recv()가 0을 반환), 비정상 종료하거나(ECONNRESET, EPIPE),
 * 네트워크가 끊겨 아무것도 보내지 못할 수 있습니다. 어느 경우든 서버는 그 연결만 잃고, 무슨 일이
 * 있었는지 표준 오류에 출력한 뒤 다음 클라이언트를 받습니다.
 *
 * 교과서의 서버는 처음 죽은 클라이언트와 함께 끝납니다. SIGPIPE 처리기가 exit()를 호출하고,
 * 처리기에서 쓸 수 없는 printf()도 호출합니다(signal-safety(7)). 여기서는 시그널을 무시합니다.
 * 그러면 send()가 -1과 EPIPE를 반환하므로, 어느 클라이언트인지 아는 곳에서 처리할 수 있습니다.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
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

/* 0: 클라이언트가 종료했고 모두 되돌려 보냈습니다. -1: 비정상 종료했습니다(errno 참고). */
static int echo(int sockfd)
{
	char buffer[4096];
	ssize_t got, sent;

	while ((got = recv(sockfd, buffer, sizeof(buffer), 0)) != 0) {
		if (got == -1 && errno != EINTR)
			return -1;
		for (ssize_t done = 0; done < got; done += sent) {
			sent = send(sockfd, buffer + done, (size_t)(got - done), 0);
			if (sent == -1 && errno != EINTR)
				return -1;
			if (sent == -1)
				sent = 0; /* 시그널 때문에 한 바이트도 보내지 못했습니다 */
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	int on = 1, sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* 프로세스의 모든 send()에 적용됩니다. MSG_NOSIGNAL은 호출 하나에만 적용됩니다. */
	signal(SIGPIPE, SIG_IGN);
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
		/* 전원이 꺼진 컴퓨터는 FIN도 보내지 못하므로 커널이 살아 있는지 확인하게 합니다. */
		setsockopt(sockfd_connect, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));

		const char *how = echo(sockfd_connect) == 0 ? "finished" : strerror(errno);

		fprintf(stderr, "127.0.0.1 port %d: %s\n", ntohs(peer.sin_port), how);
		/*
		 * 오류가 나도 닫습니다. 닫지 않은 파일 기술자는 다른 클라이언트에게 쓸 수 없습니다.
		 */
		close(sockfd_connect);
	}
}
