/*
 * ex12-07 [HOST [PORT]]: 클라이언트의 connect()입니다.
 *
 * connect()는 3-way 핸드셰이크가 끝나면 반환합니다. 그 포트에서 대기하는 소켓이 없거나(연결 거부:
 * RST로 응답), 응답이 없거나(시간 초과), 경로가 없으면 실패합니다.
 *
 * 교과서의 코드는 주소 하나를 inet_addr()로 만들면서 htons()를 빠뜨렸고, 실패한 이유를 출력하지
 * 않습니다. 여기서는 이름 하나에 주소가 여러 개일 수 있으므로 하나씩 새 소켓으로 시도하고, 실패한
 * 이유를 표준 오류에 출력합니다.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void report(const struct addrinfo *address, const char *what)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	/* NUMERIC: 이름을 찾으면 몇 초가 걸릴 수 있습니다. */
	if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof(host), port,
		    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		fprintf(stderr, "%s port %s: %s\n", host, port, what);
}

static int connect_to_any(const struct addrinfo *list)
{
	for (const struct addrinfo *one = list; one; one = one->ai_next) {
		int sockfd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);

		if (sockfd == -1) {
			report(one, strerror(errno));
			continue;
		}
		if (connect(sockfd, one->ai_addr, one->ai_addrlen) == 0) {
			report(one, "connected");
			return sockfd;
		}
		report(one, strerror(errno));
		/* connect()가 실패한 소켓은 상태가 정해져 있지 않으므로 새로 만듭니다. */
		close(sockfd);
	}
	return -1;
}

int main(int argc, char **argv)
{
	const char *host = argc > 1 ? argv[1] : "127.0.0.1";
	const char *port = argc > 2 ? argv[2] : "5000";
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list;
	int sockfd, problem;

	setvbuf(stdout, NULL, _IOLBF, 0);

	problem = getaddrinfo(host, port, &hints, &list);
	if (problem != 0) {
		fprintf(stderr, "'%s' port '%s': %s\n", host, port, gai_strerror(problem));
		return 2;
	}
	sockfd = connect_to_any(list);
	freeaddrinfo(list);
	if (sockfd == -1) {
		printf("fail to call connect()\n");
		return EXIT_FAILURE;
	}

	close(sockfd);
	return EXIT_SUCCESS;
}
