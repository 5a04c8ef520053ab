/*
 * sockaddr: the address structures beside the generic one, byte for byte.
 *
 * bind(), connect() and accept() are older than `void *`: they take a struct sockaddr, of which
 * only the family is used. The family says which structure really lies there, and the length says
 * how many bytes it has. Hence the cast, and hence the third argument.
 *
 * The chapter says that sockaddr_in is for another machine and sockaddr for the same one. But
 * sockaddr holds no address, it is only the type of the cast. One machine can connect to itself
 * with sockaddr_un, and with sockaddr_in, too, as the program shows. The chapter's listings store
 * the port without htons(): the last line shows which port that is.
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

/* The kernel does the same with the generic pointer: it reads the family first. */
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

/* Connects two sockets of this machine with an address of this family. */
static const char *talk_to_ourselves(struct sockaddr *address, socklen_t length)
{
	int listener = socket(address->sa_family, SOCK_STREAM, 0);
	int client = socket(address->sa_family, SOCK_STREAM, 0);
	socklen_t chosen = sizeof(struct sockaddr_un);
	/* With port 0, or without a path, the kernel chooses the address. */
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
	/* A copy is possible here, because both have 16 bytes. Other families have more. */
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
	/* It has room and alignment for every family: give it to accept(). */
	printf("sockaddr_storage holds them all: %s\n",
		sizeof(struct sockaddr_storage) >= sizeof(struct sockaddr_un) ? "yes" : "no");

	printf("why htons:\n");
	show_bytes("5000", &unturned, sizeof(unturned));
	show_bytes("htons", &full.sin_port, sizeof(full.sin_port));
	printf("5000 without htons is port %d\n", ntohs(unturned));
	return 0;
}
