/*
 * How many values lie below each of a few bounds: what a histogram of Prometheus needs, at the cost of one addition a
 * value. For latencies there is histogram.h, which is far finer. Zeroed is empty. One thread; nothing is allocated.
 */
#pragma once

#include <stdint.h>

#define BUCKETS_BOUNDS 10

struct buckets {
	uint64_t counts[BUCKETS_BOUNDS +
		1]; /* up to each bound, beyond the one before; the last: beyond all */
	uint64_t sum; /* of the values */
};

/* `bounds` rise. */
void buckets_add(struct buckets *buckets, const uint64_t bounds[BUCKETS_BOUNDS], uint64_t value);
/* Adds what is in `more`, which has the same bounds. */
void buckets_merge(struct buckets *buckets, const struct buckets *more);
/* How many values there are up to and with this bucket, as Prometheus counts them. */
uint64_t buckets_up_to(const struct buckets *buckets, unsigned which);
