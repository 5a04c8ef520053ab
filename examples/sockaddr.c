/*
 * sockaddr: the full address structures beside the generic one, byte for byte.
 *
 * bind(), connect() and accept() are older than `void *`: they take a struct sockaddr, of which
 * only the family is of use. The family tells which full structure really lies there, and the
 * length that goes along tells how far it reaches. Hence the cast, and hence the third argument.
 *
 * The chapter's listings put the port in without htons(): the last lines show which port that is.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static void show_bytes(const char *name, const void *start, size_t count)
{
	const unsigned char *bytes = start;

	printf("%-10s", name);
	for (size_t at = 0; at < count; at++)
		printf(" %02x", bytes[at]);
	printf("\n");
}

/* What the kernel does with the generic pointer: look at the family, then believe it. */
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
	/* A copy is possible here, as both have 16 bytes. No other family is so lucky. */
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

	printf("a pointer says where, only a length says how far:\n");
	printf("sockaddr %zu, sockaddr_in %zu, sockaddr_in6 %zu, sockaddr_un %zu bytes\n",
		sizeof(struct sockaddr), sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6),
		sizeof(struct sockaddr_un));
	/* Room for any of them, aligned for any of them: what to give to accept(). */
	printf("sockaddr_storage holds them all: %s\n",
		sizeof(struct sockaddr_storage) >= sizeof(struct sockaddr_un) ? "yes" : "no");

	printf("why htons:\n");
	show_bytes("5000", &unturned, sizeof(unturned));
	show_bytes("htons", &full.sin_port, sizeof(full.sin_port));
	printf("5000 without htons is port %d\n", ntohs(unturned));
	return 0;
}
