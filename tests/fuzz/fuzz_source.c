/*
 * Sources from anywhere: what is refused says where, inside the text, and why; what is taken can be counted
 * through, and each address is one that can be written and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/mix.h"
#include "bench/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check_family(const struct source *source, int family)
{
	uint64_t count = source_count(source, family);
	const uint64_t indexes[] = { 0, 1, count / 2, count - 1, count, UINT64_MAX };
	struct addr addr, first;

	ASSERT(source_at(source, 0, ADDR_TCP, family, &first) == (count > 0));
	for (size_t i = 0; count > 0 && i < sizeof(indexes) / sizeof(indexes[0]); i++) {
		char text[ADDR_TEXT_SIZE];
		struct addr_spec spec;

		ASSERT(source_at(source, indexes[i], ADDR_TCP, family, &addr));
		ASSERT(addr.generic.sa_family == family);
		ASSERT(addr_parse(addr_format(&addr, text, sizeof(text)), &spec, NULL) == 0);
		if (indexes[i] == count)
			ASSERT(addr_equal(&addr, &first));
	}
}

/* The other small grammar of the load generator, on the same bytes. */
static void check_mix(const char *text)
{
	struct load_options load = { 0 };
	const char *why = NULL;
	size_t column = SIZE_MAX;

	if (mix_parse(text, &load, &column, &why) < 0) {
		ASSERT(column <= strlen(text) && why != NULL);
		return;
	}
	ASSERT(load.size_count >= 1 && load.size_count <= LOAD_MOST_SIZES);
	ASSERT(mix_mean_bytes(&load) >= 1 && mix_mean_bytes(&load) <= mix_most_bytes(&load));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);
	struct source source;
	const char *why = NULL;
	size_t column = SIZE_MAX;

	memcpy(text, bytes, length);
	text[length] = '\0';
	if (source_parse(text, &source, &column, &why) < 0) {
		ASSERT(column <= strlen(text) && why != NULL);
	} else {
		ASSERT(source.count >= 1 && source.count <= SOURCE_MOST_RANGES);
		check_family(&source, AF_INET);
		check_family(&source, AF_INET6);
	}
	check_mix(text);
	free(text);
	return 0;
}
