/*
 * rank.c: against the published table of critical values, and against counting all orders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "report/rank.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Two-sided critical values of U, as in any book's table. */
static void agrees_with_the_table(void **state)
{
	static const struct {
		size_t m, n;
		double confidence;
		int index;
	} cases[] = {
		{ 5, 5, 0.95, 2 },
		{ 5, 5, 0.99, 0 },
		{ 4, 4, 0.95, 0 },
		{ 6, 6, 0.99, 2 },
		{ 7, 5, 0.95, 5 },
		{ 5, 7, 0.95, 5 },
		{ 8, 8, 0.95, 13 },
		{ 8, 8, 0.99, 7 },
		{ 10, 10, 0.95, 23 },
		{ 10, 10, 0.99, 16 },
		{ 20, 20, 0.95, 127 },
		{ 20, 20, 0.99, 105 },
		{ 3, 20, 0.95, 8 },
		/* Too many to count: m n / 2 - z sqrt(m n (m + n + 1) / 12) - 1/2, rounded down. */
		{ 100, 100, 0.95, 4197 },
		{ 60, 100, 0.99, 2268 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t index = 999;

		assert_int_equal(
			rank_interval(cases[i].m, cases[i].n, cases[i].confidence, &index), 0);
		assert_int_equal(index, cases[i].index);
	}
}

static void too_few_are_told(void **state)
{
	size_t index = 77;

	assert_int_equal(rank_interval(4, 4, 0.99, &index), -ERANGE);
	assert_int_equal(rank_interval(3, 3, 0.95, &index), -ERANGE);
	assert_int_equal(rank_interval(1, 100, 0.99, &index), -ERANGE);
	assert_int_equal(rank_interval(0, 5, 0.5, &index), -ERANGE);
	assert_int_equal(rank_interval(1, 3000, 0.999999999, &index), -ERANGE);
	assert_int_equal(index, 77);
}

/* Every subset of m of the m + n places is equally likely; index is right if counting says so. */
static void agrees_with_counting(void **state)
{
	for (unsigned m = 1; m <= 6; m++) {
		for (unsigned n = 1; n <= 6; n++) {
			unsigned counts[37] = { 0 }, all = 0, most = 0;
			size_t index;

			for (unsigned set = 0; set < 1u << (m + n); set++) {
				unsigned u = 0, seen = 0;

				if (__builtin_popcount(set) != (int)m)
					continue;
				for (unsigned place = 0; place < m + n; place++) {
					if (set >> place & 1)
						u += place - seen++;
				}
				counts[u]++;
				all++;
			}

			double below = counts[0];

			while (below + counts[most + 1] <= 0.045 * all)
				below += counts[++most];

			int r = rank_interval(m, n, 0.91, &index);

			assert_int_equal(r, counts[0] <= 0.045 * all ? 0 : -ERANGE);
			if (r == 0)
				assert_int_equal(index, most);
		}
	}
}

/* Where the exact way ends and the near one begins, they are near. */
static void the_normal_distribution_takes_over(void **state)
{
	size_t exact, near;

	assert_int_equal(rank_interval(50, 50, 0.99, &exact), 0);
	assert_int_equal(rank_interval(50, 51, 0.99, &near), 0);
	assert_in_range(exact, 872, 878);
	assert_in_range(near, exact + 10, exact + 30);
	assert_int_equal(rank_interval(1000, 1000, 0.99, &near), 0);
	assert_in_range(near, 466000, 467500);
}

static void sorts_and_halves(void **state)
{
	double values[] = { 3, 1, 2, 10 };

	rank_sort(values, 4);
	assert_true(values[0] == 1 && values[3] == 10);
	assert_true(rank_median(values, 4) == 2.5);
	assert_true(rank_median(values, 3) == 2);
	assert_true(rank_median(values, 1) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_table),
		cmocka_unit_test(too_few_are_told),
		cmocka_unit_test(agrees_with_counting),
		cmocka_unit_test(the_normal_distribution_takes_over),
		cmocka_unit_test(sorts_and_halves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
