/*
 * killed-client: 클라이언트의 프로세스가 강제로 종료되면 서버가 무엇을 알게 되는지 보여 줍니다.
 *
 * 교과서는 상대 프로세스의 비정상 종료를 알 수 없다고 적었지만, 곧바로 알 수 있습니다. 프로세스가
 * 끝나면 그쪽 커널이 소켓을 닫으면서 FIN을 보내고, recv()는 0을 반환합니다. 읽지 않은 바이트가
 * 있었으면 FIN 대신 RST를 보내고, recv()는 ECONNRESET으로 한 번 실패한 뒤 0을 반환합니다.
 * recv()에서는 SIGPIPE가 발생하지 않으므로 MSG_NOSIGNAL이 하는 일이 없습니다.
 *
 * 전원이 꺼졌거나 네트워크가 끊긴 컴퓨터는 아무것도 보내지 못합니다. 이것은 서버의 시간
 * 제한(SO_KEEPALIVE, TCP_USER_TIMEOUT, SO_RCVTIMEO)으로만 알 수 있습니다.
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

static int listen_somewhere(struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = { .sin_family = AF_INET }; /* 포트 0: 커널이 고릅니다 */
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener == -1 || bind(listener, (struct sockaddr *)&address, length) == -1 ||
		listen(listener, 1) == -1 ||
		getsockname(listener, (struct sockaddr *)&address, &length) == -1)
		fail("listen");
	*ret_address = address;
	return listener;
}

/* 별도의 프로세스로 클라이언트를 시작합니다. 연결한 뒤 강제로 종료될 때까지 기다립니다. */
static pid_t start_client(int listener, const struct sockaddr_in *address, int *ret_server)
{
	pid_t child = fork();

	if (child == -1)
		fail("fork");
	if (child == 0) {
		int sockfd = socket(AF_INET, SOCK_STREAM, 0);

		connect(sockfd, (const struct sockaddr *)address, sizeof(*address));
		pause();
		_exit(0);
	}
	*ret_server = accept(listener, NULL, NULL);
	if (*ret_server == -1)
		fail("accept");
	return child;
}

static void show_recv(int sockfd, int flags, const char *name)
{
	char byte;
	ssize_t got = recv(sockfd, &byte, 1, flags);

	if (got == -1)
		printf("recv(%s): %s\n", name, strerror(errno));
	else
		printf("recv(%s): %zd bytes\n", name, got);
}

static void kill_one(int listener, const struct sockaddr_in *address, int with_unread_bytes)
{
	struct timeval patience = { .tv_sec = 5 }; /* 실제로 걸리는 시간보다 훨씬 깁니다 */
	int server;
	pid_t child = start_client(listener, address, &server);

	setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (with_unread_bytes && send(server, "unread", 6, MSG_NOSIGNAL) != 6)
		fail("send");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	printf("killed %s:\n", with_unread_bytes ? "before it read" : "with nothing left to read");
	show_recv(server, 0, "");
	show_recv(server, 0, "");
	show_recv(server, MSG_NOSIGNAL, "MSG_NOSIGNAL");
	close(server);
}

int main(void)
{
	struct sigaction counting = { .sa_handler = count_sigpipe }; /* sa_flags도 0이 됩니다 */
	struct sockaddr_in address;
	int listener = listen_somewhere(&address);

	sigaction(SIGPIPE, &counting, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0); /* 없으면 자식마다 버퍼의 사본을 출력합니다 */
	kill_one(listener, &address, 0);
	kill_one(listener, &address, 1);
	/* SIGPIPE는 보낼 때만 발생합니다. */
	printf("SIGPIPE came %d time(s)\n", (int)sigpipes);
	close(listener);
	return EXIT_SUCCESS;
}
