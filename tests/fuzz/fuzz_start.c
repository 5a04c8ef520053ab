/*
 * Times to begin at, and ranks, from anywhere: what is refused says where, inside the text, and why; what is taken is in
 * the future or told to be not, and can be shown.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/fleet/launcher.h"
#include "bench/fleet/start.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* An hour before Germany's clocks are put back. */
#define NOW_UNIX_NS (UINT64_C(1792884600) * 1000000000)

static void check_start(const char *text)
{
	char shown[START_TEXT_SIZE];
	const char *why = NULL;
	size_t column = SIZE_MAX;
	uint64_t unix_ns;
	int r = start_parse(text, NOW_UNIX_NS, &unix_ns, &column, &why);

	if (r == -EINVAL) {
		ASSERT(column <= strlen(text) && why != NULL);
		return;
	}
	ASSERT(r == 0 || r == -ETIME);
	ASSERT((unix_ns > NOW_UNIX_NS) == (r == 0) && unix_ns <= INT64_MAX);
	ASSERT(strlen(start_format(unix_ns, shown, sizeof(shown))) == 27);
}

/* The other small grammar of a fleet, on the same bytes. */
static void check_rank(const char *text)
{
	struct launcher_rank rank;
	const char *why = NULL;

	if (launcher_parse(text, &rank, &why) < 0)
		ASSERT(why != NULL);
	else
		ASSERT(rank.known && rank.rank < rank.size && rank.size <= LAUNCHER_MOST_RANKS);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	memcpy(text, bytes, length);
	text[length] = '\0';
	check_start(text);
	check_rank(text);
	free(text);
	return 0;
}
