/*
 * schedule.c: what is handed out when, how late that was, and what is given up at the end; with a clock that
 * goes on with every look at it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "bench/schedule.h"

#define US CLOCK_NS_PER_US
#define S CLOCK_NS_PER_S

struct seen {
	uint64_t count, first_due_ns, last_due_ns, last_now_ns;
	uint64_t given_up, given_up_last_ns;
};

static uint64_t now_ns, step_ns;

static uint64_t ticking_clock(void)
{
	now_ns += step_ns;
	return now_ns;
}

static void hand_out(void *context, uint64_t due_ns, uint64_t when_ns)
{
	struct seen *seen = context;

	if (seen->count++ == 0)
		seen->first_due_ns = due_ns;
	assert_true(due_ns >= seen->last_due_ns && when_ns >= due_ns);
	seen->last_due_ns = due_ns;
	seen->last_now_ns = when_ns;
}

static void give_up(void *context, uint64_t due_ns, uint64_t count)
{
	struct seen *seen = context;

	assert_true(due_ns >= seen->last_due_ns && due_ns >= seen->given_up_last_ns);
	seen->given_up += count;
	seen->given_up_last_ns = due_ns;
}

struct fixture {
	struct seen seen;
	struct schedule_host host;
	struct profile profile;
	struct pace pace;
	struct schedule schedule;
};

static void begin(struct fixture *f, double rate_per_s, unsigned share_count)
{
	*f = (struct fixture){ .host = { hand_out, give_up, ticking_clock, NULL } };
	f->host.context = &f->seen;
	now_ns = 1000 * S;
	step_ns = 0;
	profile_init_constant(&f->profile, rate_per_s);
	pace_init(&f->pace, &f->profile, PACE_CONSTANT, 1, 0, share_count);
	assert_int_equal(schedule_init(&f->schedule, &f->host), 0);
	assert_true(schedule_keep(&f->schedule, now_ns) == CLOCK_NEVER); /* not begun */
	schedule_begin(&f->schedule, &f->pace, now_ns);
}

static void hands_out_what_is_due(void **state)
{
	struct fixture f;

	begin(&f, 1000, 1);
	assert_int_equal(schedule_keep(&f.schedule, now_ns), 1000 * S + 1000 * US);
	assert_int_equal(f.seen.count, 1);
	now_ns += 10500 * US;
	assert_int_equal(schedule_keep(&f.schedule, now_ns), 1000 * S + 11000 * US);
	assert_int_equal(f.seen.count, 11);
	assert_int_equal(histogram_max(f.schedule.lag), 9500 * US);
	schedule_fini(&f.schedule);
}

/* Each send takes its time: what is handed out last is as late as it is, and what is due meanwhile comes, too. */
static void each_message_is_timed_by_itself(void **state)
{
	struct fixture f;

	begin(&f, 100000, 1); /* every 10 us */
	step_ns = 4 * US;
	now_ns += 100 * US; /* 11 are due; each takes 4 us, in which others fall due */
	schedule_keep(&f.schedule, now_ns);
	assert_int_equal(f.seen.last_now_ns - 1000 * S, 164 * US);
	assert_int_equal(f.seen.count, 17);
	assert_in_range(histogram_min(f.schedule.lag), 0, 4 * US);
	schedule_fini(&f.schedule);
}

static void a_burst_has_an_end(void **state)
{
	struct fixture f;

	begin(&f, 1000000, 1);
	now_ns += S;
	assert_int_equal(schedule_keep(&f.schedule, now_ns), now_ns);
	assert_int_equal(f.seen.count, SCHEDULE_BURST);
	schedule_fini(&f.schedule);
}

static void the_end_forgets_nothing(void **state)
{
	static const struct {
		double rate_per_s;
		unsigned share_count;
		uint64_t length_ns, due, tolerance;
	} cases[] = {
		{ 100, 1, S, 100, 0 }, /* all of it is handed out in the end */
		{ 1000, 1, S, 1000, 0 },
		{ 1000, 4, S, 250, 0 },
		{ 50000, 1, S, 50000, 0 },
		{ 1e6, 2, S, 500000, 2 }, /* by the rate */
		{ 1e9, 1, 3600 * S, 3600000000000, 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t until_ns, all;
		struct fixture f;

		begin(&f, cases[i].rate_per_s, cases[i].share_count);
		until_ns = now_ns + cases[i].length_ns;
		now_ns = until_ns + 5 * US;
		schedule_end(&f.schedule, until_ns);
		assert_int_equal(f.seen.count, cases[i].due < 256 ? cases[i].due : 256);
		all = f.seen.count + f.seen.given_up;
		assert_in_range(
			all, cases[i].due - cases[i].tolerance, cases[i].due + cases[i].tolerance);
		assert_int_equal(histogram_count(f.schedule.lag), all);
		assert_true(f.seen.given_up_last_ns < until_ns);
		/* And after that there is none. */
		assert_true(schedule_keep(&f.schedule, CLOCK_NEVER - 1) == CLOCK_NEVER);
		schedule_fini(&f.schedule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_out_what_is_due),
		cmocka_unit_test(each_message_is_timed_by_itself),
		cmocka_unit_test(a_burst_has_an_end),
		cmocka_unit_test(the_end_forgets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
