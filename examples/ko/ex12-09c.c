/*
 * ex12-09c [HOST [PORT [HOW]]]: 세 가지 종료 방법, 클라이언트입니다.
 *
 * HOW는 다음 중 하나입니다.
 * `finish`: shutdown(SHUT_WR)으로 보내기만 끝내고 나머지를 받습니다(half-close).
 * `leave`: 곧바로 close()합니다. 그 뒤에 도착하는 바이트에는 커널이 RST로 응답합니다.
 * `reset`: FIN 없이 곧바로 RST를 보냅니다.
 *
 * 교과서의 클라이언트는 close()만 씁니다. close()는 두 방향을 모두 끝내므로 돌아오던 바이트가
 * 손실됩니다. 여기의 기본값은 `finish`입니다.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
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

static int connect_to(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list;
	int sockfd = -1, problem = getaddrinfo(host, port, &hints, &list);

	if (problem != 0) {
		fprintf(stderr, "'%s' port '%s': %s\n", host, port, gai_strerror(problem));
		exit(2);
	}
	for (const struct addrinfo *one = list; one && sockfd == -1; one = one->ai_next) {
		sockfd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
		if (sockfd == -1)
			continue;
		if (connect(sockfd, one->ai_addr, one->ai_addrlen) == -1) {
			int reason = errno; /* close()가 errno를 바꿀 수 있습니다 */

			close(sockfd);
			sockfd = -1;
			errno = reason;
		}
	}
	if (sockfd == -1)
		fail("connect");
	freeaddrinfo(list);
	return sockfd;
}

static void finish(int sockfd)
{
	char buffer[64];
	ssize_t got;

	if (shutdown(sockfd, SHUT_WR) == -1)
		fail("shutdown");
	printf("shutdown(SHUT_WR)\n");
	while ((got = recv(sockfd, buffer, sizeof(buffer), 0)) > 0)
		printf("recv %.*s", (int)got, buffer);
	if (got == -1)
		fail("recv");
	printf("recv: the end\n");
}

int main(int argc, char **argv)
{
	const char *how = argc > 3 ? argv[3] : "finish";
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(how, "finish") && strcmp(how, "leave") && strcmp(how, "reset")) {
		fprintf(stderr, "'%s' is not a manner: finish, leave or reset\n", how);
		return 2;
	}
	sockfd = connect_to(argc > 1 ? argv[1] : "127.0.0.1", argc > 2 ? argv[2] : "5000");
	printf("connect()\n");

	/* 6바이트는 빈 버퍼에 들어가므로 이 send()는 모두 보냅니다. */
	if (send(sockfd, "hello\n", 6, MSG_NOSIGNAL) == -1)
		fail("send");
	printf("send hello\n");

	if (strcmp(how, "finish") == 0)
		finish(sockfd);
	/*
	 * linger가 0초이면 close()가 보내지 못한 바이트를 버리고 RST를 보냅니다. 시험에만 씁니다.
	 */
	if (strcmp(how, "reset") == 0 &&
		setsockopt(sockfd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == -1)
		fail("setsockopt");
	close(sockfd);
	printf("close()\n");
	return EXIT_SUCCESS;
}
