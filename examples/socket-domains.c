/*
 * socket-domains: socket(domain, type, protocol), with every row of the chapter's table.
 *
 * The domain decides what an address looks like, the type how bytes travel (a stream, or
 * datagrams). Protocol 0 means the usual protocol of this pair. Not every combination exists; the
 * kernel decides that.
 *
 * The chapter says that one protocol fits a domain and a type. Today TCP, MPTCP and SCTP all fit
 * AF_INET and SOCK_STREAM. Its table lists AF_IPX, which Linux removed in 2018 (4.18); only the
 * name is left in the headers. Here its failure is one line like the others.
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

/* The protocol that 0 became. Unix sockets have only one, and its number stays 0. */
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
		/*
		 * EAFNOSUPPORT: no such domain. EPROTONOSUPPORT, ESOCKTNOSUPPORT: not in this
		 * domain.
		 */
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

	/* One pair of domain and type may have several protocols. */
	try_socket(&domains[2], &types[0], IPPROTO_MPTCP);
	try_socket(&domains[2], &types[0], IPPROTO_SCTP);

	/* A protocol by number may contradict the type; 0 cannot. */
	try_socket(&domains[2], &types[0], IPPROTO_UDP);

	printf("AF_LOCAL is %s AF_UNIX\n", AF_LOCAL == AF_UNIX ? "another name for" : "not");
	return 0;
}
