/*
 * One table, a period and a chunk long, so that every place has a whole chunk behind it.
 */
#include "protocol/pattern.h"

#include <pthread.h>
#include <string.h>

#define STEP 7919u /* between the beginnings of neighbouring streams */

static unsigned char table[PATTERN_PERIOD + PATTERN_CHUNK_BYTES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* xorshift64* (Marsaglia 2003, Vigna 2016): noise, and the same in every run. */
static void fill(void)
{
	uint64_t state = 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < PATTERN_PERIOD; i++) {
		state ^= state >> 12;
		state ^= state << 25;
		state ^= state >> 27;
		table[i] = (unsigned char)(state * 0x2545f4914f6cdd1du >> 56);
	}
	for (size_t i = PATTERN_PERIOD; i < sizeof(table); i++)
		table[i] = table[i - PATTERN_PERIOD];
}

void pattern_init(void)
{
	pthread_once(&once, fill);
}

uint32_t pattern_start(uint64_t stream)
{
	return (uint32_t)(stream % PATTERN_PERIOD * STEP % PATTERN_PERIOD);
}

const unsigned char *pattern_at(uint32_t start, uint64_t position)
{
	return table + (start + position) % PATTERN_PERIOD;
}

size_t pattern_match(const unsigned char *bytes, size_t length, uint32_t start, uint64_t position)
{
	size_t done = 0;

	while (done < length) {
		size_t some = length - done;

		if (some > PATTERN_CHUNK_BYTES)
			some = PATTERN_CHUNK_BYTES;

		const unsigned char *wanted = pattern_at(start, position + done);

		if (memcmp(bytes + done, wanted, some) != 0) {
			size_t i = 0;

			while (bytes[done + i] == wanted[i])
				i++;
			return done + i;
		}
		done += some;
	}
	return length;
}
