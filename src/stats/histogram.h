/*
 * A histogram with high dynamic range (HDR): how often each value occurred, kept to a number of
 * significant decimal digits over the whole range, from nanoseconds to an hour. Recording is a
 * shift, a few additions and no branch that is taken; it never allocates.
 *
 * Memory is one block, fixed when it is made: 264 KiB for 1 ns to 1 h with 3 digits, 26 MiB with 5
 * (histogram_size_bytes). Only pages that were written to take memory. Resetting, merging and
 * reading touch only the buckets between the least and the greatest value.
 *
 * Thread: nothing here locks. One thread records; another one that reads needs a copy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For times: 1 ns to 1 h, 3 digits. */
#define HISTOGRAM_LOWEST_NS 1
#define HISTOGRAM_HIGHEST_NS 3600000000000u
#define HISTOGRAM_DIGITS 3

/* The range of `digits`; with it, a histogram takes HISTOGRAM_MOST_BYTES at most. */
#define HISTOGRAM_LEAST_DIGITS 1
#define HISTOGRAM_MOST_DIGITS 5
#define HISTOGRAM_MOST_BYTES (48u << 20)

/*
 * Open so that recording can be inline; read it through the functions below, but for
 * overflow_count.
 *
 * The buckets lie as in the HdrHistogram reference (the format of its logs depends on it): bucket b
 * has steps of 2^(b + unit_shift); of its 2^(half_shift + 1) steps the lower half is covered more
 * finely by the bucket before, so only bucket 0 has them.
 */
struct histogram {
	uint64_t lowest, highest; /* as asked for */
	unsigned digits;
	uint8_t unit_shift; /* steps of bucket 0: 2^unit_shift, the power of two below `lowest` */
	uint8_t half_shift; /* 2^half_shift steps in the half of a bucket */
	uint64_t mask; /* the values of bucket 0 have no other bits */
	uint64_t limit; /* the greatest value that has a counter of its own, at least `highest` */
	uint64_t count;
	uint64_t min, max; /* exact; UINT64_MAX and 0 while empty */
	/* Values above `limit`: counted, but in the last counter, so lower than they were. Part of
	 * `count`. Where it is not 0 a result has to say so. */
	uint64_t overflow_count;
	size_t counter_count;
	uint64_t counters[];
};

/* ---- life ---- */

/*
 * Values from `lowest` (1 or more: it is the finest step that matters) to `highest` (at least twice
 * that), so that any two that differ in the first `digits` significant digits are distinct.
 * -EINVAL: bounds out of range; -ENOMEM.
 */
int histogram_new(
	uint64_t lowest, uint64_t highest, unsigned digits, struct histogram **ret_histogram);
/* Another one with the same bounds and the same content. -ENOMEM. */
int histogram_copy(const struct histogram *histogram, struct histogram **ret_copy);
/* NULL is fine. */
void histogram_free(struct histogram *histogram);
/* Empty again. */
void histogram_reset(struct histogram *histogram);
/* All that it takes, this structure included. */
size_t histogram_size_bytes(const struct histogram *histogram);

/* ---- recording ---- */

/* Which counter a value up to `limit` belongs to. */
static inline size_t histogram_index(const struct histogram *histogram, uint64_t value)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(value | histogram->mask);
	unsigned shift = bits - histogram->half_shift - 1;

	return ((size_t)(shift - histogram->unit_shift) << histogram->half_shift) +
		(size_t)(value >> shift);
}

/* `count` times the same value; 0 times is nothing. */
static inline void histogram_record_many(
	struct histogram *histogram, uint64_t value, uint64_t count)
{
	if (count == 0)
		return;
	histogram->min = value < histogram->min ? value : histogram->min;
	histogram->max = value > histogram->max ? value : histogram->max;
	if (__builtin_expect(value > histogram->limit, false)) {
		value = histogram->limit;
		histogram->overflow_count += count;
	}
	histogram->counters[histogram_index(histogram, value)] += count;
	histogram->count += count;
}

static inline void histogram_record(struct histogram *histogram, uint64_t value)
{
	histogram_record_many(histogram, value, 1);
}

/*
 * Adds all of `from` to `into`. The bounds may differ: values lose precision where the steps of
 * `into` are larger, and those beyond its range are overflow. If the steps differ, the middle of
 * each step is added. -EOVERFLOW, and nothing is done: the sum would have more than INT64_MAX
 * values.
 */
int histogram_merge(struct histogram *into, const struct histogram *from);

/*
 * After `counters` has been written directly (by a decoder, into an empty one): computes count, min
 * and max, the latter two as the ends of their steps. -EOVERFLOW: more than INT64_MAX values; it is
 * empty then.
 */
int histogram_recount(struct histogram *histogram);

/* ---- reading ---- */

uint64_t histogram_count(const struct histogram *histogram);
/* The least and the greatest value, exactly as recorded (of a decoded one: the ends of their
 * steps). 0 while empty. */
uint64_t histogram_min(const struct histogram *histogram);
uint64_t histogram_max(const struct histogram *histogram);
/* Of the middles of the steps, as the reference has them: exact to half a step. 0 while empty. */
double histogram_mean(const struct histogram *histogram);
double histogram_stddev(const struct histogram *histogram);
/*
 * The value that `percentile` (0 to 100) percent of all values do not exceed, by nearest rank: the
 * upper end of the step in which the value of rank ceil(percentile / 100 * count) lies, but never
 * more than the maximum. 0 gives exactly the minimum, 100 the maximum. While empty: 0. (So the
 * reference has it, but for the maximum: it gives the upper end of its step.)
 */
uint64_t histogram_percentile(const struct histogram *histogram, double percentile);
/* How many values lie in the steps from that of `low` to that of `high`, both included. */
uint64_t histogram_count_between(const struct histogram *histogram, uint64_t low, uint64_t high);

/* ---- step by step ---- */

/* The ends of the step in which a value up to `limit` lies, both included. */
uint64_t histogram_step_lower(const struct histogram *histogram, uint64_t value);
uint64_t histogram_step_upper(const struct histogram *histogram, uint64_t value);

/* One step that has values, for histogram_next(); zeroed to begin with. */
struct histogram_step {
	uint64_t lower, upper; /* both included */
	uint64_t count;
	size_t next_index; /* where to go on */
};

/*
 * Goes to the next step that has values, in rising order; false at the end.
 *
 *	struct histogram_step step = { 0 };
 *	while (histogram_next(histogram, &step))
 *		...
 */
bool histogram_next(const struct histogram *histogram, struct histogram_step *step);
