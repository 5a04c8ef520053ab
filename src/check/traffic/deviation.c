/*
 * A place is recognized by MATCH_BYTES bytes in a row: noise has them at another place by chance less often
 * than once in 2^47 places. What is seen may end before: then the nearest explanation that fits all of
 * it is taken, if there are at least LEAST_BYTES.
 */
#include "check/traffic/deviation.h"

#include <stdbool.h>

#include "protocol/pattern.h"

#define MATCH_BYTES 8u
#define LEAST_BYTES 3u

static bool fits(const unsigned char *seen, size_t length, uint32_t start, uint64_t position)
{
	size_t wanted = length < MATCH_BYTES ? length : MATCH_BYTES;

	return wanted >= LEAST_BYTES && pattern_match(seen, wanted, start, position) == wanted;
}

/* The first byte that was sent is at offset 0, the last one before `sent_bytes`. */
static bool find_shifted(const unsigned char *seen, size_t length, uint32_t start,
	uint64_t sent_bytes, struct deviation *deviation)
{
	for (uint64_t shift = 1; shift < PATTERN_PERIOD; shift++) {
		if (deviation->at + shift < sent_bytes &&
			fits(seen, length, start, deviation->at + shift)) {
			deviation->kind = DEVIATION_MISSING;
			deviation->bytes = shift;
			return true;
		}
		if (deviation->at >= shift && fits(seen, length, start, deviation->at - shift)) {
			deviation->kind = DEVIATION_REPEATED;
			deviation->bytes = shift;
			return true;
		}
	}
	return false;
}

struct deviation deviation_find(
	const unsigned char *seen, size_t length, uint32_t start, uint64_t at, uint64_t sent_bytes)
{
	struct deviation deviation = { .kind = DEVIATION_OTHER, .at = at };

	/* A changed byte first: it is the nearest, and the bytes behind it are in their place. */
	for (size_t i = 1; i < length; i++) {
		if (fits(seen + i, length - i, start, at + i)) {
			deviation.kind = DEVIATION_CHANGED;
			deviation.bytes = i;
			return deviation;
		}
	}
	if (find_shifted(seen, length, start, sent_bytes, &deviation))
		return deviation;
	for (size_t i = 1; i < length; i++) {
		if (fits(seen + i, length - i, start, at)) {
			deviation.kind = DEVIATION_ADDED;
			deviation.bytes = i;
			return deviation;
		}
	}
	/* The last byte of all: nothing is behind it that could have moved. */
	if (at + length == sent_bytes && length < LEAST_BYTES) {
		deviation.kind = DEVIATION_CHANGED;
		deviation.bytes = length;
	}
	return deviation;
}
