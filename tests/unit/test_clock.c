/*
 * clock.c: the sums at their edges, and that the clocks run forward.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <time.h>

#include "base/clock.h"

static void never_goes_back(void **state)
{
	uint64_t before = clock_now_ns();

	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_now_ns();

		assert_true(now >= before);
		before = now;
	}
	assert_true(clock_wall_ns() / CLOCK_NS_PER_S >= 1600000000);
}

static void adds_without_overflow(void **state)
{
	assert_int_equal(clock_after_ns(100, 23), 123);
	assert_int_equal(clock_after_ns(100, 0), 100);
	assert_int_equal(clock_after_ns(100, CLOCK_NEVER), CLOCK_NEVER);
	assert_int_equal(clock_after_ns(100, CLOCK_NEVER - 101), CLOCK_NEVER - 1);
	assert_int_equal(clock_after_ns(100, CLOCK_NEVER - 100), CLOCK_NEVER);
	assert_int_equal(clock_after_ns(CLOCK_NEVER, 1), CLOCK_NEVER);
}

static void rounds_waits_up(void **state)
{
	assert_int_equal(clock_poll_ms(1000, CLOCK_NEVER), -1);
	assert_int_equal(clock_poll_ms(1000, 1000), 0);
	assert_int_equal(clock_poll_ms(1000, 999), 0);
	assert_int_equal(clock_poll_ms(1000, 1001), 1);
	assert_int_equal(clock_poll_ms(0, CLOCK_NS_PER_MS), 1);
	assert_int_equal(clock_poll_ms(0, CLOCK_NS_PER_MS + 1), 2);
	assert_int_equal(clock_poll_ms(0, CLOCK_NEVER - 1), INT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_goes_back),
		cmocka_unit_test(adds_without_overflow),
		cmocka_unit_test(rounds_waits_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
