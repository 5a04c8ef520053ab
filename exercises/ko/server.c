/*
 * server [PORT]: 빈칸이 여덟 개 있는 에코 서버입니다.
 *
 * 순서대로 채우십시오. 빈칸 1~5는 비어 있으면 프로그램을 끝냅니다. 빈칸 6~8에는 컴파일되지만 틀린
 * 코드가 있습니다. 무엇이 틀렸는지는 `make check`가 보여 줍니다. README.ko.md를 보십시오.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
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

static int send_all(int sockfd, const char *bytes, size_t count)
{
	while (count > 0) {
		/*
		 * 한 번에 많아야 4096바이트만 보냅니다. 그래서 send()는 긴 메시지의 일부만
		 * 보냅니다.
		 */
		ssize_t sent = send(sockfd, bytes, count < 4096 ? count : 4096, 0);

		if (sent == -1)
			return -1;
		/*
		 * 빈칸 7: send()는 `count`바이트 가운데 `sent`바이트를 보냈습니다. 나머지도 이
		 * 반복문에서 보내십시오. 지금 코드는 나머지를 잃어버립니다.
		 */
		return 0;
		/* 빈칸 7 끝. */
	}
	return 0;
}

/* 클라이언트 하나를 종료할 때까지 상대합니다. */
static void echo(int sockfd)
{
	char buffer[65536];
	int on = 1;

	/* 없으면 마지막 조각이 ACK를 기다립니다. 교과서 해설의 one-byte를 보십시오. */
	setsockopt(sockfd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

	for (;;) {
		ssize_t got = -1;

		/*
		 * 빈칸 5: `buffer`에 많아야 sizeof(buffer)바이트를 받으십시오. 결과는 `got`입니다.
		 */
		empty(5);
		/* 빈칸 5 끝. */

		/*
		 * 빈칸 6: 클라이언트의 입력이 끝났다는 것은 어떻게 알 수 있고, -1은 무엇입니까?
		 * 그때 반환하십시오. 지금 코드는 끝나지 않습니다.
		 */
		if (got == -1)
			got = 0;
		/* 빈칸 6 끝. */

		if (send_all(sockfd, buffer, (size_t)got) == -1)
			return;
	}
}

int main(int argc, char **argv)
{
	in_port_t port = port_or_exit(argc > 1 ? argv[1] : "5000");
	int sockfd = -1;

	setvbuf(stdout, NULL, _IOLBF, 0);

	/*
	 * 빈칸 8: 에코를 보내기 전에 클라이언트가 떠날 수 있습니다. 그러면 send()가 SIGPIPE를
	 * 일으켜 이 서버가 종료됩니다. 피하는 방법 두 가지를 찾아 하나를 쓰십시오. (고칠 수 있는
	 * 곳이 두 군데입니다.)
	 */
	signal(SIGPIPE, SIG_DFL);
	/* 빈칸 8 끝. */

	/* 빈칸 1: IPv4용 TCP 소켓을 만드십시오. 결과는 `sockfd`입니다. */
	empty(1);
	/* 빈칸 1 끝. */

	/* 빈칸 2: 끝낸 뒤 곧바로 다시 시작할 수 있게 하고, 127.0.0.1과 `port`에 bind하십시오. */
	empty(2);
	/* 빈칸 2 끝. */

	/* 빈칸 3: 대기 소켓으로 만드십시오. */
	empty(3);
	/* 빈칸 3 끝. */

	fprintf(stderr, "listening on 127.0.0.1 port %d, descriptor %d\n", port, sockfd);
	for (;;) {
		int sockfd_connect = -1;

		/* 빈칸 4: 연결을 수락하십시오. 실패하면 반복문을 계속하십시오. */
		empty(4);
		/* 빈칸 4 끝. */

		printf("accepted\n");
		echo(sockfd_connect);
		close(sockfd_connect);
		printf("close(sockfd_connect)\n");
	}
}
