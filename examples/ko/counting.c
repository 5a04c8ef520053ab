/*
 * counting: send()와 recv()는 바이트를 세며, 세 번째 인자는 상한입니다.
 *
 * 교과서는 두 호출이 msg_len만큼 송수신하고 send()가 문자 수를 반환한다고 적었습니다. 그러나
 * recv()는 도착해 있는 만큼만, 많아야 msg_len바이트를 반환합니다. send()가 반환하는 것은 바이트
 * 수이며, 한 글자가 여러 바이트일 수 있습니다. UTF-8에서 안녕!!은 네 글자이지만 8바이트입니다.
 *
 * 블로킹 소켓의 send()는 커널이 모든 바이트를 받을 때까지 기다립니다. 시간 제한(SO_SNDTIMEO)이나
 * MSG_DONTWAIT가 있거나 시그널이 오면 일부만 보내고 반환합니다.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* 양쪽 버퍼에 다 들어가지 않는 크기입니다. */
enum { MANY = 32 << 20 };

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

/* UTF-8에서 10xxxxxx인 바이트는 글자의 뒷부분이고, 다른 바이트는 글자의 시작입니다(RFC 3629). */
static size_t count_letters(const char *text, size_t bytes)
{
	size_t letters = 0;

	for (size_t i = 0; i < bytes; i++)
		letters += ((unsigned char)text[i] & 0xc0) != 0x80;
	return letters;
}

static void wait_for_bytes(int sockfd)
{
	struct pollfd one = { .fd = sockfd, .events = POLLIN };

	if (poll(&one, 1, 2000) != 1)
		fail("poll");
}

static void show_recv(int sockfd, size_t most)
{
	char buffer[100];
	ssize_t got = recv(sockfd, buffer, most, 0);

	if (got == -1)
		fail("recv");
	printf("recv() of at most %zu bytes: %zd bytes, %zu letters begin there\n", most, got,
		count_letters(buffer, (size_t)got));
}

/*
 * 버퍼보다 많이 보내고, send()가 모두 받았는지 출력합니다. `limit_ms`가 0이면 시간 제한이 없습니다.
 */
static void show_send(const char *how, int flags, int limit_ms, int somebody_reads)
{
	struct timeval limit = { .tv_usec = limit_ms * 1000 };
	char *many = calloc(MANY, 1);
	int client, server;
	pid_t reader = -1;
	ssize_t sent;

	if (!many)
		fail("calloc");
	make_pair(&client, &server);
	setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (somebody_reads) {
		reader = fork();
		if (reader == -1)
			fail("fork");
		if (reader == 0) {
			close(client); /* 닫지 않으면 이 프로세스는 EOF를 받지 못합니다 */
			while (recv(server, many, MANY, 0) > 0)
				;
			_exit(0);
		}
	}
	sent = send(client, many, MANY, flags);
	if (sent == -1)
		fail("send");
	printf("send() of %d bytes, %s: it took %s\n", MANY, how, sent == MANY ? "all" : "a part");
	close(client);
	close(server);
	if (reader != -1)
		waitpid(reader, NULL, 0);
	free(many);
}

int main(void)
{
	static const char text[] = "안녕!!";
	const size_t bytes = sizeof(text) - 1;
	int client, server;

	make_pair(&client, &server);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%s has %zu letters\n", text, count_letters(text, bytes));
	printf("send() returns %zd\n", send(client, text, bytes, 0));
	wait_for_bytes(server);
	show_recv(server, 100); /* 100바이트가 아니라 도착해 있는 만큼만 받습니다 */

	if (send(client, text, bytes, 0) == -1)
		fail("send");
	wait_for_bytes(server);
	show_recv(server, 4); /* 마지막 바이트는 어떤 글자의 첫 3분의 1입니다 */
	show_recv(server, 100);
	close(client);
	close(server);

	show_send("somebody reads", 0, 0, 1);
	show_send("nobody reads, SO_SNDTIMEO", 0, 50, 0);
	show_send("nobody reads, MSG_DONTWAIT", MSG_DONTWAIT, 0, 0);
	return EXIT_SUCCESS;
}
