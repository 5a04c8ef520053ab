/*
 * pace.c: constant arrivals to the nanosecond, threads that interleave, ramps against a sum by hand,
 * and Poisson arrivals by their statistics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "base/clock.h"
#include "bench/pace.h"

#define S CLOCK_NS_PER_S

static struct profile parse(const char *text)
{
	struct profile profile;
	const char *why;
	size_t column;

	assert_int_equal(profile_parse(text, &profile, &column, &why), 0);
	return profile;
}

static void constant_arrivals_are_even(void **state)
{
	struct profile profile = parse("1k@10s");
	struct pace pace;

	pace_init(&pace, &profile, PACE_CONSTANT, 1, 0, 1);
	for (uint64_t i = 0; i < 10000; i++)
		assert_int_equal(pace_next_ns(&pace), i * 1000000);
	assert_true(pace_next_ns(&pace) == CLOCK_NEVER);
	assert_true(pace_next_ns(&pace) == CLOCK_NEVER);
}

static void nothing_adds_up_over_hours(void **state)
{
	struct profile profile = parse("300000");
	struct pace pace;
	uint64_t last_ns = 0;

	pace_init(&pace, &profile, PACE_CONSTANT, 1, 0, 1);
	pace.number = 300000ull * 7200;
	pace_next_ns(&pace); /* was chosen before */
	last_ns = pace_next_ns(&pace);
	assert_true(llabs((long long)(last_ns - 7200 * S)) <= 1);
}

/* Four threads together are one thread of the whole rate. */
static void threads_interleave(void **state)
{
	struct profile profile = parse("1k..9k@2s,4k@1s");
	struct pace whole, parts[4];

	pace_init(&whole, &profile, PACE_CONSTANT, 1, 0, 1);
	for (unsigned i = 0; i < 4; i++)
		pace_init(&parts[i], &profile, PACE_CONSTANT, 1, i, 4);
	for (unsigned i = 0; i < 14000; i++) {
		uint64_t ns = pace_next_ns(&whole);

		assert_true(ns < 3 * S);
		assert_int_equal(pace_next_ns(&parts[i % 4]), ns);
	}
	assert_true(pace_next_ns(&whole) == CLOCK_NEVER);
	for (unsigned i = 0; i < 4; i++)
		assert_true(pace_next_ns(&parts[i]) == CLOCK_NEVER);
}

/* At the time of the n-th arrival, the profile has asked for n. */
static void ramps_follow_the_profile(void **state)
{
	static const char *const texts[] = { "0..10k@3s", "10k..0@3s",
		"500@1s,500..20k@1s,0@1s,3" };

	for (size_t t = 0; t < 3; t++) {
		struct profile profile = parse(texts[t]);
		struct pace pace;
		uint64_t before_ns = 0;

		pace_init(&pace, &profile, PACE_CONSTANT, 1, 0, 1);
		for (unsigned i = 0; i < 10000; i++) {
			uint64_t ns = pace_next_ns(&pace);

			assert_true(ns != CLOCK_NEVER);
			assert_true(ns >= before_ns);
			/* Where the rate is 0 one nanosecond is much of nothing. */
			assert_true(fabs(profile_count_until(&profile, ns) - i) < 0.01);
			before_ns = ns;
		}
	}
}

static void a_pause_is_kept(void **state)
{
	struct profile profile = parse("2@1s,0@5s,1@2s");
	static const uint64_t expected[] = { 0, S / 2, 6 * S, 7 * S, CLOCK_NEVER };
	struct pace pace;

	pace_init(&pace, &profile, PACE_CONSTANT, 1, 0, 1);
	for (size_t i = 0; i < 5; i++)
		assert_true(pace_next_ns(&pace) == expected[i]);
}

/* The mean of n exponentials lies within 4 sigma; so does the count of gaps beyond the mean (1/e). */
static void poisson_arrivals_are_poisson(void **state)
{
	struct profile profile = parse("1k");

	for (uint64_t seed = 1; seed <= 5; seed++) {
		const unsigned n = 100000;
		unsigned longer = 0;
		struct pace pace;
		uint64_t before_ns = 0;

		pace_init(&pace, &profile, PACE_POISSON, seed, 1, 2);
		for (unsigned i = 0; i < n; i++) {
			uint64_t ns = pace_next_ns(&pace);

			assert_true(ns >= before_ns);
			longer += ns - before_ns > 2000000; /* half the rate is this thread's */
			before_ns = ns;
		}
		assert_true(fabs((double)before_ns / n - 2e6) < 4 * 2e6 / sqrt(n));
		assert_true(fabs(longer - n / M_E) < 4 * sqrt(n / M_E * (1 - 1 / M_E)));
	}
}

static void the_seed_decides(void **state)
{
	struct profile profile = parse("1k");
	struct pace one, same, other_seed, other_thread;
	unsigned equal_seed = 0, equal_thread = 0;

	pace_init(&one, &profile, PACE_POISSON, 42, 0, 2);
	pace_init(&same, &profile, PACE_POISSON, 42, 0, 2);
	pace_init(&other_seed, &profile, PACE_POISSON, 43, 0, 2);
	pace_init(&other_thread, &profile, PACE_POISSON, 42, 1, 2);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t ns = pace_next_ns(&one);

		assert_int_equal(pace_next_ns(&same), ns);
		equal_seed += pace_next_ns(&other_seed) == ns;
		equal_thread += pace_next_ns(&other_thread) == ns;
	}
	assert_true(equal_seed < 3 && equal_thread < 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constant_arrivals_are_even),
		cmocka_unit_test(nothing_adds_up_over_hours),
		cmocka_unit_test(threads_interleave),
		cmocka_unit_test(ramps_follow_the_profile),
		cmocka_unit_test(a_pause_is_kept),
		cmocka_unit_test(poisson_arrivals_are_poisson),
		cmocka_unit_test(the_seed_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
