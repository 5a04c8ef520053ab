/*
 * ping/tally: sums against sums made the plain way, and what counts as lost.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ping/tally.h"

static void test_times(void **state)
{
	static const uint64_t values[] = { 1000, 3000, 2000, 10000, 500 };
	size_t count = sizeof(values) / sizeof(values[0]);
	struct tally_times times;
	double sum = 0, squares = 0;

	assert_int_equal(tally_times_init(&times, 3), 0);
	for (size_t i = 0; i < count; i++) {
		tally_times_add(&times, values[i]);
		sum += (double)values[i];
	}
	for (size_t i = 0; i < count; i++)
		squares += pow((double)values[i] - sum / (double)count, 2);
	assert_int_equal(times.min_ns, 500);
	assert_int_equal(times.max_ns, 10000);
	assert_true(fabs(times.mean_ns - sum / (double)count) < 0.001);
	assert_true(fabs(tally_times_deviation_ns(&times) - sqrt(squares / (double)count)) < 0.001);
	assert_in_range(histogram_percentile(times.histogram, 50), 1998, 2002);
	tally_times_fini(&times);
}

static void test_equal_times_do_not_deviate(void **state)
{
	struct tally_times times;

	assert_int_equal(tally_times_init(&times, 2), 0);
	assert_true(tally_times_deviation_ns(&times) == 0);
	for (int i = 0; i < 1000; i++)
		tally_times_add(&times, 3600000000001);
	assert_true(tally_times_deviation_ns(&times) < 0.001);
	tally_times_fini(&times);
}

static void test_loss(void **state)
{
	struct tally tally = { 0 };

	assert_true(tally_loss_percent(&tally, 0) == 0);
	tally.sent = 4;
	tally.received = 3;
	assert_true(fabs(tally_loss_percent(&tally, 0) - 25) < 1e-9);
	/* The fourth is still waited for: nobody knows. */
	assert_true(tally_loss_percent(&tally, 1) == 0);
	assert_true(tally_loss_percent(&tally, 4) == 0);
	tally.received = 0;
	assert_true(fabs(tally_loss_percent(&tally, 2) - 100) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_equal_times_do_not_deviate),
		cmocka_unit_test(test_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
