/*
 * ex12-05 [PORT]: backlog를 5로 하여 listen()을 호출합니다.
 *
 * 새로 만든 소켓으로는 연결을 요청할 수도, 연결을 수락할 수도 있습니다. listen()을 호출하면 대기
 * 소켓이 됩니다. 그때부터 커널이 모든 connect()에 스스로 응답하고, 맺어진 연결을 accept()가 꺼낼
 * 때까지 대기열에 보관합니다(backlog.c 참고).
 *
 * 교과서의 코드는 포트의 바이트 순서가 틀렸고 SO_REUSEADDR가 없습니다. 여기서는 둘 다
 * 바로잡았습니다. listen()이 무엇을 바꾸었는지는 SO_ACCEPTCONN으로 알아내 표준 오류에 출력합니다.
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

static void say_whether_listening(const char *when, int sockfd)
{
	int listening = 0;
	socklen_t length = sizeof(listening);

	if (getsockopt(sockfd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == -1)
		fail("getsockopt");
	fprintf(stderr, "%s listen(): the socket %s\n", when,
		listening ? "accepts connections" : "does not accept connections");
}

/* 교과서는 listen() 전에 bind()가 필요하다고 적었지만, 없으면 커널이 포트를 고릅니다. */
static void listen_without_bind(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int sockfd = socket(AF_INET, SOCK_STREAM, 0);

	if (sockfd == -1)
		fail("socket");
	if (listen(sockfd, 5) == -1)
		fail("listen");
	if (getsockname(sockfd, (struct sockaddr *)&address, &length) == -1)
		fail("getsockname");
	fprintf(stderr, "without bind(): listen() succeeds, and the kernel has chosen %s\n",
		address.sin_port ? "a port" : "no port");
	close(sockfd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int on = 1, sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	address.sin_port = htons(argc > 1 ? port_or_exit(argv[1]) : 5000);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	sockfd = socket(AF_INET, SOCK_STREAM, 0);
	if (sockfd == -1)
		fail("socket");
	if (setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fail("setsockopt");
	if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind");

	say_whether_listening("before", sockfd);
	/*
	 * 리눅스는 /proc/sys/net/core/somaxconn보다 큰 수를 줄입니다. SOMAXCONN은 최댓값을
	 * 요청합니다.
	 */
	if (listen(sockfd, 5) == -1)
		fail("listen");
	say_whether_listening("after", sockfd);
	listen_without_bind();

	close(sockfd);
	return EXIT_SUCCESS;
}
