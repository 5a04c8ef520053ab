/*
 * ex12-10c [HOST [PORT]]: 대화형 클라이언트입니다.
 *
 * 스트림이 두 개 있습니다. 키보드의 바이트는 서버로, 서버의 바이트는 화면으로 갑니다. 어느 쪽에
 * 바이트가 있는지는 poll()이 알려 줍니다. 줄바꿈이 되돌아올 때마다 프롬프트를 다시 출력하므로 줄의
 * 길이는 상관없습니다. UTF-8 글자의 어느 바이트도 줄바꿈과 같지 않습니다. Ctrl-D를 눌러도 보낸 것은
 * 모두 돌려받습니다.
 *
 * 교과서의 클라이언트는 getchar()의 반환값을 char에 저장하고, 입력의 끝을 바이트로 보내며, 끝없이
 * 반복합니다. 여기서는 입력의 끝이 바이트가 아니라 shutdown(SHUT_WR)입니다.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* `out`에는 키보드에서 읽었지만 아직 보내지 않은 바이트가 있습니다. */
static char out[4096];
static size_t out_start, out_end;
static unsigned long long bytes_sent, bytes_received;
static int input_ended;

static int connect_to(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list;
	int sockfd, problem = getaddrinfo(host, port, &hints, &list);

	if (problem != 0) {
		fprintf(stderr, "'%s' port '%s': %s\n", host, port, gai_strerror(problem));
		exit(2);
	}
	for (const struct addrinfo *one = list; one; one = one->ai_next) {
		sockfd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
		if (connect(sockfd, one->ai_addr, one->ai_addrlen) == 0) {
			freeaddrinfo(list);
			return sockfd;
		}
		fprintf(stderr, "connect: %s\n", strerror(errno));
		close(sockfd);
	}
	printf("fail to call connect()\n");
	exit(EXIT_FAILURE);
}

static _Noreturn void server_is_gone(const char *why)
{
	printf("server has no reply\n");
	fprintf(stderr, "%s\n", why);
	exit(EXIT_FAILURE);
}

/* 논블로킹 소켓에서 EAGAIN은 "지금은 안 됨"입니다. 다시 할 때는 poll()이 알려 줍니다. */
static int try_later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void read_input(void)
{
	ssize_t got = read(STDIN_FILENO, out, sizeof(out));

	if (got == -1 && try_later())
		return;
	if (got == -1)
		fprintf(stderr, "standard input: %s\n", strerror(errno));
	input_ended = got <= 0;
	out_start = 0;
	out_end = got > 0 ? (size_t)got : 0;
}

static void send_some(int sockfd)
{
	ssize_t sent = send(sockfd, out + out_start, out_end - out_start, MSG_NOSIGNAL);

	if (sent == -1 && !try_later())
		server_is_gone(strerror(errno));
	if (sent > 0) {
		out_start += (size_t)sent;
		bytes_sent += (unsigned long long)sent;
	}
}

/* 서버가 연결을 종료했으면 0을 반환합니다. */
static int receive_some(int sockfd)
{
	char in[4096];
	ssize_t got = recv(sockfd, in, sizeof(in), 0);

	if (got == -1 && !try_later())
		server_is_gone(strerror(errno));
	for (ssize_t at = 0; at < got; at++) {
		putchar(in[at]);
		if (in[at] == '\n')
			printf("Input a message\n");
	}
	fflush(stdout); /* 줄바꿈이 없는 부분은 저절로 출력되지 않습니다 */
	if (got > 0)
		bytes_received += (unsigned long long)got;
	return got != 0;
}

int main(int argc, char **argv)
{
	struct pollfd ends[2];
	int sockfd, finished = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sockfd = connect_to(argc > 1 ? argv[1] : "127.0.0.1", argc > 2 ? argv[2] : "5000");
	/*
	 * 블로킹 호출을 쓰면 서로를 끝없이 기다릴 수 있습니다. 이 클라이언트가 읽기를 기다리며
	 * 서버가 send()에서 멈추면, 클라이언트도 send()에서 멈춥니다.
	 */
	fcntl(sockfd, F_SETFL, fcntl(sockfd, F_GETFL) | O_NONBLOCK);
	printf("Input a message\n");

	for (;;) {
		int full = out_start < out_end;

		if (input_ended && !full && !finished)
			finished = shutdown(sockfd, SHUT_WR) == 0;
		/*
		 * poll()은 음수인 파일 기술자를 건너뜁니다. 버퍼에 자리가 없을 때는 읽지 않습니다.
		 */
		ends[0] = (struct pollfd){ .fd = full || input_ended ? -1 : STDIN_FILENO,
			.events = POLLIN };
		ends[1] = (struct pollfd){ .fd = sockfd,
			.events = full ? POLLIN | POLLOUT : POLLIN };
		if (poll(ends, 2, -1) == -1)
			continue; /* EINTR(Ctrl-Z와 fg 뒤 등): 다시 시도합니다 */
		if (ends[0].revents)
			read_input();
		if (ends[1].revents & POLLOUT)
			send_some(sockfd);
		if (ends[1].revents & (POLLIN | POLLHUP | POLLERR) && !receive_some(sockfd))
			break;
	}
	if (!finished || bytes_received < bytes_sent)
		server_is_gone("the server closed the connection");
	close(sockfd);
	return EXIT_SUCCESS;
}
