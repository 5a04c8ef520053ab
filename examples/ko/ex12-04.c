/*
 * ex12-04 [PORT]: bind()는 소켓에 자신의 주소를 붙입니다.
 *
 * 그 전에는 어떤 클라이언트도 이 소켓에 연결할 수 없습니다. 두 소켓이 한 주소에서 대기할 수
 * 없으므로, 서버가 그 포트에서 대기하는 동안에는 bind()가 실패합니다.
 *
 * 교과서의 코드는 포트 1004를 htons() 없이 저장합니다. 리틀 엔디언 컴퓨터에서 이것은 누구나 쓸 수
 * 있는 60419번 포트입니다. htons()를 쓰면 1004번이 되고, 1024보다 작은 포트에는 루트 권한이
 * 필요합니다. SO_REUSEADDR도 없어서 서버를 끝낸 뒤 곧바로 다시 시작할 수 없습니다.
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

int main(int argc, char **argv)
{
	/* 초기화 목록은 적지 않은 구성 요소(sin_zero 등)를 모두 0으로 만듭니다. */
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	in_port_t port;
	int on = 1, sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	port = argc > 1 ? port_or_exit(argv[1]) : 5000;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	sockfd = socket(AF_INET, SOCK_STREAM, 0);
	if (sockfd == -1)
		fail("socket");

	/*
	 * bind()보다 먼저 설정해야 합니다. 리눅스에서는 이전 연결이 TIME_WAIT 상태일 때도 포트를 쓸
	 * 수 있게 하지만, 다른 소켓이 대기하고 있는 포트는 쓸 수 없습니다.
	 */
	if (setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fail("setsockopt");

	/* bind()는 모든 주소 계열을 받으므로 일반 구조체의 포인터와 길이를 넘깁니다. */
	if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind");

	if (getsockname(sockfd, (struct sockaddr *)&address, &length) == -1)
		fail("getsockname");
	fprintf(stderr, "bound to 127.0.0.1 port %d\n", ntohs(address.sin_port));
	/*
	 * 교과서의 1004는 htons() 없이는 누구나 쓰는 60419이고, 실제 1004에는 루트 권한이
	 * 필요합니다.
	 */
	fprintf(stderr, "without htons() port %d would be port %d\n", port, ntohs(port));

	close(sockfd);
	return EXIT_SUCCESS;
}
