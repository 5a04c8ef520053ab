/*
 * ping/gap: when a gap begins, how it went, how long it was, and what is no gap.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ping/gap.h"

static void test_finished_then_refused_then_back(void **state)
{
	struct gap gap;
	uint64_t length_ns = 0;

	gap_init(&gap, 1);
	assert_false(gap_answer(&gap, 100, 1, &length_ns));
	assert_true(gap_fail(&gap, GAP_FINISHED, 0, 200, 2));
	assert_false(gap_fail(&gap, GAP_REFUSED, -ECONNREFUSED, 300, 2));
	assert_false(gap_fail(&gap, GAP_REFUSED, -ECONNREFUSED, 400, 3));
	assert_true(gap_answer(&gap, 550, 4, &length_ns));
	assert_int_equal(length_ns, 350);
	assert_int_equal(gap.begin_number, 2);
	assert_int_equal(gap.way_count, 2);
	assert_int_equal(gap.ways[0], GAP_FINISHED);
	assert_int_equal(gap.ways[1], GAP_REFUSED);
	assert_int_equal(gap.error, -ECONNREFUSED);
	assert_false(gap_answer(&gap, 600, 5, &length_ns));
	/* The next one begins with an empty list. */
	assert_true(gap_fail(&gap, GAP_RESET, -ECONNRESET, 700, 6));
	assert_int_equal(gap.way_count, 1);
	assert_int_equal(gap.ways[0], GAP_RESET);
}

static void test_some_lost_datagrams_are_no_gap(void **state)
{
	struct gap gap;
	uint64_t length_ns;

	gap_init(&gap, 3);
	assert_false(gap_silence(&gap, 100, 1));
	assert_false(gap_silence(&gap, 200, 2));
	assert_false(gap_answer(&gap, 300, 3, &length_ns));
	assert_false(gap_silence(&gap, 400, 4));
	assert_false(gap_silence(&gap, 500, 5));
	/* The third in a row: since the first of them. */
	assert_true(gap_silence(&gap, 600, 6));
	assert_int_equal(gap.begin_number, 4);
	assert_false(gap_silence(&gap, 700, 7));
	assert_true(gap_answer(&gap, 900, 8, &length_ns));
	assert_int_equal(length_ns, 500);
}

static void test_silence_before_a_later_answer_is_no_gap(void **state)
{
	struct gap gap;
	uint64_t length_ns;

	gap_init(&gap, 1);
	assert_false(gap_answer(&gap, 300, 9, &length_ns));
	assert_false(gap_silence(&gap, 200, 8));
	assert_true(gap_silence(&gap, 310, 10));
}

static void test_silence_first_then_an_end(void **state)
{
	struct gap gap;

	gap_init(&gap, 3);
	assert_false(gap_silence(&gap, 100, 1));
	assert_true(gap_fail(&gap, GAP_REFUSED, -ECONNREFUSED, 250, 2));
	assert_int_equal(gap.begin_ns, 100);
	assert_int_equal(gap.begin_number, 1);
	assert_int_equal(gap.way_count, 2);
	assert_int_equal(gap.ways[0], GAP_SILENT);
	assert_int_equal(gap.ways[1], GAP_REFUSED);
}

static void test_ways_are_capped(void **state)
{
	struct gap gap;

	gap_init(&gap, 1);
	gap_fail(&gap, GAP_FINISHED, 0, 1, 1);
	gap_fail(&gap, GAP_REFUSED, -ECONNREFUSED, 2, 2);
	gap_fail(&gap, GAP_UNREACHABLE, -ENETUNREACH, 3, 3);
	gap_fail(&gap, GAP_RESET, -ECONNRESET, 4, 4);
	gap_fail(&gap, GAP_LOCAL, -EMFILE, 5, 5);
	assert_int_equal(gap.way_count, GAP_WAYS_MOST);
	assert_int_equal(gap.ways[GAP_WAYS_MOST - 1], GAP_RESET);
}

static void test_errors_stand_for_ways(void **state)
{
	assert_int_equal(gap_way_of(0), GAP_FINISHED);
	assert_int_equal(gap_way_of(-ECONNREFUSED), GAP_REFUSED);
	assert_int_equal(gap_way_of(-ENOENT), GAP_REFUSED);
	assert_int_equal(gap_way_of(-ECONNRESET), GAP_RESET);
	assert_int_equal(gap_way_of(-EPIPE), GAP_RESET);
	assert_int_equal(gap_way_of(-ETIMEDOUT), GAP_SILENT);
	assert_int_equal(gap_way_of(-EHOSTUNREACH), GAP_UNREACHABLE);
	assert_int_equal(gap_way_of(-EMFILE), GAP_LOCAL);
	for (enum gap_way way = GAP_REFUSED; way <= GAP_LOCAL; way++)
		assert_non_null(gap_way_key(way));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finished_then_refused_then_back),
		cmocka_unit_test(test_some_lost_datagrams_are_no_gap),
		cmocka_unit_test(test_silence_before_a_later_answer_is_no_gap),
		cmocka_unit_test(test_silence_first_then_an_end),
		cmocka_unit_test(test_ways_are_capped),
		cmocka_unit_test(test_errors_stand_for_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
