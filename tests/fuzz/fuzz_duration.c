/*
 * Lengths of time: what is taken is what was written, as near as long double tells, and formats to a
 * text that is taken again and is as near as its three digits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static long double distance(long double one, long double other)
{
	return one > other ? one - other : other - one;
}

/* The same text by another way: strtold for the number, whatever it takes is a superset. */
static long double by_strtold(const char *text)
{
	char *unit;
	long double number = strtold(text, &unit);

	return number *
		(strcmp(unit, "ns") == 0                  ? 1
				: strcmp(unit, "us") == 0 ? 1e3L
				: strcmp(unit, "ms") == 0 ? 1e6L
				: strcmp(unit, "m") == 0  ? 60e9L
				: strcmp(unit, "h") == 0  ? 3600e9L
							  : 1e9L);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);
	char shown[DURATION_TEXT_SIZE];
	uint64_t ns = 12345, again;

	memcpy(text, bytes, length);
	text[length] = '\0';
	if (duration_parse(text, &ns) < 0) {
		ASSERT(ns == 12345);
	} else {
		/* Nine digits of a fraction are read: of an hour they are 3600 ns fine. */
		ASSERT(distance(by_strtold(text), ns) <= 3601);
		ASSERT(ns != UINT64_MAX);
		ASSERT(strcmp(duration_format(ns, shown, sizeof(shown)), shown) == 0);
		/* The last second that fits may be rounded to one that does not. */
		ASSERT(duration_parse(shown, &again) == 0 || ns > UINT64_MAX - 1000000000);
		ASSERT(ns > UINT64_MAX - 1000000000 || distance(again, ns) <= ns * 0.006L);
	}
	free(text);
	return 0;
}
