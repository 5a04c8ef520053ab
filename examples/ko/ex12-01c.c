/*
 * ex12-01c [HOST [PORT [LETTER]]]: 첫 통신의 클라이언트입니다.
 *
 * socket, connect, send, recv, close를 차례로 호출합니다. 클라이언트에는 bind()가 필요 없습니다.
 * 연결할 때 커널이 빈 포트를 고릅니다. 글자 하나를 보내고, 돌아온 글자를 출력합니다.
 *
 * 교과서의 코드는 주소를 직접 채우면서 htons()를 빠뜨렸습니다. 서버도 똑같이 틀렸기 때문에 동작할
 * 뿐입니다. getaddrinfo()는 구조체를 올바른 바이트 순서로 채우며, 숫자 주소뿐 아니라 이름도
 * 받습니다.
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

int main(int argc, char **argv)
{
	const char *host = argc > 1 ? argv[1] : "127.0.0.1";
	const char *port = argc > 2 ? argv[2] : "5000";
	char letter = argc > 3 ? argv[3][0] : 'A', answer;
	/* 교과서처럼 IPv4만 씁니다. ex12-07은 이름에 딸린 모든 주소를 시도합니다. */
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *server;
	int sockfd, problem;
	ssize_t got;

	setvbuf(stdout, NULL, _IOLBF, 0);

	/* getaddrinfo()의 오류 번호는 errno와 다르므로 strerror()를 쓸 수 없습니다. */
	problem = getaddrinfo(host, port, &hints, &server);
	if (problem != 0) {
		fprintf(stderr, "'%s' port '%s': %s\n", host, port, gai_strerror(problem));
		return 2;
	}

	sockfd = socket(server->ai_family, server->ai_socktype, server->ai_protocol);
	if (sockfd == -1)
		fail("socket");
	printf("socket()\n");

	if (connect(sockfd, server->ai_addr, server->ai_addrlen) == -1)
		fail("connect");
	printf("connect()\n");
	freeaddrinfo(server);

	/*
	 * 1바이트는 보내지거나 안 보내지거나 둘 중 하나입니다. 2바이트부터는 일부만 보내질 수
	 * 있습니다.
	 */
	if (send(sockfd, &letter, 1, MSG_NOSIGNAL) == -1)
		fail("send");
	printf("send %c to server\n", letter);

	/* 0은 오류도 바이트도 아닙니다. 서버가 연결을 종료한 것입니다. */
	got = recv(sockfd, &answer, 1, 0);
	if (got == 0)
		errno = ENODATA;
	if (got != 1)
		fail("recv");
	printf("recv %c from server\n", answer);

	close(sockfd);
	printf("close()\n");
	return EXIT_SUCCESS;
}
