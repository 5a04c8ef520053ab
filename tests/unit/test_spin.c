/*
 * When to look again instead of sleeping: never, for a time, or as long as it has proved worth it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "engine/spin.h"

#define HOUR_NS (3600 * CLOCK_NS_PER_S)

static void never_polls_without_a_limit(void **state)
{
	struct spin spin;

	spin_init(&spin, 0);
	spin_note_traffic(&spin, clock_now_ns());
	assert_false(spin_begins(&spin));
}

static void looks_for_the_time_given_after_the_last_traffic(void **state)
{
	struct spin spin;

	spin_init(&spin, HOUR_NS);
	spin_note_traffic(&spin, clock_now_ns());
	assert_true(spin_begins(&spin));
	assert_true(spin_goes_on(&spin, CLOCK_NEVER));
	spin_ended(&spin, false);

	/* In vain or not: that was asked for. */
	assert_true(spin_begins(&spin));
	assert_true(spin_goes_on(&spin, CLOCK_NEVER));
	spin_ended(&spin, false);

	/* Not an hour ago: the clock may have begun less than an hour ago. */
	spin_init(&spin, CLOCK_NS_PER_MS);
	spin_note_traffic(&spin, clock_now_ns() - CLOCK_NS_PER_MS);
	assert_true(spin_begins(&spin));
	assert_false(spin_goes_on(&spin, CLOCK_NEVER));
}

static void never_looks_past_what_is_due(void **state)
{
	struct spin spin;

	spin_init(&spin, HOUR_NS);
	spin_note_traffic(&spin, clock_now_ns());
	assert_true(spin_begins(&spin));
	assert_false(spin_goes_on(&spin, clock_now_ns()));
}

static void auto_looks_only_after_traffic(void **state)
{
	struct spin spin;

	spin_init(&spin, ENGINE_BUSY_POLL_AUTO);
	assert_false(spin_begins(&spin));
	spin_note_traffic(&spin, clock_now_ns());
	assert_true(spin_begins(&spin));
	spin_ended(&spin, true);
	/* Something else woke it: a timer, perhaps. */
	assert_false(spin_begins(&spin));
}

static void auto_looks_briefly(void **state)
{
	struct spin spin;
	uint64_t started_ns = clock_now_ns();
	unsigned looks = 1;

	spin_init(&spin, ENGINE_BUSY_POLL_AUTO);
	spin_note_traffic(&spin, started_ns);
	assert_true(spin_begins(&spin));
	while (spin_goes_on(&spin, CLOCK_NEVER))
		looks++;
	assert_true(looks > 1);
	assert_true(clock_now_ns() - started_ns >= 10 * CLOCK_NS_PER_US);
}

/* Looks for long enough that a sleep was saved. */
static void wait_in(struct spin *spin)
{
	uint64_t since_ns = clock_now_ns();

	while (spin_goes_on(spin, CLOCK_NEVER) && clock_now_ns() - since_ns < 5 * CLOCK_NS_PER_US)
		;
}

/* How many of so many sleeps a search comes before, when it finds that or not. */
static unsigned searches(struct spin *spin, unsigned sleeps, bool found)
{
	unsigned count = 0;

	for (unsigned i = 0; i < sleeps; i++) {
		spin_note_traffic(spin, clock_now_ns());
		if (spin_begins(spin)) {
			count++;
			if (found)
				wait_in(spin);
			spin_ended(spin, found);
		}
	}
	return count;
}

static void auto_gives_up_what_is_in_vain(void **state)
{
	struct spin spin;

	spin_init(&spin, ENGINE_BUSY_POLL_AUTO);
	/* 1, 2, 4, ... 1,024 sleeps are skipped in turn, and then 1,024 each time. */
	assert_int_equal(searches(&spin, 2047 + 11, false), 11);
	assert_int_equal(searches(&spin, 10 * 1025, false), 10);
}

static void auto_leaves_alone_what_does_not_sleep(void **state)
{
	struct spin spin;
	unsigned count = 0;

	spin_init(&spin, ENGINE_BUSY_POLL_AUTO);
	for (unsigned i = 0; i < 1000; i++) {
		spin_note_traffic(&spin, clock_now_ns());
		if (spin_begins(&spin)) {
			count++;
			spin_ended(&spin, true); /* at the first look */
		}
	}
	assert_int_equal(count, 16);
}

static long preempted_count(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_nivcsw;
}

static void auto_comes_back_to_what_succeeds(void **state)
{
	struct spin spin;

	spin_init(&spin, ENGINE_BUSY_POLL_AUTO);
	searches(&spin, 2047 + 11, false);
	searches(&spin, 1025, true);
	for (int i = 0; i < 100; i++) {
		long before = preempted_count();

		if (searches(&spin, 10, true) == 10)
			return;
		/* On a busy machine others may want this processor all the time: that is seen, too. */
		searches(&spin, preempted_count() > before ? 1025 : 0, true);
	}
	fail_msg("it does not look again though that succeeds");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_polls_without_a_limit),
		cmocka_unit_test(looks_for_the_time_given_after_the_last_traffic),
		cmocka_unit_test(never_looks_past_what_is_due),
		cmocka_unit_test(auto_looks_only_after_traffic),
		cmocka_unit_test(auto_looks_briefly),
		cmocka_unit_test(auto_gives_up_what_is_in_vain),
		cmocka_unit_test(auto_leaves_alone_what_does_not_sleep),
		cmocka_unit_test(auto_comes_back_to_what_succeeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
