/*
 * Counts, sizes and rates as people write them: what is taken lies within the bounds and is what strtoull(3) and
 * strtod(3) say of its digits; what is refused leaves the result alone.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check_counts(const char *text)
{
	uint64_t number = 12345, same = 0;

	if (number_parse(text, 0, UINT64_MAX, &number) == 0) {
		ASSERT(number == strtoull(text, NULL, 10));
		ASSERT(number_parse(text, number, number, &same) == 0 && same == number);
		ASSERT(number == 0 || number_parse(text, 0, number - 1, &same) < 0);
		/* A size without a unit is the same number. */
		ASSERT(number_parse_size(text, 0, UINT64_MAX, &same) == 0 && same == number);
	} else {
		ASSERT(number == 12345);
	}
}

static void check_sizes(const char *text)
{
	uint64_t size = 12345, digits;
	char shown[NUMBER_TEXT_SIZE];

	if (number_parse_size(text, 0, UINT64_MAX, &size) < 0) {
		ASSERT(size == 12345);
		return;
	}
	digits = strtoull(text, NULL, 10);
	ASSERT(size == digits || size == digits << 10 || size == digits << 20 ||
		size == digits << 30 || size == digits << 40);
	ASSERT(strlen(number_format_size(size, shown, sizeof(shown))) < sizeof(shown) - 1);
}

static void check_rates(const char *text)
{
	double rate = -1, plain;
	size_t taken = SIZE_MAX;
	char shown[NUMBER_TEXT_SIZE];

	if (number_scan_rate(text, &rate, &taken) < 0) {
		ASSERT(rate == -1 && taken == SIZE_MAX);
		return;
	}
	ASSERT(taken > 0 && taken <= strlen(text));
	ASSERT(isfinite(rate) && rate >= 0 && rate <= NUMBER_MOST_RATE);

	char *piece = strndup(text, taken);

	plain = strtod(piece, NULL);
	free(piece);
	/* With a unit it is a thousand times more, or a million, or a thousand million. */
	ASSERT(fabs(rate - plain) <= plain * 1e-9 || fabs(rate - plain * 1e3) <= plain * 1e-6 ||
		fabs(rate - plain * 1e6) <= plain * 1e-3 || fabs(rate - plain * 1e9) <= plain);
	ASSERT(strlen(number_format_rate(rate, shown, sizeof(shown))) < sizeof(shown) - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);

	memcpy(text, bytes, length);
	text[length] = '\0';
	check_counts(text);
	check_sizes(text);
	check_rates(text);
	free(text);
	return 0;
}
