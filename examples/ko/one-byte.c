/*
 * one-byte: 한 줄을 한 바이트씩 보내면 얼마나 걸리는지 측정합니다.
 *
 * 교과서의 클라이언트와 서버는 반복문에서 한 번에 한 바이트씩 주고받습니다. 첫 바이트는 곧바로
 * 나갑니다. 나머지는 첫 바이트의 ACK가 올 때까지 커널이 붙잡아 둡니다(Nagle 알고리즘, RFC 896).
 * 받는 쪽 커널은 응답에 ACK를 실어 보낼 수 있도록 ACK를 40밀리초 늦춥니다(지연 ACK, RFC 1122
 * 4.2.3.2절). 시스템 호출은 몇 마이크로초면 끝나지만 기다리는 데 44밀리초가 걸립니다.
 *
 * 해결책 세 가지를 루프백 인터페이스에서 측정합니다. 한 줄을 send() 한 번으로 보내기, 양쪽에
 * TCP_NODELAY 켜기, ACK를 늦추는 쪽인 클라이언트에 TCP_QUICKACK 켜기입니다.
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* 새 연결은 처음 몇 번은 ACK를 곧바로 보냅니다. 그래서 처음 몇 줄은 측정하지 않습니다. */
enum { WARM_UP = 20, LINES = 9, BYTES = 13 };

static _Noreturn void fail(const char *call)
{
	fprintf(stderr, "%s: %s\n", call, strerror(errno));
	exit(EXIT_FAILURE);
}

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

/* 별도의 프로세스로 실행되는 서버입니다. 한 번에 많아야 `piece`바이트씩 에코합니다. */
static _Noreturn void echo(int sockfd, size_t piece)
{
	char buffer[BYTES];
	ssize_t got;

	while ((got = recv(sockfd, buffer, piece, 0)) > 0)
		send(sockfd, buffer, (size_t)got, MSG_NOSIGNAL);
	_exit(0);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double time_line(int sockfd, size_t piece, int quick)
{
	static const char line[BYTES + 1] = "hello world!\n";
	char buffer[BYTES];
	int on = 1;
	double start = now_ms();

	for (size_t at = 0; at < BYTES; at += piece)
		send(sockfd, line + at, piece, MSG_NOSIGNAL);
	for (size_t got = 0; got < BYTES;) {
		/* 이 옵션은 오래가지 않습니다. 커널이 스스로 다시 끕니다(tcp(7)). */
		if (quick)
			setsockopt(sockfd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));

		ssize_t n = recv(sockfd, buffer, piece, 0);

		if (n <= 0)
			fail("recv");
		got += (size_t)n;
	}
	return now_ms() - start;
}

static int by_size(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

static void show(const char *how, size_t piece, int no_delay, int quick)
{
	double times[LINES];
	int client, server;
	pid_t child;

	make_pair(&client, &server);
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
	fflush(stdout);
	child = fork();
	if (child == -1)
		fail("fork");
	if (child == 0) {
		close(client);
		echo(server, piece);
	}
	close(server);
	for (int i = 0; i < WARM_UP; i++)
		time_line(client, piece, quick);
	for (int i = 0; i < LINES; i++)
		times[i] = time_line(client, piece, quick);
	close(client);
	waitpid(child, NULL, 0);
	qsort(times, LINES, sizeof(times[0]), by_size);
	printf("%-31s %8.3f ms\n", how, times[LINES / 2]);
}

int main(void)
{
	printf("a line of %d bytes and its echo, median of %d:\n", BYTES, LINES);
	show("one byte a call", 1, 0, 0);
	show("one byte a call, TCP_NODELAY", 1, 1, 0);
	show("one byte a call, TCP_QUICKACK", 1, 0, 1);
	show("one call for the line", BYTES, 0, 0);
	return EXIT_SUCCESS;
}
