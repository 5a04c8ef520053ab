/*
 * histogram.c: where the reference puts each value, percentiles against a sorted array, exact ends,
 * what lies beyond the range, and adding of different shapes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/histogram.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SAMPLES 20000

static struct histogram *make(uint64_t lowest, uint64_t highest, unsigned digits)
{
	struct histogram *histogram;

	assert_int_equal(histogram_new(lowest, highest, digits, &histogram), 0);
	return histogram;
}

static struct histogram *make_for_times(void)
{
	return make(HISTOGRAM_LOWEST_NS, HISTOGRAM_HIGHEST_NS, HISTOGRAM_DIGITS);
}

/* The same numbers in every run: xorshift64*. */
static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

/* Over all magnitudes alike, as latencies are. */
static uint64_t draw_value(uint64_t *seed, uint64_t most)
{
	uint64_t value = draw(seed);

	value >>= draw(seed) % 64;
	return value % (most + 1);
}

static int compare_values(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* ---- the layout ---- */

static void shapes_are_the_references(void **state)
{
	/* The last two: what HdrHistogram computes as countsArrayLength and for its end. */
	static const struct {
		uint64_t lowest, highest;
		unsigned digits;
		size_t counter_count;
		uint64_t limit;
	} cases[] = {
		{ 1, 3600000000000, 3, 33 << 10, (UINT64_C(1) << 42) - 1 },
		{ 1, 3600000000, 3, 23 << 10, (UINT64_C(1) << 32) - 1 },
		{ 1, 3600000000, 2, 26 << 7, (UINT64_C(1) << 32) - 1 },
		{ 1, 2, 1, 2 << 4, 31 },
		{ 1, 31, 1, 2 << 4, 31 },
		{ 1, 32, 1, 3 << 4, 63 },
		{ 1000, 3600000000000, 3, 24 << 10, (UINT64_C(1) << 42) - 1 },
		{ 1024, 3600000000000, 3, 23 << 10, (UINT64_C(1) << 42) - 1 },
		{ 1, 3600000000000, 5, 26 << 17, (UINT64_C(1) << 42) - 1 },
		{ 1, INT64_MAX, 5, 47 << 17, INT64_MAX },
		{ 1, INT64_MAX / 2, 3, 53 << 10, INT64_MAX / 2 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct histogram *histogram = make(
			cases[i].lowest, cases[i].highest, cases[i].digits);

		assert_int_equal(histogram->counter_count, cases[i].counter_count);
		assert_int_equal(histogram->limit, cases[i].limit);
		assert_int_equal(histogram_index(histogram, 0), 0);
		assert_int_equal(
			histogram_index(histogram, histogram->limit), histogram->counter_count - 1);
		assert_true(histogram_size_bytes(histogram) <= HISTOGRAM_MOST_BYTES);
		assert_int_equal(histogram_size_bytes(histogram),
			sizeof(*histogram) + 8 * histogram->counter_count);
		histogram_free(histogram);
	}
}

static void refuses_what_cannot_be(void **state)
{
	static const struct {
		uint64_t lowest, highest;
		unsigned digits;
	} cases[] = {
		{ 0, 1000, 3 }, { 1, 1, 3 }, { 501, 1001, 3 }, { 1, 1000, 0 }, { 1, 1000, 6 },
		{ 1, UINT64_C(1) << 63, 3 },
		{ UINT64_C(1) << 52, INT64_MAX, 3 }, /* bucket 0 alone would end at 2^63 */
	};
	struct histogram *histogram = NULL;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(histogram_new(cases[i].lowest, cases[i].highest, cases[i].digits,
					 &histogram),
			-EINVAL);
		assert_null(histogram);
	}
	histogram = make(UINT64_C(1) << 51, INT64_MAX, 3); /* the last that can be */
	histogram_free(histogram);
	histogram_free(NULL);
}

/* Known pairs from the arithmetic of the reference, for 3 digits (2048 sub-buckets). */
static void values_lie_where_the_reference_has_them(void **state)
{
	static const struct {
		uint64_t value;
		size_t index;
		uint64_t lower, upper;
	} cases[] = {
		{ 0, 0, 0, 0 },
		{ 1, 1, 1, 1 },
		{ 2047, 2047, 2047, 2047 },
		{ 2048, 2048, 2048, 2049 },
		{ 2049, 2048, 2048, 2049 },
		{ 4095, 3071, 4094, 4095 },
		{ 4096, 3072, 4096, 4099 },
		{ 10000, 4 * 1024 + 1250 - 1024, 10000, 10007 },
		{ 10007, 4 * 1024 + 1250 - 1024, 10000, 10007 },
		{ 10008, 4 * 1024 + 1251 - 1024, 10008, 10015 },
	};
	struct histogram *histogram = make_for_times();

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(histogram_index(histogram, cases[i].value), cases[i].index);
		assert_int_equal(histogram_step_lower(histogram, cases[i].value), cases[i].lower);
		assert_int_equal(histogram_step_upper(histogram, cases[i].value), cases[i].upper);
	}
	histogram_free(histogram);
}

static void steps_meet_without_gaps(void **state)
{
	for (unsigned digits = 1; digits <= 4; digits++) {
		struct histogram *histogram = make(3, 1000000000, digits);
		uint64_t expected = 0;
		size_t index = 0;

		for (uint64_t value = 0;; value = expected) {
			assert_int_equal(histogram_index(histogram, value), index++);
			assert_int_equal(histogram_step_lower(histogram, value), value);
			expected = histogram_step_upper(histogram, value) + 1;
			assert_true(expected > value);
			/* The promise of the significant digits, but for the coarse unit of 2. */
			double width = (double)(expected - value);

			assert_true(width <= 2 || width * pow(10, digits) <= (double)value);
			if (expected > histogram->limit)
				break;
		}
		assert_int_equal(index, histogram->counter_count);
		histogram_free(histogram);
	}
}

/* ---- asking ---- */

/* What the histogram may say for the value of this rank. */
static void assert_same_step(
	const struct histogram *histogram, uint64_t said, uint64_t exact, uint64_t max)
{
	uint64_t upper = histogram_step_upper(histogram, exact);

	assert_true(said >= histogram_step_lower(histogram, exact));
	assert_true(said <= upper && said <= max);
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
	static const double percentiles[] = { 0, 0.001, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 99.999,
		100 };
	static const size_t counts[] = { 1, 2, 3, 10, 100, 999, 1000, 1001, SAMPLES };
	uint64_t *values = calloc(SAMPLES, sizeof(*values)), seed = 862;

	for (size_t round = 0; round < 5 * COUNT(counts); round++) {
		size_t count = counts[round % COUNT(counts)];
		unsigned digits = 1 + (unsigned)(round / COUNT(counts));
		struct histogram *histogram = make(1, HISTOGRAM_HIGHEST_NS, digits);

		for (size_t i = 0; i < count; i++) {
			values[i] = draw_value(&seed, HISTOGRAM_HIGHEST_NS);
			histogram_record(histogram, values[i]);
		}
		qsort(values, count, sizeof(*values), compare_values);
		for (size_t i = 0; i < COUNT(percentiles); i++) {
			/* In whole numbers, so that no rounding decides the rank. */
			uint64_t thousandths = (uint64_t)llround(percentiles[i] * 1000);
			size_t rank = (size_t)((thousandths * count + 99999) / 100000);
			uint64_t exact = values[rank == 0 ? 0 : rank - 1];

			assert_same_step(histogram, histogram_percentile(histogram, percentiles[i]),
				exact, values[count - 1]);
		}
		assert_int_equal(histogram_count(histogram), count);
		assert_int_equal(histogram_min(histogram), values[0]);
		assert_int_equal(histogram_max(histogram), values[count - 1]);
		assert_int_equal(histogram_percentile(histogram, 0), values[0]);
		assert_int_equal(histogram_percentile(histogram, 100), values[count - 1]);
		assert_int_equal(histogram->overflow_count, 0);
		histogram_free(histogram);
	}
	free(values);
}

static void percentiles_rise(void **state)
{
	struct histogram *histogram = make_for_times();
	uint64_t seed = 7, last = 0;

	for (size_t i = 0; i < 3000; i++)
		histogram_record(histogram, draw_value(&seed, UINT64_MAX - 1));
	for (double percentile = 0; percentile <= 100; percentile += 0.01) {
		uint64_t value = histogram_percentile(histogram, percentile);

		assert_true(value >= last);
		last = value;
	}
	histogram_free(histogram);
}

/* 99.9 percent of 1000 is the 999th: 99.9 as a double is above 99.9, and must not make it the last. */
static void a_percentile_is_not_pushed_up_by_rounding(void **state)
{
	struct histogram *histogram = make_for_times();

	for (uint64_t i = 1; i <= 1000; i++)
		histogram_record(histogram, i);
	assert_int_equal(histogram_percentile(histogram, 99.9), 999);
	assert_int_equal(histogram_percentile(histogram, 99.90001), 1000);
	assert_int_equal(histogram_percentile(histogram, 50), 500);
	assert_int_equal(histogram_percentile(histogram, 90), 900);
	assert_int_equal(histogram_percentile(histogram, 0.1), 1);
	assert_int_equal(histogram_percentile(histogram, -1), 1);
	assert_int_equal(histogram_percentile(histogram, 101), 1000);
	assert_int_equal(histogram_percentile(histogram, NAN), 1);
	histogram_free(histogram);
}

static void mean_and_deviation_are_those_of_the_values(void **state)
{
	struct histogram *histogram = make_for_times();
	uint64_t seed = 1;
	double sum = 0, squares = 0, mean;
	static double values[SAMPLES];

	for (size_t i = 0; i < SAMPLES; i++) {
		uint64_t value = 10000 + draw(&seed) % 1000000;

		values[i] = (double)value;
		sum += values[i];
		histogram_record(histogram, value);
	}
	mean = sum / SAMPLES;
	for (size_t i = 0; i < SAMPLES; i++)
		squares += (values[i] - mean) * (values[i] - mean);
	assert_true(fabs(histogram_mean(histogram) / mean - 1) < 0.0005);
	assert_true(fabs(histogram_stddev(histogram) / sqrt(squares / SAMPLES) - 1) < 0.001);
	histogram_reset(histogram);
	histogram_record(histogram, 10001); /* in the step from 10000 to 10007 */
	assert_true(histogram_mean(histogram) == 10004);
	assert_true(histogram_stddev(histogram) == 0);
	histogram_free(histogram);
}

static void small_values_are_exact(void **state)
{
	struct histogram *histogram = make_for_times();

	histogram_record(histogram, 2);
	histogram_record(histogram, 4);
	histogram_record_many(histogram, 5, 2);
	histogram_record_many(histogram, 1000, 0); /* nothing */
	assert_true(histogram_mean(histogram) == 4);
	assert_true(fabs(histogram_stddev(histogram) - sqrt(1.5)) < 1e-12);
	assert_int_equal(histogram_count(histogram), 4);
	assert_int_equal(histogram_max(histogram), 5);
	histogram_free(histogram);
}

static void empty_says_nothing(void **state)
{
	struct histogram *histogram = make_for_times();
	struct histogram_step step = { 0 };

	for (int round = 0; round < 2; round++) {
		assert_int_equal(histogram_count(histogram), 0);
		assert_int_equal(histogram_min(histogram), 0);
		assert_int_equal(histogram_max(histogram), 0);
		assert_int_equal(histogram_percentile(histogram, 50), 0);
		assert_true(histogram_mean(histogram) == 0);
		assert_true(histogram_stddev(histogram) == 0);
		assert_int_equal(histogram_count_between(histogram, 0, UINT64_MAX), 0);
		assert_false(histogram_next(histogram, &step));
		histogram_record(histogram, 0);
		histogram_record(histogram, 123456789);
		histogram_record(histogram, UINT64_MAX);
		histogram_reset(histogram);
		assert_int_equal(histogram->overflow_count, 0);
		for (size_t i = 0; i < histogram->counter_count; i++)
			assert_int_equal(histogram->counters[i], 0);
	}
	histogram_free(histogram);
}

static void what_lies_beyond_is_counted_and_reported(void **state)
{
	struct histogram *histogram = make(1, 1000, 3); /* 2047 is what it comes to */

	histogram_record(histogram, 1000);
	histogram_record(histogram, 2047);
	assert_int_equal(histogram->overflow_count, 0);
	histogram_record(histogram, 2048);
	histogram_record_many(histogram, UINT64_MAX, 2);
	assert_int_equal(histogram->overflow_count, 3);
	assert_int_equal(histogram_count(histogram), 5);
	assert_int_equal(histogram_max(histogram), UINT64_MAX);
	assert_int_equal(histogram_percentile(histogram, 80), 2047);
	assert_int_equal(histogram_percentile(histogram, 100), UINT64_MAX);
	assert_int_equal(histogram_count_between(histogram, 2047, 2047), 4);
	histogram_free(histogram);
}

static void counts_between(void **state)
{
	struct histogram *histogram = make_for_times();

	for (uint64_t i = 1; i <= 1000; i++)
		histogram_record(histogram, 10 * i);
	assert_int_equal(histogram_count_between(histogram, 0, UINT64_MAX), 1000);
	assert_int_equal(histogram_count_between(histogram, 0, 9), 0);
	assert_int_equal(histogram_count_between(histogram, 10, 1000), 100);
	assert_int_equal(histogram_count_between(histogram, 1001, 1990), 99);
	assert_int_equal(histogram_count_between(histogram, 10001, 10007), 1); /* that of 10000 */
	assert_int_equal(histogram_count_between(histogram, 10008, UINT64_MAX), 0);
	assert_int_equal(histogram_count_between(histogram, 1000, 10), 0);
	histogram_free(histogram);
}

static void steps_hold_all(void **state)
{
	struct histogram *histogram = make_for_times();
	struct histogram_step step = { 0 };
	uint64_t seed = 99, count = 0, last = 0;

	for (size_t i = 0; i < SAMPLES; i++)
		histogram_record(histogram, 5000 + draw(&seed) % 50000000);
	while (histogram_next(histogram, &step)) {
		assert_true(step.count > 0 && step.lower > last && step.upper >= step.lower);
		assert_int_equal(histogram_step_lower(histogram, step.upper), step.lower);
		assert_int_equal(
			histogram_count_between(histogram, step.lower, step.upper), step.count);
		count += step.count;
		last = step.upper;
	}
	assert_int_equal(count, SAMPLES);
	histogram_free(histogram);
}

/* ---- adding ---- */

static void assert_equal_content(const struct histogram *one, const struct histogram *other)
{
	assert_int_equal(one->counter_count, other->counter_count);
	assert_int_equal(one->count, other->count);
	assert_int_equal(one->min, other->min);
	assert_int_equal(one->max, other->max);
	assert_int_equal(one->overflow_count, other->overflow_count);
	for (size_t i = 0; i < one->counter_count; i++)
		assert_int_equal(one->counters[i], other->counters[i]);
}

static void parts_add_up_to_the_whole(void **state)
{
	struct histogram *whole = make_for_times(), *sum = make_for_times(), *copy;
	uint64_t seed = 5;

	for (int part = 0; part < 4; part++) {
		struct histogram *more = make_for_times();

		for (size_t i = 0; i < 1000; i++) {
			uint64_t value = draw_value(&seed, UINT64_MAX - 1);

			histogram_record(whole, value);
			histogram_record(more, value);
		}
		assert_int_equal(histogram_merge(sum, more), 0);
		histogram_free(more);
	}
	assert_true(whole->overflow_count > 0);
	assert_equal_content(sum, whole);
	assert_int_equal(histogram_copy(whole, &copy), 0);
	assert_equal_content(copy, whole);
	assert_int_equal(copy->highest, whole->highest);
	histogram_free(copy);
	histogram_free(sum);
	histogram_free(whole);
}

static void an_empty_one_adds_nothing(void **state)
{
	struct histogram *sum = make_for_times(), *empty = make_for_times(),
			 *other = make(1, 1000, 2);

	histogram_record(sum, 4711);
	assert_int_equal(histogram_merge(sum, empty), 0);
	assert_int_equal(histogram_merge(sum, other), 0);
	assert_int_equal(histogram_count(sum), 1);
	assert_int_equal(histogram_min(sum), 4711);
	assert_int_equal(histogram_max(sum), 4711);
	histogram_free(other);
	histogram_free(empty);
	histogram_free(sum);
}

static void other_shapes_are_added_as_finely_as_can_be(void **state)
{
	struct histogram *fine = make(1, HISTOGRAM_HIGHEST_NS, 4), *coarse = make(1, 1000000, 2),
			 *wide = make(1, INT64_MAX, 4);
	uint64_t seed = 3;

	for (size_t i = 0; i < SAMPLES; i++)
		histogram_record(fine, draw_value(&seed, 1000000));
	assert_int_equal(histogram_merge(coarse, fine), 0);
	assert_int_equal(histogram_merge(wide, fine), 0);
	assert_int_equal(histogram_count(coarse), SAMPLES);
	assert_int_equal(histogram_min(coarse), histogram_min(fine));
	assert_int_equal(histogram_max(coarse), histogram_max(fine));
	assert_int_equal(coarse->overflow_count, 0);
	for (double percentile = 1; percentile < 100; percentile += 1) {
		double one = (double)histogram_percentile(fine, percentile);
		double other = (double)histogram_percentile(coarse, percentile);

		assert_true(fabs(one - other) <= 0.01 * one + 1);
		assert_int_equal(histogram_percentile(wide, percentile), (uint64_t)one);
	}
	histogram_free(wide);
	histogram_free(coarse);
	histogram_free(fine);
}

static void overflow_is_added_once(void **state)
{
	struct histogram *small = make(1, 1000, 3), *large = make_for_times(),
			 *coarse = make(1, 1000, 1);

	histogram_record(large, 5000000);
	histogram_record(large, UINT64_MAX);
	assert_int_equal(histogram_merge(small, large), 0);
	assert_int_equal(small->overflow_count, 2); /* both are beyond the small one */
	assert_int_equal(histogram_max(small), UINT64_MAX);
	assert_int_equal(histogram_merge(large, small), 0);
	assert_int_equal(large->overflow_count, 3);
	assert_int_equal(histogram_merge(coarse, small), 0);
	assert_int_equal(coarse->overflow_count, 2);
	histogram_free(coarse);
	histogram_free(large);
	histogram_free(small);
}

static void a_sum_that_does_not_fit_is_refused(void **state)
{
	struct histogram *one = make_for_times(), *other = make_for_times();

	histogram_record_many(one, 100, INT64_MAX - 1);
	histogram_record(other, 200);
	assert_int_equal(histogram_merge(one, other), 0);
	assert_int_equal(histogram_merge(one, other), -EOVERFLOW);
	assert_int_equal(histogram_merge(other, one), -EOVERFLOW);
	assert_int_equal(histogram_count(one), INT64_MAX);
	assert_int_equal(histogram_count(other), 1);
	assert_int_equal(histogram_max(other), 200);
	histogram_free(other);
	histogram_free(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes_are_the_references),
		cmocka_unit_test(refuses_what_cannot_be),
		cmocka_unit_test(values_lie_where_the_reference_has_them),
		cmocka_unit_test(steps_meet_without_gaps),
		cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
		cmocka_unit_test(percentiles_rise),
		cmocka_unit_test(a_percentile_is_not_pushed_up_by_rounding),
		cmocka_unit_test(mean_and_deviation_are_those_of_the_values),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(empty_says_nothing),
		cmocka_unit_test(what_lies_beyond_is_counted_and_reported),
		cmocka_unit_test(counts_between),
		cmocka_unit_test(steps_hold_all),
		cmocka_unit_test(parts_add_up_to_the_whole),
		cmocka_unit_test(an_empty_one_adds_nothing),
		cmocka_unit_test(other_shapes_are_added_as_finely_as_can_be),
		cmocka_unit_test(overflow_is_added_once),
		cmocka_unit_test(a_sum_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
