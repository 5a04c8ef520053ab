/*
 * Addresses from anywhere: what is taken formats, parses again and formats to the same text; what
 * is refused says where, inside the text, and why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/addr.h"
#include "net/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check_spec(const struct addr_spec *spec)
{
	struct addr_spec again;
	struct addr_fault fault;
	char once[ADDR_TEXT_SIZE], twice[ADDR_TEXT_SIZE];

	addr_spec_format(spec, once, sizeof(once));
	ASSERT(strlen(once) < sizeof(once) - 1);
	ASSERT(addr_parse(once, &again, &fault) == 0);
	addr_spec_format(&again, twice, sizeof(twice));
	ASSERT(strcmp(once, twice) == 0);
	ASSERT(again.scheme == spec->scheme && again.port == spec->port && again.any == spec->any);
	ASSERT(again.family == spec->family && again.abstract == spec->abstract);
	ASSERT(again.path_length == spec->path_length);
	ASSERT(memcmp(again.path, spec->path, spec->path_length) == 0);
}

/* Only what needs no resolver: a name's spec would ask one. */
static void check_addr(const struct addr_spec *spec)
{
	static struct resolve_list list;
	struct addr_spec again;
	char once[ADDR_TEXT_SIZE], twice[ADDR_TEXT_SIZE];
	bool numeric = strchr(spec->host, ':') != NULL ||
		strspn(spec->host, "0123456789.") == strlen(spec->host);

	if (!numeric || resolve(spec, RESOLVE_LISTEN, &list) != 0)
		return;
	ASSERT(list.count == 1);

	struct addr first = list.addrs[0];

	ASSERT(first.length <= sizeof(first.storage));
	ASSERT(addr_port(&first) == (spec->family == AF_UNIX ? 0 : spec->port));
	addr_format(&first, once, sizeof(once));
	ASSERT(addr_parse(once, &again, NULL) == 0);
	ASSERT(resolve(&again, RESOLVE_LISTEN, &list) == 0);
	ASSERT(addr_equal(&first, &list.addrs[0]));
	addr_format(&list.addrs[0], twice, sizeof(twice));
	ASSERT(strcmp(once, twice) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);
	struct addr_spec spec;
	struct addr_fault fault = { .column = SIZE_MAX };

	memcpy(text, bytes, length);
	text[length] = '\0';
	if (addr_parse(text, &spec, &fault) == 0) {
		ASSERT(addr_parse(text, &spec, NULL) == 0);
		check_spec(&spec);
		check_addr(&spec);
	} else {
		ASSERT(fault.column <= strlen(text));
		ASSERT(fault.text[0] != '\0');
		/* Nothing in a message that a terminal would obey. */
		for (const char *at = fault.text; *at != '\0'; at++)
			ASSERT((unsigned char)*at >= ' ' && *at != 0x7f);
		ASSERT(addr_parse(text, &spec, NULL) < 0);
	}
	free(text);
	return 0;
}
