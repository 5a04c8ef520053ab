/*
 * recv-flags: MSG_PEEK와 MSG_OOB입니다.
 *
 * MSG_PEEK는 바이트를 읽기만 하고 다음 호출을 위해 그대로 둡니다. MSG_OOB는 긴급 데이터 한 바이트를
 * 순서보다 먼저 꺼냅니다. 연결의 양쪽이 모두 이 프로그램 안에 있습니다.
 *
 * 교과서는 MSG_OOB가 긴급 데이터를 받는다고만 적었고, 그 바이트가 스트림의 어디에 있었는지는 적지
 * 않았습니다. 그 위치는 sockatmark()와 SO_OOBINLINE으로 알 수 있습니다. RFC 6093은 새 프로그램에서
 * 긴급 데이터를 쓰지 말라고 권합니다. (recv()의 MSG_NOSIGNAL은 killed-client.c 참고.)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
	exit(EXIT_FAILURE);
}

/* 루프백 인터페이스에서 TCP 연결 하나의 양쪽 소켓을 만듭니다. */
static void make_pair(int *ret_client, int *ret_server)
{
	struct sockaddr_in address = { .sin_family = AF_INET }; /* 포트 0: 커널이 고릅니다 */
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	*ret_client = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, length) == -1 ||
		listen(listener, 1) == -1 ||
		getsockname(listener, (struct sockaddr *)&address, &length) == -1 ||
		connect(*ret_client, (struct sockaddr *)&address, length) == -1 ||
		(*ret_server = accept(listener, NULL, NULL)) == -1)
		fail("a connection to this program itself");
	close(listener);
}

/* 소켓에 이벤트가 생기기를 최대 2초 동안 기다립니다. */
static void wait_for(int sockfd, short what)
{
	struct pollfd one = { .fd = sockfd, .events = what };

	if (poll(&one, 1, 2000) != 1) {
		errno = ETIMEDOUT;
		fail("poll");
	}
}

static void show_recv(int sockfd, size_t most, int flags, const char *name)
{
	char text[16] = "";

	if (recv(sockfd, text, most, flags) == -1)
		printf("%s: %s\n", name, strerror(errno));
	else
		printf("%s: %s\n", name, text);
}

static void show_peek(void)
{
	int client, server, waiting = 0;

	make_pair(&client, &server);
	if (send(client, "hello", 5, 0) != 5)
		fail("send");
	wait_for(server, POLLIN);
	show_recv(server, 9, MSG_PEEK, "MSG_PEEK");
	show_recv(server, 9, MSG_PEEK, "MSG_PEEK again");
	show_recv(server, 9, 0, "no flag");
	ioctl(server, FIONREAD, &waiting);
	printf("bytes left: %d\n", waiting);
	close(client);
	close(server);
}

static void show_urgent(int in_line)
{
	int client, server;

	make_pair(&client, &server);
	setsockopt(server, SOL_SOCKET, SO_OOBINLINE, &in_line, sizeof(in_line));
	printf("SO_OOBINLINE %s\n", in_line ? "on" : "off");
	/* 긴급 데이터가 없으면 recv()는 기다리지 않고 곧바로 실패합니다. */
	show_recv(server, 9, MSG_OOB, "MSG_OOB before anything was sent");
	if (send(client, "ab", 2, 0) != 2 || send(client, "!", 1, MSG_OOB) != 1 ||
		send(client, "cd", 2, 0) != 2)
		fail("send");
	wait_for(server, POLLPRI);
	show_recv(server, 9, MSG_OOB, "MSG_OOB");
	/* 일반 recv()는 긴급 데이터의 위치에서 멈추므로 프로그램이 그 위치를 알 수 있습니다. */
	show_recv(server, 9, 0, "no flag");
	printf("at the mark: %s\n", sockatmark(server) == 1 ? "yes" : "no");
	/* MSG_WAITALL: 꼭 이만큼 받으며, 마지막 바이트가 올 때까지 기다립니다. */
	show_recv(server, in_line ? 3 : 2, MSG_WAITALL, "past the mark");
	close(client);
	close(server);
}

int main(void)
{
	show_peek();
	show_urgent(0);
	show_urgent(1);
	return EXIT_SUCCESS;
}
