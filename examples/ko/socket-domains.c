/*
 * socket-domains: 교과서의 표에 있는 모든 줄을 socket(domain, type, protocol)로 시험합니다.
 *
 * 도메인은 주소의 형태를, 타입은 바이트가 전달되는 방식(스트림 또는 데이터그램)을 정합니다.
 * 프로토콜 0은 그 둘의 기본 프로토콜입니다. 모든 조합이 있는 것은 아니며, 커널에 따라 다릅니다.
 *
 * 교과서는 도메인과 타입이 정해지면 프로토콜이 하나로 정해진다고 적었습니다. 지금은 TCP, MPTCP,
 * SCTP가 모두 AF_INET과 SOCK_STREAM에 맞습니다. 표에 있는 AF_IPX는 2018년(4.18)에 리눅스에서 빠졌고
 * 헤더에 이름만 남아 있습니다. 여기서는 그 실패도 다른 결과처럼 한 줄로 출력합니다.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct named {
	const char *name;
	int value;
};

static const struct named domains[] = {
	{ "AF_UNIX", AF_UNIX },
	{ "AF_LOCAL", AF_LOCAL },
	{ "AF_INET", AF_INET },
	{ "AF_INET6", AF_INET6 },
	{ "AF_IPX", AF_IPX },
};

static const struct named types[] = {
	{ "SOCK_STREAM", SOCK_STREAM },
	{ "SOCK_DGRAM", SOCK_DGRAM },
};

/* 0이 실제로 어떤 프로토콜이 되었는지 알아냅니다. 유닉스 소켓에는 하나뿐이며 번호는 0입니다. */
static const char *chosen_protocol(int sockfd)
{
	int protocol = 0;
	socklen_t length = sizeof(protocol);

	if (getsockopt(sockfd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == -1)
		return strerror(errno);
	switch (protocol) {
	case 0: return "0";
	case IPPROTO_TCP: return "TCP";
	case IPPROTO_UDP: return "UDP";
	case IPPROTO_MPTCP: return "MPTCP";
	case IPPROTO_SCTP: return "SCTP";
	}
	return "another one";
}

static void try_socket(const struct named *domain, const struct named *type, int protocol)
{
	int sockfd = socket(domain->value, type->value, protocol);

	printf("%-8s  %-11s  protocol %d%s: ", domain->name, type->name, protocol,
		protocol == IPPROTO_UDP             ? " (UDP)"
			: protocol == IPPROTO_MPTCP ? " (MPTCP)"
			: protocol == IPPROTO_SCTP  ? " (SCTP)"
						    : "");
	if (sockfd == -1) {
		/* EAFNOSUPPORT: 없는 도메인. EPROTONOSUPPORT, ESOCKTNOSUPPORT: 이 도메인에 없음. */
		printf("no, %s\n", strerror(errno));
		return;
	}
	printf("yes, it is %s\n", chosen_protocol(sockfd));
	close(sockfd);
}

int main(void)
{
	for (size_t d = 0; d < sizeof(domains) / sizeof(domains[0]); d++)
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
			try_socket(&domains[d], &types[t], 0);

	/* 한 쌍의 도메인과 타입에 프로토콜이 여러 개 있을 수 있습니다. */
	try_socket(&domains[2], &types[0], IPPROTO_MPTCP);
	try_socket(&domains[2], &types[0], IPPROTO_SCTP);

	/* 번호로 지정한 프로토콜은 타입과 맞지 않을 수 있지만, 0은 언제나 맞습니다. */
	try_socket(&domains[2], &types[0], IPPROTO_UDP);

	printf("AF_LOCAL is %s AF_UNIX\n", AF_LOCAL == AF_UNIX ? "another name for" : "not");
	return 0;
}
