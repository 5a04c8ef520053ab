/*
 * Blocks of addresses: what is taken is canonical in one step, and holds its own first and last
 * address and nothing before or behind; what is refused names a place inside the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/cidr.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check(const struct cidr *cidr)
{
	size_t count = cidr->family == AF_INET ? 4 : 16;
	uint8_t first[16], last[16];
	struct cidr again;
	char text[CIDR_TEXT_SIZE];

	ASSERT(cidr->family == AF_INET || cidr->family == AF_INET6);
	ASSERT(cidr->bits <= count * 8);
	cidr_range(cidr, first, last);
	ASSERT(memcmp(first, cidr->octets, count) == 0);
	for (size_t bit = 0; bit < count * 8; bit++) {
		unsigned one = first[bit / 8] >> (7 - bit % 8) & 1;
		unsigned other = last[bit / 8] >> (7 - bit % 8) & 1;

		ASSERT(bit < cidr->bits ? one == other : one == 0 && other == 1);
	}
	/* A block of IPv6 that holds mapped addresses and more stays one of IPv6. */
	ASSERT(cidr_parse(cidr_format(cidr, text, sizeof(text)), &again, NULL) == 0);
	ASSERT(memcmp(&again, cidr, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);
	struct cidr cidr;
	struct literal literal;
	struct addr_fault fault = { .column = SIZE_MAX };

	memcpy(text, bytes, length);
	text[length] = '\0';
	if (cidr_parse(text, &cidr, &fault) == 0)
		check(&cidr);
	else
		ASSERT(fault.column <= strlen(text) && fault.text[0] != '\0');
	if (cidr_parse_loosely(text, &cidr, &literal, &fault) == 0) {
		ASSERT(cidr_is_meant(text) || cidr.bits == (cidr.family == AF_INET ? 32 : 128));
		ASSERT(cidr.family == literal.family);
	}
	free(text);
	return 0;
}
