/*
 * ex12-03 [DOMAIN]: socket()과 close()입니다.
 *
 * 소켓은 파일 기술자(디스크립터)이며, 비어 있는 가장 작은 번호를 받습니다. 0, 1, 2는 표준 입력,
 * 표준 출력, 표준 오류이므로 프로그램의 첫 소켓은 3입니다. DOMAIN에는 AF_INET이 아닌 주소 계열의
 * 번호를 줍니다. 4(AF_IPX)를 주면 실패합니다.
 *
 * 교과서의 코드에는 close()와 exit()의 헤더와 main()의 형이 없고, socket()이 왜 실패했는지 출력하지
 * 않습니다. 여기서는 모두 선언하고, 이유를 표준 오류에 출력합니다.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int domain = argc > 1 ? atoi(argv[1]) : AF_INET;
	int sockfd;

	setvbuf(stdout, NULL, _IOLBF, 0);

	/* 프로토콜 0: 이 도메인과 타입의 기본 프로토콜이며, 여기서는 TCP입니다. */
	sockfd = socket(domain, SOCK_STREAM, 0);
	if (sockfd == -1) {
		int reason = errno; /* printf()가 errno를 바꿀 수 있습니다 */

		printf("fail to call socket()\n");
		fprintf(stderr, "socket: %s\n", strerror(reason));
		return EXIT_FAILURE;
	}
	printf("socket descriptor is %d\n", sockfd);

	/* 종료할 때 커널도 닫아 줍니다. 오래 실행되는 서버는 스스로 닫아야 합니다. */
	close(sockfd);
	return EXIT_SUCCESS;
}
