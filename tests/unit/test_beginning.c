/*
 * beginning.c: from the time asked for to the time of the clock that cannot be set, and what is late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "base/clock.h"
#include "bench/fleet/start.h"

#define S CLOCK_NS_PER_S
#define MS CLOCK_NS_PER_MS

static void without_a_time_it_begins_at_once(void **state)
{
	struct start beginning = { 0 };

	assert_false(start_is_asked(&beginning));
	assert_int_equal(start_connect_unix_ns(&beginning, 1000), 0);
	assert_int_equal(start_order_unix_ns(&beginning), 0);
	assert_int_equal(start_monotonic_ns(&beginning, 500, 1000 * S, 2 * MS), 500 + 2 * MS);
	start_note(&beginning, 500, 1000 * S, 501);
	assert_false(beginning.began);
}

static void connecting_has_its_time(void **state)
{
	struct start beginning = { .unix_ns = 1000 * S }, early = { .unix_ns = 2 * S };

	assert_int_equal(start_connect_unix_ns(&beginning, 10), 995 * S - 5 * MS);
	assert_int_equal(start_connect_unix_ns(&beginning, 100000), 945 * S);
	assert_int_equal(start_connect_unix_ns(&early, 10), 0);
	assert_int_equal(start_order_unix_ns(&beginning), 1000 * S - 100 * MS);
}

/* The clock may have been set to any time meanwhile. */
static void both_clocks_count(void **state)
{
	struct start beginning = { .unix_ns = 1000 * S };

	assert_int_equal(
		start_monotonic_ns(&beginning, 7 * S, 1000 * S - 90 * MS, 2 * MS), 7 * S + 90 * MS);
	assert_int_equal(
		start_monotonic_ns(&beginning, 7 * S, 1000 * S - MS, 2 * MS), 7 * S + 2 * MS);
	assert_int_equal(start_monotonic_ns(&beginning, 7 * S, 4000 * S, 2 * MS), 7 * S + 2 * MS);
}

static void lateness_is_noted_once(void **state)
{
	struct start beginning = { .unix_ns = 1000 * S };

	start_note(&beginning, 7 * S, 1000 * S, 7 * S + 3 * MS);
	assert_true(beginning.began);
	assert_int_equal(beginning.late_ns, 3 * MS);
	/* The next run of a search begins when it begins. */
	assert_false(start_is_asked(&beginning));
	start_note(&beginning, 9 * S, 1002 * S, 9 * S);
	assert_int_equal(beginning.late_ns, 3 * MS);
}

static void what_did_not_begin_is_not_late(void **state)
{
	struct start beginning = { .unix_ns = 1000 * S }, before = { .unix_ns = 1000 * S };

	start_note(&beginning, 7 * S, 1000 * S, 0);
	assert_true(beginning.over);
	assert_false(beginning.began);
	/* By two clocks a beginning can be before its time, which is no lateness. */
	start_note(&before, 7 * S, 1000 * S - 50, 7 * S);
	assert_true(before.began);
	assert_int_equal(before.late_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_time_it_begins_at_once),
		cmocka_unit_test(connecting_has_its_time),
		cmocka_unit_test(both_clocks_count),
		cmocka_unit_test(lateness_is_noted_once),
		cmocka_unit_test(what_did_not_begin_is_not_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
