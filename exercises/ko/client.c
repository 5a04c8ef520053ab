/*
 * client [HOST [PORT]]: 에코 서버에 연결하는, 빈칸이 다섯 개 있는 클라이언트입니다.
 *
 * 입력을 한 줄씩 보내고 돌아온 것을 출력합니다. 빈칸 1과 2는 비어 있으면 프로그램을 끝냅니다. 빈칸
 * 3~5에는 컴파일되지만 틀린 코드가 있습니다. README.ko.md를 보십시오.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

__attribute__((unused)) static _Noreturn void empty(int hole)
{
	fprintf(stderr, "hole %d is empty\n", hole);
	exit(EXIT_FAILURE);
}

/* 빈칸에서 쓰십시오. 어느 호출이 왜 실패했는지 출력하고 프로그램을 끝냅니다. */
__attribute__((unused)) static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
	exit(EXIT_FAILURE);
}

static _Noreturn void server_is_gone(void)
{
	printf("server has no reply\n");
	exit(EXIT_FAILURE);
}

static void send_all(int sockfd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t sent = send(sockfd, bytes, count, MSG_NOSIGNAL);

		if (sent == -1)
			server_is_gone();
		bytes += sent;
		count -= (size_t)sent;
	}
}

/* `count`바이트를 받아 출력합니다. */
static void receive_echo(int sockfd, size_t count)
{
	char buffer[4096];

	while (count > 0) {
		size_t most = count < sizeof(buffer) ? count : sizeof(buffer);
		ssize_t got = recv(sockfd, buffer, most, 0);

		/*
		 * 빈칸 3: 0과 -1은 서버에 대해 무엇을 알려 줍니까? 그때 server_is_gone()을
		 * 호출하십시오. 지금 코드는 아무 일도 없는 듯이 계속합니다.
		 */
		if (got == -1)
			got = 0;
		/* 빈칸 3 끝. */

		fwrite(buffer, 1, (size_t)got, stdout);

		/*
		 * 빈칸 4: recv() 한 번이 줄의 일부만, 심지어 글자의 일부만 반환할 수 있습니다.
		 * 나머지도 이 반복문에서 받으십시오. 지금 코드는 첫 부분만 받고 멈춥니다.
		 */
		count = 0;
		/* 빈칸 4 끝. */
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sockaddr_in server = { .sin_family = AF_INET };
	const char *host = argc > 1 ? argv[1] : "127.0.0.1";
	int port = atoi(argc > 2 ? argv[2] : "5000"), sockfd = -1;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	/*
	 * 빈칸 1: `host`와 `port`를 네트워크 바이트 순서로 `server`에 넣으십시오. 잘못된 주소는
	 * 거부하십시오.
	 */
	empty(1);
	/* 빈칸 1 끝. */

	/* 빈칸 2: TCP 소켓을 만들어(결과는 `sockfd`) `server`에 연결하십시오. */
	fprintf(stderr, "to connect: '%s' port %d, family %d\n", host, port, server.sin_family);
	empty(2);
	/* 빈칸 2 끝. */

	printf("Input a message\n");
	while ((length = getline(&line, &room, stdin)) != -1) {
		send_all(sockfd, line, (size_t)length);
		receive_echo(sockfd, (size_t)length);
		printf("Input a message\n");
	}
	free(line);

	/*
	 * 빈칸 5: 입력이 끝났습니다(Ctrl-D). 서버에 그 사실을 알리고(half-close), 서버도 종료할
	 * 때까지 기다리십시오. 그때 recv()가 0을 반환합니다. 지금 코드는 곧바로 떠납니다.
	 */
	close(sockfd);
	return EXIT_SUCCESS;
	/* 빈칸 5 끝. */
}
