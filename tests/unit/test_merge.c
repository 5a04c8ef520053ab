/*
 * merge.c: histograms of all kinds are added without loss, counts do not wrap, rates add up only
 * where runs were at work together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "report/merge.h"

static struct model run(uint64_t started_s, uint64_t seconds, double rate)
{
	return (struct model){
		.started_unix_ns = started_s * CLOCK_NS_PER_S,
		.duration_ns = seconds * CLOCK_NS_PER_S,
		.rate.reached_per_s = rate,
		.counts.received = (uint64_t)(rate * (double)seconds),
	};
}

static void check_rate(const struct model *runs, size_t count, double rate, uint64_t seconds)
{
	struct model merged;

	assert_int_equal(merge_runs(runs, count, &merged), 0);
	assert_true(merged.rate.reached_per_s > rate - 0.001);
	assert_true(merged.rate.reached_per_s < rate + 0.001);
	assert_int_equal(merged.duration_ns, seconds * CLOCK_NS_PER_S);
	model_fini(&merged);
}

static void rates_add_up_at_the_same_time(void **state)
{
	struct model together[] = { run(100, 10, 5), run(105, 10, 7), run(99, 12, 1) };
	struct model apart[] = { run(100, 10, 5), run(106, 10, 7) };
	struct model inside[] = { run(100, 100, 5), run(150, 10, 7) };
	struct model unknown[] = { run(0, 10, 5), run(0, 10, 7) };
	struct model timeless[] = { run(0, 0, 5), run(0, 0, 7) };
	struct model longer[] = { run(100, 30, 1), run(200, 10, 5) };

	check_rate(together, 3, 13, 12);
	check_rate(apart, 2, 6, 20);
	check_rate(inside, 2, 12, 100);
	check_rate(unknown, 2, 6, 20);
	check_rate(timeless, 2, 6, 0);
	check_rate(longer, 2, 2, 40);
}

static struct model ranked(uint64_t rank, uint64_t connections, double rate)
{
	struct model made = run(100, 10, rate);

	made.fleet.rank = (struct model_known){ rank, true };
	made.load.connections = connections;
	made.load.rate_per_s = rate;
	return made;
}

/* What each generator was asked for is a part of one load; of repetitions it is the load. */
static void loads_of_a_fleet_add_up(void **state)
{
	struct model fleet[] = { ranked(1, 10, 5), ranked(0, 20, 7) };
	struct model twice[] = { ranked(1, 10, 5), ranked(1, 20, 7) };
	struct model merged;

	assert_true(merge_is_fleet(fleet, 2));
	assert_int_equal(merge_runs(fleet, 2, &merged), 0);
	assert_int_equal(merged.load.connections, 30);
	assert_true(merged.load.rate_per_s == 12);
	assert_false(merged.fleet.rank.known);
	model_fini(&merged);
	assert_false(merge_is_fleet(twice, 2));
	assert_int_equal(merge_runs(twice, 2, &merged), 0);
	assert_int_equal(merged.load.connections, 10);
	model_fini(&merged);
	fleet[1].started_unix_ns += 20 * CLOCK_NS_PER_S;
	assert_false(merge_is_fleet(fleet, 2));
	fleet[0].load.connections = fleet[1].load.connections = INT64_MAX;
	fleet[1].started_unix_ns = fleet[0].started_unix_ns;
	assert_int_equal(merge_runs(fleet, 2, &merged), -EOVERFLOW);
}

static void counts_do_not_wrap(void **state)
{
	struct model runs[] = { run(1, 1, 1), run(5, 1, 1) };
	struct model merged = { .warm_up_ns = 77 };

	runs[0].counts.bytes_sent = INT64_MAX;
	runs[1].counts.bytes_sent = 1;
	assert_int_equal(merge_runs(runs, 2, &merged), -EOVERFLOW);
	assert_int_equal(merged.warm_up_ns, 77);
}

static void a_narrow_histogram_becomes_wide(void **state)
{
	struct histogram *sum = NULL, *narrow, *wide;

	assert_int_equal(histogram_new(100, 10000, 1, &narrow), 0);
	assert_int_equal(histogram_new(1, 1000000000, 3, &wide), 0);
	histogram_record(narrow, 5000);
	histogram_record(wide, 999999999);
	histogram_record(wide, 3);
	assert_int_equal(merge_histogram(&sum, narrow), 0);
	assert_int_equal(merge_histogram(&sum, wide), 0);
	assert_int_equal(merge_histogram(&sum, NULL), 0);
	assert_int_equal(histogram_count(sum), 3);
	assert_int_equal(sum->overflow_count, 0);
	assert_int_equal(sum->digits, 3);
	assert_int_equal(histogram_min(sum), 3);
	assert_int_equal(histogram_max(sum), 999999999);
	histogram_free(sum);
	histogram_free(narrow);
	histogram_free(wide);
}

static void only_a_label_of_all_stays(void **state)
{
	struct model runs[] = { run(1, 1, 1), run(5, 1, 1), run(9, 1, 1) }, merged;

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(model_set_text(&runs[i].label, i < 2 ? "a" : "b"), 0);
	assert_int_equal(merge_runs(runs, 2, &merged), 0);
	assert_string_equal(merged.label, "a");
	model_fini(&merged);
	assert_int_equal(merge_runs(runs, 3, &merged), 0);
	assert_null(merged.label);
	model_fini(&merged);
	for (size_t i = 0; i < 3; i++)
		model_fini(&runs[i]);
}

static void one_run_keeps_its_course(void **state)
{
	struct model one = run(1, 10, 5), merged;
	struct model_interval *interval = model_append(&one.intervals, sizeof(*interval));

	interval->received = 42;
	assert_int_equal(merge_runs(&one, 1, &merged), 0);
	assert_int_equal(merged.intervals.count, 1);
	model_fini(&merged);

	struct model two[] = { one, one };

	assert_int_equal(merge_runs(two, 2, &merged), 0);
	assert_int_equal(merged.intervals.count, 0);
	model_fini(&merged);
	model_fini(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_add_up_at_the_same_time),
		cmocka_unit_test(loads_of_a_fleet_add_up),
		cmocka_unit_test(counts_do_not_wrap),
		cmocka_unit_test(a_narrow_histogram_becomes_wide),
		cmocka_unit_test(only_a_label_of_all_stays),
		cmocka_unit_test(one_run_keeps_its_course),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
