/*
 * The files of --allow and --deny: whatever is in one, it is read to its end or refused as a whole. Who is in a block
 * of a list that was taken is denied by it, and let in where the same list allows.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/cidr.h"
#include "server/access.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* An address of a line that is a block and nothing else; false if there is none. */
static int address_of(const char *line, struct sockaddr_storage *ret_address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_address;
	struct cidr cidr;
	struct addr_fault fault;

	if (cidr_parse(line, &cidr, &fault) < 0)
		return 0;
	*ret_address = (struct sockaddr_storage){ .ss_family = (sa_family_t)cidr.family };
	if (cidr.family == AF_INET)
		memcpy(&in->sin_addr, cidr.octets, 4);
	else
		memcpy(&in6->sin6_addr, cidr.octets, 16);
	/* As a source, a mapped address is one of IPv4. */
	return cidr.family == AF_INET || !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
}

static void check(const struct access *allowing, const struct access *denying, char *text)
{
	struct sockaddr_storage address;

	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (!address_of(line, &address))
			continue;
		ASSERT(access_admits(allowing, (const struct sockaddr *)&address));
		ASSERT(!access_admits(denying, (const struct sockaddr *)&address));
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
	int fd = memfd_create("list", MFD_CLOEXEC);
	char *text = malloc(length + 1);

	ASSERT(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
	snprintf(path, sizeof(path), "@/proc/self/fd/%d", fd);
	memcpy(text, bytes, length);
	text[length] = '\0';
	if (read_in_silence(&nothing, &file, &denying) == 0) {
		ASSERT(read_in_silence(&file, &nothing, &allowing) == 0);
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
