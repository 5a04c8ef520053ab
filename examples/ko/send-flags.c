/*
 * send-flags: MSG_OOB, MSG_DONTROUTE, MSG_NOSIGNAL입니다.
 *
 * send()의 마지막 인자는 그 호출 한 번만 바꾸고, 소켓 옵션은 소켓 전체를 바꿉니다. 연결의 양쪽이
 * 모두 이 프로그램 안에 있으며, 플래그마다 무슨 일이 있었는지 출력합니다.
 *
 * 교과서의 서버는 플래그를 0으로 보내므로 처음 죽은 클라이언트 때문에 SIGPIPE로 종료됩니다.
 * MSG_NOSIGNAL을 쓰면 send()가 EPIPE를 반환합니다. 교과서의 처리기는 호출하면 안 되는 printf()를
 * 호출하지만(signal-safety(7)), 이 처리기는 횟수만 셉니다. 교과서의 struct sigaction은 0으로
 * 초기화되지 않아 sa_flags에 쓰레기 값이 남습니다.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t sigpipes;

static void count_sigpipe(int signal_number)
{
	(void)signal_number;
	sigpipes++;
}

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

static void show_oob(void)
{
	int client, server;
	char text[8] = "", urgent = '?';

	make_pair(&client, &server);
	/*
	 * 여러 바이트를 보내면 마지막 바이트만 긴급입니다. TCP에는 포인터 하나만 있고 별도의 통로는
	 * 없습니다.
	 */
	if (send(client, "abc", 3, 0) != 3 || send(client, "!", 1, MSG_OOB) != 1)
		fail("send");
	wait_for(server, POLLPRI);
	if (recv(server, &urgent, 1, MSG_OOB) != 1 || recv(server, text, sizeof(text) - 1, 0) == -1)
		fail("recv");
	printf("MSG_OOB: sent abc and an urgent !, received %c before %s\n", urgent, text);
	close(client);
	close(server);
}

static void show_dontroute(void)
{
	struct sockaddr_in source = { .sin_family = AF_INET }, beyond = { .sin_family = AF_INET };
	int client, server, datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	char text[8] = "";

	make_pair(&client, &server);
	if (send(client, "near", 4, MSG_DONTROUTE) != 4)
		fail("send");
	wait_for(server, POLLIN);
	if (recv(server, text, sizeof(text) - 1, 0) == -1)
		fail("recv");
	printf("MSG_DONTROUTE: to this machine: received %s\n", text);
	close(client);
	close(server);

	/* 출발지가 루프백 인터페이스이므로 패킷이 이 컴퓨터를 떠나지 않습니다. */
	source.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	beyond.sin_port = htons(5000);
	inet_pton(AF_INET, "198.51.100.1", &beyond.sin_addr); /* 문서용 주소, RFC 5737 */
	if (bind(datagrams, (struct sockaddr *)&source, sizeof(source)) == -1)
		fail("bind");
	if (sendto(datagrams, "far", 3, MSG_DONTROUTE, (struct sockaddr *)&beyond,
		    sizeof(beyond)) == -1)
		printf("MSG_DONTROUTE: to 198.51.100.1, behind a router: %s\n", strerror(errno));
	close(datagrams);
}

static void show_nosignal(int flags, const char *name)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int client, server;

	make_pair(&client, &server);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(server); /* RST로 연결이 끊어집니다 */
	wait_for(client, POLLIN);
	sigpipes = 0;
	/* 첫 send()는 ECONNRESET을 반환하고, 그다음 send()에서 SIGPIPE가 발생합니다. */
	send(client, "x", 1, flags);
	if (send(client, "x", 1, flags) == -1)
		printf("%s: %s, and SIGPIPE came %d time(s)\n", name, strerror(errno),
			(int)sigpipes);
	close(client);
}

int main(void)
{
	struct sigaction counting = { .sa_handler = count_sigpipe };

	sigaction(SIGPIPE, &counting, NULL);
	show_oob();
	show_dontroute();
	show_nosignal(0, "no flag");
	show_nosignal(MSG_NOSIGNAL, "MSG_NOSIGNAL");
	return EXIT_SUCCESS;
}
