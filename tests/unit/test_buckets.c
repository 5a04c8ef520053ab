/*
 * Counts below bounds, as Prometheus has them: a value on a bound is below it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stats/buckets.h"

static const uint64_t bounds[BUCKETS_BOUNDS] = { 0, 10, 20, 30, 40, 50, 60, 70, 80, 90 };

static void each_value_has_its_bucket(void **state)
{
	struct buckets buckets = { 0 };

	buckets_add(&buckets, bounds, 0);
	buckets_add(&buckets, bounds, 10);
	buckets_add(&buckets, bounds, 11);
	buckets_add(&buckets, bounds, 90);
	buckets_add(&buckets, bounds, UINT32_MAX);
	assert_int_equal(buckets_up_to(&buckets, 0), 1);
	assert_int_equal(buckets_up_to(&buckets, 1), 2);
	assert_int_equal(buckets_up_to(&buckets, 2), 3);
	assert_int_equal(buckets_up_to(&buckets, 8), 3);
	assert_int_equal(buckets_up_to(&buckets, 9), 4);
	assert_int_equal(buckets_up_to(&buckets, BUCKETS_BOUNDS), 5);
	assert_int_equal(buckets.sum, 111ull + UINT32_MAX);
}

static void two_are_merged(void **state)
{
	struct buckets one = { 0 }, other = { 0 };

	buckets_add(&one, bounds, 5);
	buckets_add(&other, bounds, 95);
	buckets_merge(&one, &other);
	assert_int_equal(buckets_up_to(&one, 1), 1);
	assert_int_equal(buckets_up_to(&one, BUCKETS_BOUNDS), 2);
	assert_int_equal(one.sum, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_value_has_its_bucket),
		cmocka_unit_test(two_are_merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
