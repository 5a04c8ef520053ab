/*
 * ex12-02: 주소를 문자열에서 정수로, 다시 문자열로 바꿉니다.
 *
 * IPv4 주소는 32비트 정수 하나이며, 최상위 바이트부터 전송됩니다. ntohl()로 이 컴퓨터의 바이트
 * 순서로 바꾼 뒤에 시프트 연산으로 나눌 수 있습니다.
 *
 * 교과서는 inet_addr()를 쓰는데, 오류를 뜻하는 반환값이 255.255.255.255의 값이기도 합니다.
 * inet_ntoa()도 쓰는데, 다음 호출이 덮어쓰는 정적 버퍼에 결과를 씁니다. inet_pton()은 성공 여부를
 * 주소와 따로 반환하고, inet_ntop()은 호출한 쪽의 버퍼에 씁니다. inet_addr()가 반환하는 것은 표준
 * 오류에 출력합니다.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void show_octets(const char *text)
{
	struct in_addr address;
	uint32_t number;

	/* 1: 올바른 주소. 0: 주소가 아님. -1: 모르는 주소 계열(errno 참고). */
	if (inet_pton(AF_INET, text, &address) != 1) {
		printf("invalid: %s\n", text);
		return;
	}
	number = ntohl(address.s_addr);
	printf("valid: %u.%u.%u.%u\n", number >> 24 & 255, number >> 16 & 255, number >> 8 & 255,
		number & 255);
}

/*
 * 교과서는 메모리에 있는 정수를 가장 낮은 바이트부터 시프트합니다. 이 순서는 리틀 엔디언
 * 컴퓨터에서만 맞고, 빅 엔디언 컴퓨터에서는 1.0.0.197이 출력됩니다.
 */
static void show_chapters_order(const char *text)
{
	uint32_t number = inet_addr(text);

	fprintf(stderr, "without ntohl(), lowest octet first: %u.%u.%u.%u\n", number & 255,
		number >> 8 & 255, number >> 16 & 255, number >> 24 & 255);
}

static void compare(const char *text)
{
	struct in_addr address;

	fprintf(stderr, "%-15s inet_addr(): %-8s inet_pton(): %s\n", text,
		inet_addr(text) == INADDR_NONE ? "an error" : "fine",
		inet_pton(AF_INET, text, &address) == 1 ? "fine" : "an error");
}

int main(void)
{
	struct in_addr address;
	char text[INET_ADDRSTRLEN]; /* 255.255.255.255와 널(NUL) 바이트의 자리 */

	setvbuf(stdout, NULL, _IOLBF, 0);

	show_octets("197.0.0.1");
	show_octets("300.0.0.1"); /* 한 옥텟은 255를 넘을 수 없습니다 */

	if (inet_pton(AF_INET, "197.0.0.1", &address) != 1 ||
		!inet_ntop(AF_INET, &address, text, sizeof(text)))
		return EXIT_FAILURE;
	printf("%s\n", text);

	show_chapters_order("197.0.0.1");
	compare("197.0.0.1");
	compare("300.0.0.1");
	compare("255.255.255.255"); /* 브로드캐스트 주소: inet_addr()는 오류로 봅니다 */
	compare("0177.1"); /* 127.0.0.1을 옛날식 8진수로 줄여 쓴 것 */
	return EXIT_SUCCESS;
}
