/*
 * The files of --allow and --deny: whatever is in one, it is read to its end or refused as a whole. Who is in a block
 * of a list that was taken is denied by it, and let in where the same list allows; who is in none is not.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/cidr.h"
#include "server/admission/access.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define MOST_BLOCKS 64

struct blocks {
	struct cidr blocks[MOST_BLOCKS];
	size_t count;
};

static struct sockaddr_storage address_of(int family, const uint8_t *octets)
{
	struct sockaddr_storage address = { .ss_family = (sa_family_t)family };

	if (family == AF_INET)
		memcpy(&((struct sockaddr_in *)&address)->sin_addr, octets, 4);
	else
		memcpy(&((struct sockaddr_in6 *)&address)->sin6_addr, octets, 16);
	return address;
}

/* Asked of each block, one by one, without ranges and sorting. */
static bool is_in_one(const struct blocks *blocks, int family, const uint8_t *octets)
{
	size_t count = family == AF_INET ? 4 : 16;
	uint8_t first[16], last[16];

	for (size_t i = 0; i < blocks->count; i++) {
		if (blocks->blocks[i].family != family)
			continue;
		cidr_range(&blocks->blocks[i], first, last);
		if (memcmp(octets, first, count) >= 0 && memcmp(octets, last, count) <= 0)
			return true;
	}
	return false;
}

static void check_one(const struct access *allowing, const struct access *denying,
	const struct blocks *blocks, int family, const uint8_t *octets)
{
	struct sockaddr_storage address = address_of(family, octets);
	const struct in6_addr *in6 = &((struct sockaddr_in6 *)&address)->sin6_addr;

	/* As a source, a mapped address is one of IPv4. */
	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6))
		return;
	bool is_in = is_in_one(blocks, family, octets);

	ASSERT(access_admits(allowing, (const struct sockaddr *)&address) == is_in);
	ASSERT(access_admits(denying, (const struct sockaddr *)&address) == !is_in);
}

/* The next address, or the one before: false where there is none. */
static bool step(uint8_t *octets, size_t count, int by)
{
	while (count-- > 0) {
		octets[count] = (uint8_t)(octets[count] + by);
		if (octets[count] != (by > 0 ? 0 : 0xff))
			return true;
	}
	return false;
}

/* The ends of each block, and who stands before and behind it. Only lists that are blocks and nothing else. */
static void check(const struct access *allowing, const struct access *denying, char *text)
{
	struct blocks blocks = { .count = 0 };
	struct addr_fault fault;

	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (blocks.count == MOST_BLOCKS ||
			cidr_parse(line, &blocks.blocks[blocks.count], &fault) < 0)
			return;
		blocks.count++;
	}
	for (size_t i = 0; i < blocks.count; i++) {
		int family = blocks.blocks[i].family;
		size_t count = family == AF_INET ? 4 : 16;
		uint8_t ends[2][16];

		cidr_range(&blocks.blocks[i], ends[0], ends[1]);
		for (int k = 0; k < 2; k++) {
			check_one(allowing, denying, &blocks, family, ends[k]);
			if (step(ends[k], count, k == 0 ? -1 : 1))
				check_one(allowing, denying, &blocks, family, ends[k]);
		}
	}
}

/* What is refused is told, each time: not here. Standard error is put back, for a fault is told there as well. */
static int read_in_silence(const struct access_entries *allow, const struct access_entries *deny,
	struct access **ret_access)
{
	static int nowhere = -1, kept = -1;
	int r;

	if (nowhere < 0) {
		nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
		kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		ASSERT(nowhere >= 0 && kept >= 0);
	}
	dup2(nowhere, STDERR_FILENO);
	r = access_new(allow, deny, ret_access);
	dup2(kept, STDERR_FILENO);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct access *allowing = NULL, *denying = NULL;
	char path[40];
	const char *texts[] = { path };
	struct access_entries file = { texts, 1 }, nothing = { NULL, 0 };
	struct access *trusting = NULL;
	int fd = memfd_create("list", MFD_CLOEXEC);
	char *text = malloc(length + 1);

	ASSERT(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
	snprintf(path, sizeof(path), "@/proc/self/fd/%d", fd);
	memcpy(text, bytes, length);
	text[length] = '\0';
	if (read_in_silence(&nothing, &file, &denying) == 0) {
		ASSERT(read_in_silence(&file, &nothing, &allowing) == 0);
		/* A list of proxies is one of those that are allowed. */
		ASSERT(read_in_silence(&nothing, &nothing, &trusting) == 0);
		ASSERT(access_read_proxies(trusting, &file) == 0);
		access_free(trusting);
		/* A zero byte ends a line for the reader, and the text for us. */
		if (strlen(text) == length)
			check(allowing, denying, text);
	} else {
		ASSERT(read_in_silence(&file, &nothing, &allowing) < 0 && allowing == NULL);
	}
	access_free(denying);
	access_free(allowing);
	free(text);
	close(fd);
	return 0;
}
