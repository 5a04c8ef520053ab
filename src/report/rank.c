/*
 * U counts the pairs in which the value of the second sample is the smaller one. If both samples
 * come from one distribution, the number of orders with U = u is the coefficient of q^u in the
 * Gaussian binomial coefficient (m + n over m), which is the product over i = 1..m of
 * (1 - q^(n+i)) / (1 - q^i). Above EXACT_PAIRS the normal distribution is near enough.
 */
#include "report/rank.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define EXACT_PAIRS 2500

/*
 * Of how many orders U is at most each u up to `most`. Multiplies the product out, one factor at a
 * time; -ENOMEM.
 */
static int count_orders(size_t m, size_t n, size_t most, double **ret_orders)
{
	double *orders = calloc(most + 1, sizeof(*orders));

	if (orders == NULL)
		return -ENOMEM;
	orders[0] = 1;
	for (size_t i = 1; i <= m; i++) {
		for (size_t u = most; u >= n + i; u--)
			orders[u] -= orders[u - (n + i)];
		for (size_t u = i; u <= most; u++)
			orders[u] += orders[u - i];
	}
	for (size_t u = 1; u <= most; u++)
		orders[u] += orders[u - 1];
	*ret_orders = orders;
	return 0;
}

static int exact_interval(size_t m, size_t n, double tail, size_t *ret_index)
{
	size_t most = m * n / 2, index = 0;
	CLEANUP_FREE double *orders = NULL;
	double all = 1;
	int r = count_orders(m, n, most, &orders);

	if (r < 0)
		return r;
	for (size_t i = 1; i <= m; i++)
		all *= (double)(n + i) / (double)i;
	/* The next index is as good while even it leaves no more than the tail outside. */
	if (orders[0] / all > tail)
		return -ERANGE;
	while (index < most && orders[index + 1] / all <= tail)
		index++;
	*ret_index = index;
	return 0;
}

/* How many standard deviations from the mean leave `tail` outside on one side: bisection of erfc. */
static double normal_quantile(double tail)
{
	double low = 0, high = 40;

	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;

		if (erfc(middle / M_SQRT2) / 2 > tail)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int rank_interval(size_t m, size_t n, double confidence, size_t *ret_index)
{
	double tail = (1 - confidence) / 2;

	if (m == 0 || n == 0)
		return -ERANGE;
	if (m * n <= EXACT_PAIRS)
		return exact_interval(m, n, tail, ret_index);

	double pairs = (double)m * (double)n;
	double deviation = sqrt(pairs * (double)(m + n + 1) / 12);
	double index = floor(pairs / 2 - normal_quantile(tail) * deviation - 0.5);

	if (index < 0)
		return -ERANGE;
	*ret_index = (size_t)index;
	return 0;
}

double rank_median(const double *sorted, size_t count)
{
	double upper = sorted[count / 2];

	return count % 2 != 0 ? upper : (sorted[count / 2 - 1] + upper) / 2;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void rank_sort(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_doubles);
}
