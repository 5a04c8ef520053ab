/*
 * ex12-10s [PORT]: 완성된 에코 서버입니다.
 *
 * 클라이언트마다 스레드가 하나 있고, 각 스레드는 단순한 recv()와 send() 반복문을 실행합니다. 그래서
 * 느리거나 죽은 클라이언트가 다른 클라이언트를 기다리게 하지 않습니다. 클라이언트마다 `accepted`를,
 * 종료하면 `close(sockfd_connect)`를 출력합니다. 주소는 표준 오류로 나갑니다. Ctrl-C로 끝냅니다.
 *
 * 교과서의 서버는 한 번에 클라이언트 하나만 상대하고, 한 바이트씩 주고받으며, 클라이언트 하나가
 * 죽으면 SIGPIPE 처리기에서 종료됩니다. 여기서는 send()가 SIGPIPE를 일으키지 않습니다.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
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

static int listen_on_loopback(in_port_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t length = sizeof(address);
	int on = 1, sockfd = socket(AF_INET, SOCK_STREAM, 0);

	if (sockfd == -1)
		fail("socket");
	if (setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fail("setsockopt");
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind");
	/* 5라면 한꺼번에 연결할 때 1초 넘게 기다리는 클라이언트가 생깁니다(backlog.c 참고). */
	if (listen(sockfd, SOMAXCONN) == -1)
		fail("listen");
	if (getsockname(sockfd, (struct sockaddr *)&address, &length) == -1)
		fail("getsockname");
	fprintf(stderr, "listening on 127.0.0.1 port %d\n", ntohs(address.sin_port));
	return sockfd;
}

/* 0: 클라이언트가 종료했고 모두 되돌려 보냈습니다. -1: 비정상 종료했습니다(errno 참고). */
static int echo(int sockfd)
{
	char buffer[4096];
	ssize_t got, sent;

	while ((got = recv(sockfd, buffer, sizeof(buffer), 0)) != 0) {
		if (got == -1 && errno != EINTR)
			return -1;
		/* send()는 일부만 보낼 수 있습니다. 나머지를 다시 보냅니다. */
		for (ssize_t done = 0; done < got; done += sent) {
			sent = send(sockfd, buffer + done, (size_t)(got - done), MSG_NOSIGNAL);
			if (sent == -1 && errno != EINTR)
				return -1;
			if (sent == -1)
				sent = 0; /* 시그널 때문에 한 바이트도 보내지 못했습니다 */
		}
	}
	return 0;
}

static void *serve(void *argument)
{
	int sockfd_connect = (int)(intptr_t)argument;

	if (echo(sockfd_connect) == -1)
		fprintf(stderr, "descriptor %d: %s\n", sockfd_connect, strerror(errno));
	close(sockfd_connect);
	printf("close(sockfd_connect)\n");
	return NULL;
}

static void accept_one(int sockfd)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	pthread_t thread;
	int on = 1, problem, sockfd_connect = accept(sockfd, (struct sockaddr *)&peer, &length);

	if (sockfd_connect == -1) {
		if (errno == EINTR)
			return;
		printf("fail to call accept()\n");
		poll(NULL, 0, 100); /* 이유는 ex12-06 참고 */
		return;
	}
	printf("accepted\n");
	fprintf(stderr, "descriptor %d is 127.0.0.1 port %d\n", sockfd_connect,
		ntohs(peer.sin_port));
	/* 없으면 긴급 데이터가 스트림에서 빠져 에코에도 빠집니다. */
	setsockopt(sockfd_connect, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));

	/* 변수는 다음 클라이언트 때 바뀌므로 주소가 아니라 번호 자체를 스레드에 넘깁니다. */
	problem = pthread_create(&thread, NULL, serve, (void *)(intptr_t)sockfd_connect);
	if (problem == 0) {
		pthread_detach(thread); /* join하지 않으므로 끝나면 스스로 자원을 반환합니다 */
		return;
	}
	fprintf(stderr, "no thread for it: %s\n", strerror(problem));
	close(sockfd_connect);
	printf("close(sockfd_connect)\n");
}

int main(int argc, char **argv)
{
	int sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/*
	 * send()에는 MSG_NOSIGNAL이 있습니다. 이것은 읽는 쪽이 없는 파이프에 printf()할 때를 위한
	 * 것입니다.
	 */
	signal(SIGPIPE, SIG_IGN);
	sockfd = listen_on_loopback(argc > 1 ? port_or_exit(argv[1]) : 5000);
	for (;;)
		accept_one(sockfd);
}
