/*
 * dying-client: 클라이언트가 한 줄을 보내고 RST로 연결을 끊습니다. 한 프로그램에 서버와
 * 클라이언트가 함께 있습니다.
 *
 * 서버는 한 줄을 받고, ECONNRESET을 한 번 받고, 그 뒤에는 0을 받습니다. 그래도 계속 보내면
 * SIGPIPE가 발생하고, 시그널로 종료되지 않았다면 EPIPE를 받습니다. recv()에서는 SIGPIPE가 발생하지
 * 않습니다.
 *
 * 교과서의 서버는 printf()와 exit()를 호출하는 시그널 처리기에서 종료됩니다. 여기서는 자식
 * 프로세스가 SIGPIPE로 종료되는 모습을 보여 줍니다. 부모 프로세스는 두 가지 방법으로 시그널을
 * 피하고 다음 클라이언트를 맞이합니다.
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
#include <sys/wait.h>
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

/* 클라이언트가 한 줄을 보내고 RST로 끊은 연결의 서버 쪽 소켓을 반환합니다. */
static int lose_a_client(void)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int client, server;

	make_pair(&client, &server);
	if (send(client, "hello world!\n", 13, 0) != 13)
		fail("send");
	/*
	 * close()가 FIN 대신 곧바로 RST를 보내게 합니다. 클라이언트가 비정상 종료했을 때와
	 * 같습니다.
	 */
	setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(client);
	wait_for(server, 0); /* poll()은 요청하지 않아도 POLLHUP을 알립니다 */
	return server;
}

static void show(const char *call, ssize_t result)
{
	if (result == -1)
		printf("%s: %s\n", call, strerror(errno));
	else
		printf("%s: %zd bytes\n", call, result);
}

static void show_default(void)
{
	int status;
	pid_t child;

	fflush(stdout); /* 비우지 않으면 자식이 아직 쓰지 않은 출력까지 물려받습니다 */
	child = fork();
	if (child == -1)
		fail("fork");
	if (child == 0) {
		int server = lose_a_client();

		send(server, "x", 1, 0);
		send(server, "x", 1, 0);
		_exit(0); /* SIGPIPE로 종료되므로 여기에 오지 않습니다 */
	}
	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		printf("a server that does nothing about it: killed by SIGPIPE\n");
	else
		printf("a server that does nothing about it: lived\n");
}

int main(void)
{
	char buffer[64];
	int client, server = lose_a_client();

	show("recv() of what came before", recv(server, buffer, sizeof(buffer), 0));
	show("recv() after the RST", recv(server, buffer, sizeof(buffer), 0));
	show("recv() once more", recv(server, buffer, sizeof(buffer), 0));
	show("send(MSG_NOSIGNAL)", send(server, "x", 1, MSG_NOSIGNAL));
	close(server);

	show_default();

	signal(SIGPIPE, SIG_IGN); /* 다른 방법: 프로세스의 모든 호출에 적용됩니다 */
	server = lose_a_client();
	show("send(), SIGPIPE ignored", send(server, "x", 1, 0));
	show("send() once more", send(server, "x", 1, 0));
	close(server);

	make_pair(&client, &server);
	if (send(client, "hello", 5, 0) != 5)
		fail("send");
	wait_for(server, POLLIN);
	show("the next client: recv()", recv(server, buffer, sizeof(buffer), 0));
	show("the next client: send()", send(server, buffer, 5, MSG_NOSIGNAL));
	close(client);
	close(server);
	return EXIT_SUCCESS;
}
