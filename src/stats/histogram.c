/*
 * The arithmetic of HdrHistogram (hdrhistogram.org), by its published definition: which value has
 * which counter must be the same to the last one, because logs hold nothing but the counters.
 *
 * All counters that are not 0 lie between those of min and max, so everything here reads only
 * those: a snapshot a second of a histogram of 264 KiB costs what its latencies span.
 */
#include "stats/histogram.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The smallest n with 2^n >= value. */
static unsigned log2_ceil(uint64_t value)
{
	return value <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(value - 1);
}

/* How many buckets are needed until `highest` has a place. */
static unsigned count_buckets(uint64_t highest, unsigned step_bits, unsigned unit_shift)
{
	unsigned bits = step_bits + unit_shift; /* bucket 0 ends before 2^bits */
	unsigned needed = 1;

	/* Values have 63 bits in the reference: there is no bucket beyond. */
	while (bits < 63 && highest >> bits != 0) {
		bits++;
		needed++;
	}
	return needed;
}

int histogram_new(
	uint64_t lowest, uint64_t highest, unsigned digits, struct histogram **ret_histogram)
{
	if (digits < HISTOGRAM_LEAST_DIGITS || digits > HISTOGRAM_MOST_DIGITS)
		return -EINVAL;
	if (lowest == 0 || highest > INT64_MAX || lowest > highest / 2)
		return -EINVAL;

	uint64_t unit_steps = 2; /* up to here, steps of 1 are needed for so many digits */

	for (unsigned i = 0; i < digits; i++)
		unit_steps *= 10;

	unsigned step_bits = log2_ceil(unit_steps);
	unsigned unit_shift = 63 - (unsigned)__builtin_clzll(lowest);

	/* The reference's own bound: bucket 0 alone would leave the 63 bits of a value. */
	if (unit_shift + step_bits > 62)
		return -EINVAL;

	unsigned buckets = count_buckets(highest, step_bits, unit_shift);
	size_t counter_count = (size_t)(buckets + 1) << (step_bits - 1);
	struct histogram *histogram = calloc(
		1, sizeof(*histogram) + counter_count * sizeof(histogram->counters[0]));

	if (histogram == NULL)
		return -ENOMEM;
	histogram->lowest = lowest;
	histogram->highest = highest;
	histogram->digits = digits;
	histogram->unit_shift = (uint8_t)unit_shift;
	histogram->half_shift = (uint8_t)(step_bits - 1);
	histogram->mask = ((UINT64_C(1) << step_bits) - 1) << unit_shift;
	histogram->limit = (UINT64_C(1) << (step_bits + unit_shift + buckets - 1)) - 1;
	histogram->counter_count = counter_count;
	histogram->min = UINT64_MAX;
	*ret_histogram = histogram;
	return 0;
}

void histogram_free(struct histogram *histogram)
{
	free(histogram);
}

size_t histogram_size_bytes(const struct histogram *histogram)
{
	return sizeof(*histogram) + histogram->counter_count * sizeof(histogram->counters[0]);
}

/* Which counter, for any value: what is beyond is in the last. */
static size_t index_within(const struct histogram *histogram, uint64_t value)
{
	return histogram_index(histogram, value < histogram->limit ? value : histogram->limit);
}

/* The counters from `first` up to, not including, `end` hold everything; none while empty. */
static void find_span(const struct histogram *histogram, size_t *ret_first, size_t *ret_end)
{
	bool empty = histogram->count == 0;

	*ret_first = empty ? 0 : index_within(histogram, histogram->min);
	*ret_end = empty ? 0 : index_within(histogram, histogram->max) + 1;
}

/* Steps of counter `index`: 2^this. */
static unsigned step_shift(const struct histogram *histogram, size_t index)
{
	size_t bucket = index >> histogram->half_shift;

	/* Bucket 0 has two halves, every other one its upper half only. */
	return histogram->unit_shift + (unsigned)(bucket > 0 ? bucket - 1 : 0);
}

/* The least value that counter `index` counts: histogram_index() the other way. */
static uint64_t lower_of(const struct histogram *histogram, size_t index)
{
	unsigned shift = step_shift(histogram, index);

	return (uint64_t)(index -
		       ((size_t)(shift - histogram->unit_shift) << histogram->half_shift))
		<< shift;
}

static uint64_t upper_of(const struct histogram *histogram, size_t index)
{
	return lower_of(histogram, index) + ((UINT64_C(1) << step_shift(histogram, index)) - 1);
}

/* As the reference: half a step above the lower end, which of a step of 1 is the value itself. */
static uint64_t middle_of(const struct histogram *histogram, size_t index)
{
	return lower_of(histogram, index) + ((UINT64_C(1) << step_shift(histogram, index)) >> 1);
}

void histogram_reset(struct histogram *histogram)
{
	size_t first, end;

	find_span(histogram, &first, &end);
	memset(&histogram->counters[first], 0, (end - first) * sizeof(histogram->counters[0]));
	histogram->count = 0;
	histogram->overflow_count = 0;
	histogram->min = UINT64_MAX;
	histogram->max = 0;
}

int histogram_copy(const struct histogram *histogram, struct histogram **ret_copy)
{
	struct histogram *copy;
	int r = histogram_new(histogram->lowest, histogram->highest, histogram->digits, &copy);

	if (r < 0)
		return r;
	r = histogram_merge(copy, histogram);
	if (r < 0) {
		histogram_free(copy);
		return r;
	}
	*ret_copy = copy;
	return 0;
}

/* Whether every counter of `from` has one of the same meaning in `into`. */
static bool is_within(const struct histogram *from, const struct histogram *into)
{
	return from->unit_shift == into->unit_shift && from->half_shift == into->half_shift &&
		from->counter_count <= into->counter_count;
}

int histogram_merge(struct histogram *into, const struct histogram *from)
{
	size_t first, end;

	if (from->count > INT64_MAX || into->count > INT64_MAX - from->count)
		return -EOVERFLOW;
	find_span(from, &first, &end);
	if (is_within(from, into)) {
		for (size_t i = first; i < end; i++)
			into->counters[i] += from->counters[i];
		into->count += from->count;
		into->overflow_count += from->overflow_count;
	} else {
		for (size_t i = first; i < end; i++) {
			uint64_t value = middle_of(from, i);

			/* A middle may lie outside of what was recorded; min and max are exact. */
			value = value < from->min ? from->min : value;
			value = value > from->max ? from->max : value;
			histogram_record_many(into, value, from->counters[i]);
		}
		/* Of a smaller one they lie within our range by now, and are as wrong as before;
		 * of a larger one they have just been counted. */
		if (from->limit <= into->limit)
			into->overflow_count += from->overflow_count;
	}
	into->min = from->min < into->min ? from->min : into->min;
	into->max = from->max > into->max ? from->max : into->max;
	return 0;
}

int histogram_recount(struct histogram *histogram)
{
	uint64_t count = 0;
	size_t first = 0, last = 0;

	for (size_t i = 0; i < histogram->counter_count; i++) {
		if (histogram->counters[i] == 0)
			continue;
		first = count == 0 ? i : first;
		last = i;
		if (__builtin_add_overflow(count, histogram->counters[i], &count) ||
			count > INT64_MAX) {
			memset(histogram->counters, 0,
				histogram->counter_count * sizeof(histogram->counters[0]));
			histogram->count = 0;
			histogram_reset(histogram);
			return -EOVERFLOW;
		}
	}
	histogram->count = count;
	histogram->overflow_count = 0;
	histogram->min = count > 0 ? lower_of(histogram, first) : UINT64_MAX;
	histogram->max = count > 0 ? upper_of(histogram, last) : 0;
	return 0;
}

uint64_t histogram_count(const struct histogram *histogram)
{
	return histogram->count;
}

uint64_t histogram_min(const struct histogram *histogram)
{
	return histogram->count > 0 ? histogram->min : 0;
}

uint64_t histogram_max(const struct histogram *histogram)
{
	return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
	size_t first, end;
	double sum = 0;

	if (histogram->count == 0)
		return 0;
	find_span(histogram, &first, &end);
	for (size_t i = first; i < end; i++)
		sum += (double)histogram->counters[i] * (double)middle_of(histogram, i);
	return sum / (double)histogram->count;
}

double histogram_stddev(const struct histogram *histogram)
{
	double mean = histogram_mean(histogram);
	size_t first, end;
	double sum = 0;

	if (histogram->count == 0)
		return 0;
	find_span(histogram, &first, &end);
	for (size_t i = first; i < end; i++) {
		double away = (double)middle_of(histogram, i) - mean;

		sum += (double)histogram->counters[i] * away * away;
	}
	return sqrt(sum / (double)histogram->count);
}

/* The rank, from 1, of the value that a percentile asks for. */
static uint64_t rank_of(const struct histogram *histogram, double percentile)
{
	/* 99.9 is stored as a little more than that, which must not become a rank of its own. */
	double below = nextafter(percentile, 0);
	double rank = ceil(below / 100 * (double)histogram->count);

	if (!(rank >= 1))
		return 1;
	return rank < (double)histogram->count ? (uint64_t)rank : histogram->count;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percentile)
{
	size_t first, end;

	if (histogram->count == 0)
		return 0;

	uint64_t rank = rank_of(histogram, percentile), seen = 0;

	if (rank == histogram->count)
		return histogram->max;
	if (percentile <= 0)
		return histogram->min;
	find_span(histogram, &first, &end);
	for (size_t i = first; i < end; i++) {
		seen += histogram->counters[i];
		if (seen >= rank) {
			uint64_t upper = upper_of(histogram, i);

			return upper < histogram->max ? upper : histogram->max;
		}
	}
	return histogram->max;
}

uint64_t histogram_count_between(const struct histogram *histogram, uint64_t low, uint64_t high)
{
	size_t first, end, from = index_within(histogram, low), to = index_within(histogram, high);
	uint64_t count = 0;

	find_span(histogram, &first, &end);
	for (size_t i = from > first ? from : first; i < end && i <= to; i++)
		count += histogram->counters[i];
	return count;
}

uint64_t histogram_step_lower(const struct histogram *histogram, uint64_t value)
{
	return lower_of(histogram, index_within(histogram, value));
}

uint64_t histogram_step_upper(const struct histogram *histogram, uint64_t value)
{
	return upper_of(histogram, index_within(histogram, value));
}

bool histogram_next(const struct histogram *histogram, struct histogram_step *step)
{
	size_t first, end;

	find_span(histogram, &first, &end);
	for (size_t i = step->next_index > first ? step->next_index : first; i < end; i++) {
		if (histogram->counters[i] == 0)
			continue;
		step->lower = lower_of(histogram, i);
		step->upper = upper_of(histogram, i);
		step->count = histogram->counters[i];
		step->next_index = i + 1;
		return true;
	}
	return false;
}
