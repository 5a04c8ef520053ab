/*
 * ex12-01s [PORT]: 첫 통신의 서버입니다.
 *
 * 클라이언트 하나를 위해 socket, bind, listen, accept, recv, send, close를 차례로 호출합니다. 글자
 * 하나를 받아 알파벳의 다음 글자로 응답합니다.
 *
 * 교과서의 코드는 포트를 htons() 없이 저장하므로, 리틀 엔디언 컴퓨터에서는 5000이 아니라 34835번
 * 포트에서 대기합니다. SO_REUSEADDR가 없고, 상대의 주소를 출력하지 않으며, 헤더와 반환형도 빠져
 * 있습니다. 여기서는 모두 바로잡았습니다. 표준 출력은 교과서와 같고, 주소와 실패한 이유는 표준
 * 오류로 나갑니다.
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

/* atoi()는 "http"를 0으로, 70000을 4464로 만듭니다. strtoul()로는 잘못을 알 수 있습니다. */
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

static char next_letter(char letter)
{
	if (letter == 'Z')
		return 'A';
	if (letter == 'z')
		return 'a';
	return (char)(letter + 1);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET }, peer;
	socklen_t length = sizeof(address), peer_length = sizeof(peer);
	int on = 1, sockfd, sockfd_connect;
	char letter, answer;
	ssize_t got;

	/* 파이프에서는 표준 출력이 버퍼에 쌓입니다. _IOLBF를 쓰면 한 줄씩 곧바로 출력됩니다. */
	setvbuf(stdout, NULL, _IOLBF, 0);

	/* 네트워크 바이트 순서는 빅 엔디언이고 이 컴퓨터는 다를 수 있으므로 htons()를 씁니다. */
	address.sin_port = htons(argc > 1 ? port_or_exit(argv[1]) : 5000);
	/* INADDR_ANY를 쓰면 네트워크 전체가 연결할 수 있습니다. 연습에는 이 컴퓨터면 충분합니다. */
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	sockfd = socket(AF_INET, SOCK_STREAM, 0);
	if (sockfd == -1)
		fail("socket");
	printf("socket()\n");

	/*
	 * 없으면 실행한 뒤 1분 동안 bind()가 실패합니다. 이전 연결이 TIME_WAIT 상태이기 때문입니다.
	 */
	if (setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fail("setsockopt");
	if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1)
		fail("bind");
	printf("bind()\n");

	if (listen(sockfd, 5) == -1)
		fail("listen");
	printf("listen()\n");

	/* 포트가 0이면 커널이 고르고, 그 번호는 getsockname()이 알려 줍니다. */
	if (getsockname(sockfd, (struct sockaddr *)&address, &length) == -1)
		fail("getsockname");
	fprintf(stderr, "listening on 127.0.0.1 port %d\n", ntohs(address.sin_port));

	/* 이 프로그램에는 시그널 처리기가 없으므로 여기부터는 EINTR이 생기지 않습니다. */
	printf("waiting for client\n");
	sockfd_connect = accept(sockfd, (struct sockaddr *)&peer, &peer_length);
	if (sockfd_connect == -1)
		fail("accept");
	printf("accepted\n");
	fprintf(stderr, "the client is 127.0.0.1 port %d\n", ntohs(peer.sin_port));

	/* 0은 오류도 바이트도 아닙니다. 클라이언트가 연결을 종료한 것입니다. */
	got = recv(sockfd_connect, &letter, 1, 0);
	if (got == 0)
		errno = ENODATA;
	if (got != 1)
		fail("recv");
	printf("recv %c from client\n", letter);

	/* MSG_NOSIGNAL을 쓰면 클라이언트가 종료했을 때 SIGPIPE 대신 EPIPE를 받습니다. */
	answer = next_letter(letter);
	if (send(sockfd_connect, &answer, 1, MSG_NOSIGNAL) == -1)
		fail("send");
	printf("send %c to client\n", answer);

	close(sockfd_connect);
	close(sockfd);
	printf("close()\n");
	return EXIT_SUCCESS;
}
