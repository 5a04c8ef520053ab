/*
 * The bounds are few and most values are small: the search goes from the first.
 */
#include "stats/buckets.h"

void buckets_add(struct buckets *buckets, const uint64_t bounds[BUCKETS_BOUNDS], uint64_t value)
{
	unsigned which = 0;

	while (which < BUCKETS_BOUNDS && value > bounds[which])
		which++;
	buckets->counts[which]++;
	buckets->sum += value;
}

void buckets_merge(struct buckets *buckets, const struct buckets *more)
{
	for (unsigned i = 0; i <= BUCKETS_BOUNDS; i++)
		buckets->counts[i] += more->counts[i];
	buckets->sum += more->sum;
}

uint64_t buckets_up_to(const struct buckets *buckets, unsigned which)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= which; i++)
		sum += buckets->counts[i];
	return sum;
}
