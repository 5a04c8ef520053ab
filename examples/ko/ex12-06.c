/*
 * ex12-06 [PORT]: accept() 반복문입니다.
 *
 * accept()는 대기열에서 맺어진 연결을 하나 꺼내 새 파일 기술자를 반환합니다. 대기 소켓은 그대로
 * 남습니다. accept()가 실패하면 그 사실을 출력하고 계속합니다. 이 서버는 클라이언트의 주소를
 * 출력하고 연결을 닫기만 합니다. Ctrl-C로 끝냅니다.
 *
 * 교과서의 코드는 주소 인자를 넘기지 않아 상대가 누구인지 모릅니다. 그리고 실패할 때마다 곧바로
 * accept()를 다시 호출합니다. "열린 파일이 너무 많음" 오류라면 CPU를 모두 써 버립니다.
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

static void report_failure_and_wait(int reason)
{
	printf("fail to call accept()\n");
	fprintf(stderr, "accept: %s\n", strerror(reason));
	/*
	 * ECONNABORTED는 대기열에서 기다리다가 떠난 클라이언트 하나의 문제입니다. 다른 오류라면
	 * 다음 accept()도 곧바로 실패하므로 먼저 기다립니다.
	 */
	if (reason != ECONNABORTED)
		poll(NULL, 0, 100);
}

int main(int argc, char **argv)
{
	int sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sockfd = listen_on_loopback(argc > 1 ? port_or_exit(argv[1]) : 5000);

	for (;;) {
		struct sockaddr_in peer;
		/*
		 * accept()는 여기서 버퍼의 크기를 읽고, 실제로 쓴 길이를 적습니다. 그래서 매번 다시
		 * 넣습니다.
		 */
		socklen_t length = sizeof(peer);
		int sockfd_connect = accept(sockfd, (struct sockaddr *)&peer, &length);

		if (sockfd_connect == -1) {
			if (errno != EINTR) /* 시그널 때문에 중단되었을 뿐, 실패가 아닙니다 */
				report_failure_and_wait(errno);
			continue;
		}
		fprintf(stderr, "accepted 127.0.0.1 port %d\n", ntohs(peer.sin_port));
		/* 연결 하나만 닫습니다. 여기서 sockfd를 닫으면 서버가 끝납니다. */
		close(sockfd_connect);
	}
}
