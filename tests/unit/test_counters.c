/*
 * Sums over threads: every counter, and what is open now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stats/counters.h"

static void every_counter_is_added(void **state)
{
	struct counters one, sum = { 0 };
	uint64_t *fields = (uint64_t *)&one, *sums = (uint64_t *)&sum;
	size_t count = sizeof(one) / sizeof(uint64_t);

	for (size_t i = 0; i < count; i++)
		fields[i] = i + 1;
	counters_add(&sum, &one);
	counters_add(&sum, &one);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(sums[i], 2 * (i + 1));
}

static void open_is_what_has_not_ended(void **state)
{
	struct counters counters = {
		.connections_accepted = 10,
		.connections_finished = 3,
		.connections_lost = 2,
		.connections_cut = 1,
	};

	assert_int_equal(counters_open(&counters), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_counter_is_added),
		cmocka_unit_test(open_is_what_has_not_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
