/*
 * sockaddr: 주소 구조체와 일반 구조체를 바이트 단위로 비교합니다.
 *
 * bind(), connect(), accept()는 `void *`보다 먼저 생겼기 때문에 struct sockaddr의 포인터를 받으며,
 * 그중 주소 계열만 쓰입니다. 주소 계열은 실제로 어떤 구조체인지, 길이는 몇 바이트인지 알려 줍니다.
 * 그래서 형 변환이 필요하고, 그래서 세 번째 인자가 있습니다.
 *
 * 교과서는 sockaddr_in은 다른 시스템과, sockaddr은 같은 시스템 안에서 통신할 때 쓴다고 적었습니다.
 * 그러나 sockaddr은 어떤 주소도 담지 않으며 형 변환에만 쓰입니다. 같은 시스템 안의 통신에는
 * sockaddr_un을 쓰고, 이 프로그램이 보여 주듯 sockaddr_in도 쓸 수 있습니다. 교과서의 코드는 포트를
 * htons() 없이 저장합니다. 그것이 몇 번 포트인지 마지막 줄에 출력합니다.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void show_bytes(const char *name, const void *start, size_t count)
{
	const unsigned char *bytes = start;

	printf("%-10s", name);
	for (size_t at = 0; at < count; at++)
		printf(" %02x", bytes[at]);
	printf("\n");
}

/* 커널도 일반 구조체의 포인터를 이렇게 다룹니다. 주소 계열을 먼저 읽습니다. */
static void show_meaning(const struct sockaddr *generic)
{
	char text[INET6_ADDRSTRLEN];

	if (generic->sa_family == AF_INET) {
		const struct sockaddr_in *full = (const struct sockaddr_in *)generic;

		inet_ntop(AF_INET, &full->sin_addr, text, sizeof(text));
		printf("AF_INET: %s port %d\n", text, ntohs(full->sin_port));
	} else if (generic->sa_family == AF_INET6) {
		const struct sockaddr_in6 *full = (const struct sockaddr_in6 *)generic;

		inet_ntop(AF_INET6, &full->sin6_addr, text, sizeof(text));
		printf("AF_INET6: %s port %d\n", text, ntohs(full->sin6_port));
	} else if (generic->sa_family == AF_UNIX) {
		const struct sockaddr_un *full = (const struct sockaddr_un *)generic;

		printf("AF_UNIX: %s\n", full->sun_path);
	}
}

/* 이 주소 계열의 주소로 이 컴퓨터의 두 소켓을 연결합니다. */
static const char *talk_to_ourselves(struct sockaddr *address, socklen_t length)
{
	int listener = socket(address->sa_family, SOCK_STREAM, 0);
	int client = socket(address->sa_family, SOCK_STREAM, 0);
	socklen_t chosen = sizeof(struct sockaddr_un);
	/* 포트가 0이거나 경로가 없으면 커널이 주소를 고릅니다. */
	int reached = bind(listener, address, length) == 0 && listen(listener, 1) == 0 &&
		getsockname(listener, address, &chosen) == 0 &&
		connect(client, address, chosen) == 0;

	close(client);
	close(listener);
	return reached ? "connected" : "failed";
}

int main(void)
{
	struct sockaddr_in full = { .sin_family = AF_INET, .sin_port = htons(5000) };
	struct sockaddr_in6 full6 = { .sin6_family = AF_INET6, .sin6_port = htons(5000) };
	struct sockaddr_un local = { .sun_family = AF_UNIX, .sun_path = "/tmp/echo" };
	struct sockaddr generic;
	in_port_t unturned = 5000;

	inet_pton(AF_INET, "197.0.0.1", &full.sin_addr);
	full6.sin6_addr = in6addr_loopback;

	printf("the same bytes, twice:\n");
	show_bytes("full", &full, sizeof(full));
	/* 둘 다 16바이트이므로 복사할 수 있습니다. 다른 주소 계열은 더 깁니다. */
	memcpy(&generic, &full, sizeof(generic));
	show_bytes("generic", &generic, sizeof(generic));
	show_bytes("sin_family", &full.sin_family, sizeof(full.sin_family));
	show_bytes("sin_port", &full.sin_port, sizeof(full.sin_port));
	show_bytes("sin_addr", &full.sin_addr, sizeof(full.sin_addr));
	show_bytes("sa_family", &generic.sa_family, sizeof(generic.sa_family));
	show_bytes("sa_data", generic.sa_data, sizeof(generic.sa_data));

	printf("one function for all of them, through the cast:\n");
	show_meaning((const struct sockaddr *)&full);
	show_meaning((const struct sockaddr *)&full6);
	show_meaning((const struct sockaddr *)&local);

	union {
		struct sockaddr generic;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} own = { .in = { .sin_family = AF_INET } };

	own.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	printf("this machine to itself:\n");
	printf("sockaddr_in: %s\n", talk_to_ourselves(&own.generic, sizeof(own.in)));
	own.un.sun_family = AF_UNIX;
	printf("sockaddr_un: %s\n", talk_to_ourselves(&own.generic, sizeof(own.un.sun_family)));

	printf("a pointer says where, only a length says how far:\n");
	printf("sockaddr %zu, sockaddr_in %zu, sockaddr_in6 %zu, sockaddr_un %zu bytes\n",
		sizeof(struct sockaddr), sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6),
		sizeof(struct sockaddr_un));
	/* 크기와 정렬이 모든 주소 계열에 맞으므로 accept()에 넘기기에 알맞습니다. */
	printf("sockaddr_storage holds them all: %s\n",
		sizeof(struct sockaddr_storage) >= sizeof(struct sockaddr_un) ? "yes" : "no");

	printf("why htons:\n");
	show_bytes("5000", &unturned, sizeof(unturned));
	show_bytes("htons", &full.sin_port, sizeof(full.sin_port));
	printf("5000 without htons is port %d\n", ntohs(unturned));
	return 0;
}
