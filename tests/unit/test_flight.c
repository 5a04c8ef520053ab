/*
 * ping/flight: what a reply is, in whatever order they come, and who is overdue.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ping/flight.h"

#define TIMEOUT_NS 100

static int set_up(void **state)
{
	struct flight *flight = malloc(sizeof(*flight));

	*state = flight;
	return flight_init(flight);
}

static int tear_down(void **state)
{
	flight_fini(*state);
	free(*state);
	return 0;
}

static void test_replies_in_any_order(void **state)
{
	struct flight *flight = *state;

	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(flight_start(flight, i * 10), i);
	assert_int_equal(flight->under_way, 3);
	assert_int_equal(flight_back(flight, 3), FLIGHT_REPLY);
	assert_int_equal(flight_back(flight, 1), FLIGHT_REPLY);
	assert_int_equal(flight_back(flight, 1), FLIGHT_DUPLICATE);
	assert_int_equal(flight_back(flight, 2), FLIGHT_REPLY);
	assert_int_equal(flight_back(flight, 2), FLIGHT_DUPLICATE);
	assert_int_equal(flight->under_way, 0);
	assert_int_equal(flight_back(flight, 0), FLIGHT_NEVER_SENT);
	assert_int_equal(flight_back(flight, 4), FLIGHT_NEVER_SENT);
}

static void test_overdue_one_by_one(void **state)
{
	struct flight *flight = *state;
	uint64_t number = 0, next_ns = 0;

	flight_start(flight, 1000);
	flight_start(flight, 1010);
	flight_start(flight, 1500);
	flight_back(flight, 2);
	assert_false(flight_overdue(flight, 1099, TIMEOUT_NS, &number, &next_ns));
	assert_int_equal(next_ns, 1100);
	assert_true(flight_overdue(flight, 1100, TIMEOUT_NS, &number, &next_ns));
	assert_int_equal(number, 1);
	assert_false(flight_overdue(flight, 1100, TIMEOUT_NS, &number, &next_ns));
	assert_int_equal(next_ns, 1600);
	/* Late, then once more. */
	assert_int_equal(flight_back(flight, 1), FLIGHT_LATE);
	assert_int_equal(flight_back(flight, 1), FLIGHT_DUPLICATE);
	assert_int_equal(flight_back(flight, 3), FLIGHT_REPLY);
	assert_false(flight_overdue(flight, 9999, TIMEOUT_NS, &number, &next_ns));
	assert_true(next_ns == CLOCK_NEVER);
	assert_int_equal(flight->under_way, 0);
}

static void test_lost_is_not_overdue_as_well(void **state)
{
	struct flight *flight = *state;
	uint64_t number = 0, next_ns = 0;

	flight_start(flight, 1000);
	assert_true(flight_lost(flight, 1));
	assert_false(flight_lost(flight, 1));
	assert_false(flight_overdue(flight, 9999, TIMEOUT_NS, &number, &next_ns));
	assert_int_equal(flight_back(flight, 1), FLIGHT_LATE);
}

static void test_restart_moves_the_deadline(void **state)
{
	struct flight *flight = *state;
	uint64_t number = 0, next_ns = 0, sent_ns = 0;

	flight_start(flight, 1000);
	flight_restart(flight, 1, 1050);
	assert_true(flight_sent_at(flight, 1, &sent_ns));
	assert_int_equal(sent_ns, 1050);
	assert_false(flight_overdue(flight, 1100, TIMEOUT_NS, &number, &next_ns));
	assert_int_equal(next_ns, 1150);
}

/* The cap: the oldest is forgotten, never found again, and no longer under way. */
static void test_more_than_can_be_remembered(void **state)
{
	struct flight *flight = *state;
	uint64_t number = 0, next_ns = 0, sent_ns = 0;

	for (uint64_t i = 1; i <= FLIGHT_MOST + 5; i++)
		assert_int_equal(flight_start(flight, i), i);
	assert_int_equal(flight->under_way, FLIGHT_MOST);
	assert_int_equal(flight_back(flight, 5), FLIGHT_FORGOTTEN);
	assert_false(flight_sent_at(flight, 5, &sent_ns));
	assert_true(flight_sent_at(flight, 6, &sent_ns));
	assert_int_equal(sent_ns, 6);
	assert_true(flight_overdue(flight, 9999999, TIMEOUT_NS, &number, &next_ns));
	assert_int_equal(number, 6);
	assert_int_equal(flight_back(flight, FLIGHT_MOST + 5), FLIGHT_REPLY);
	assert_int_equal(flight->under_way, FLIGHT_MOST - 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replies_in_any_order),
		TEST(test_overdue_one_by_one),
		TEST(test_lost_is_not_overdue_as_well),
		TEST(test_restart_moves_the_deadline),
		TEST(test_more_than_can_be_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
