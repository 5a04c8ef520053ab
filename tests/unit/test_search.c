/*
 * search.c against services with a known limit: quiet ones, noisy ones, hopeless ones, ones that
 * outrun the generator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "bench/search.h"

static const struct search_options usual = {
	.first_per_s = 1000,
	.least_per_s = 1,
	.most_per_s = 1e9,
	.precision = 0.05,
};

/* A service that keeps its promise up to `limit`; the generator manages `most`. */
static void walk(struct search *search, double limit, double most)
{
	double rate;

	while (search_next(search, &rate)) {
		struct search_step step = {
			.reached_per_s = fmin(rate, most),
			.outcome = rate > most ? SEARCH_NOT_TRUSTED
				: rate > limit ? SEARCH_BROKEN
					       : SEARCH_KEPT,
		};

		search_record(search, &step);
		assert_true(search->steps[search->step_count - 1].rate_per_s == rate);
	}
}

static void finds_a_limit(void **state)
{
	for (double limit = 3; limit < 5e8; limit *= 1.7) {
		struct search search;

		search_start(&search, &usual);
		walk(&search, limit, INFINITY);
		assert_int_equal(search.end, SEARCH_FOUND);
		assert_true(search.best_per_s <= limit && search.best_per_s * 1.0501 > limit);
		assert_true(search.step_count < 45);
		/* The last run is at the rate told, and kept it. */
		assert_true(search.steps[search.step_count - 1].rate_per_s == search.best_per_s);
		assert_int_equal(search.steps[search.step_count - 1].outcome, SEARCH_KEPT);
	}
}

static void keeps_to_its_bounds(void **state)
{
	struct search_options options = usual;
	struct search search;

	options.least_per_s = 100;
	options.most_per_s = 50000;
	search_start(&search, &options);
	walk(&search, 1e6, INFINITY);
	assert_int_equal(search.end, SEARCH_ALL);
	assert_true(search.best_per_s == 50000);

	search_start(&search, &options);
	walk(&search, 50, INFINITY);
	assert_int_equal(search.end, SEARCH_NONE);
	assert_true(search.best_per_s == 0);

	options.first_per_s = 1;
	search_start(&search, &options);
	walk(&search, 150, INFINITY);
	assert_int_equal(search.end, SEARCH_FOUND);
	assert_true(search.steps[0].rate_per_s == 100);
}

static void tells_the_generators_limit_apart(void **state)
{
	struct search search;

	search_start(&search, &usual);
	walk(&search, INFINITY, 33333);
	assert_int_equal(search.end, SEARCH_LIMITED);
	assert_true(search.best_per_s <= 33333 && search.best_per_s * 1.051 > 33333);
}

/* One run that is wrong, among right ones, end the climb, and is not believed at the top. */
static void noise_is_asked_again(void **state)
{
	for (unsigned seed = 1; seed <= 200; seed++) {
		unsigned random = seed;
		struct search search;
		double rate;
		bool noise = false;

		search_start(&search, &usual);
		while (search_next(&search, &rate)) {
			bool keeps = rate <= 40000;

			noise = !noise && rand_r(&random) % 10 == 0;

			struct search_step step = {
				.outcome = keeps != noise ? SEARCH_KEPT : SEARCH_BROKEN,
			};

			search_record(&search, &step);
		}
		assert_int_equal(search.end, SEARCH_FOUND);
		assert_true(search.best_per_s > 10000 && search.best_per_s < 100000);
	}
}

static void a_lucky_best_is_taken_back(void **state)
{
	struct search search;
	double rate;
	unsigned lucky = 1;

	search_start(&search, &usual);
	while (search_next(&search, &rate)) {
		struct search_step step = { .outcome = SEARCH_BROKEN };

		if (rate <= 1000 || (rate < 1100 && lucky-- == 1))
			step.outcome = SEARCH_KEPT;
		search_record(&search, &step);
	}
	assert_int_equal(search.end, SEARCH_FOUND);
	assert_true(search.best_per_s <= 1000 && search.best_per_s > 900);
}

static void the_cap_on_steps_holds(void **state)
{
	struct search search;
	double rate;
	size_t count = 0;

	/* A service that keeps every promise but the one at the end. */
	search_start(&search, &usual);
	while (search_next(&search, &rate)) {
		struct search_step step = { .outcome = SEARCH_KEPT };

		if (search.confirming || rate > 5000)
			step.outcome = SEARCH_BROKEN;
		search_record(&search, &step);
		assert_true(++count <= SEARCH_MOST_STEPS);
	}
	assert_true(search.end != SEARCH_GOES_ON);
}

/* The service fails for good after the first runs, while the generator is late now and then. */
static void one_run_that_failed_is_no_limit_of_the_generator(void **state)
{
	struct search search;
	double rate;

	search_start(&search, &usual);
	for (unsigned run = 0; search_next(&search, &rate); run++) {
		struct search_step step = {
			.outcome = run < 2 ? SEARCH_KEPT
				: run % 2  ? SEARCH_NOT_TRUSTED
					   : SEARCH_BROKEN,
		};

		search_record(&search, &step);
	}
	assert_int_equal(search.end, SEARCH_NONE);
	assert_false(search.upper_not_trusted);
	assert_true(search_once_kept(&search) == 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_limit),
		cmocka_unit_test(keeps_to_its_bounds),
		cmocka_unit_test(tells_the_generators_limit_apart),
		cmocka_unit_test(noise_is_asked_again),
		cmocka_unit_test(a_lucky_best_is_taken_back),
		cmocka_unit_test(the_cap_on_steps_holds),
		cmocka_unit_test(one_run_that_failed_is_no_limit_of_the_generator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
