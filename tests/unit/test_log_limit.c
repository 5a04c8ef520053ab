/*
 * log_limit.c: the first event at once, then one line in a while, and no event is uncounted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log_limit.h"

static void the_first_is_due_at_once(void **state)
{
	struct log_limit limit = { 0 };
	uint64_t left_out = 99;

	assert_true(log_limit_is_due(&limit, 1, &left_out));
	assert_int_equal(left_out, 0);
}

static void others_are_counted_until_it_is_due_again(void **state)
{
	struct log_limit limit = { 0 };
	uint64_t left_out = 99, begin_ns = 5 * CLOCK_NS_PER_S;

	assert_true(log_limit_is_due(&limit, begin_ns, &left_out));
	left_out = 99;
	for (unsigned i = 0; i < 1000; i++)
		assert_false(log_limit_is_due(&limit, begin_ns + i, &left_out));
	assert_false(log_limit_is_due(&limit, begin_ns + LOG_LIMIT_NS - 1, &left_out));
	assert_int_equal(left_out, 99); /* untouched */
	assert_true(log_limit_is_due(&limit, begin_ns + LOG_LIMIT_NS, &left_out));
	assert_int_equal(left_out, 1001);
	assert_true(log_limit_is_due(&limit, begin_ns + 2 * LOG_LIMIT_NS, &left_out));
	assert_int_equal(left_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_is_due_at_once),
		cmocka_unit_test(others_are_counted_until_it_is_due_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
