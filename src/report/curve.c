/*
 * Points and bars, as arrays for the page.
 */
#include "report/curve.h"

#include <math.h>

#define POINTS_PER_HALF 5
/* 2^-40 of a run has no message in it. */
#define MOST_HALVES 40

static void add_point(json_t *array, const struct histogram *histogram, double percentile)
{
	uint64_t value = histogram_percentile(histogram, percentile);

	json_array_append_new(array, json_pack("[f, I]", percentile, (json_int_t)value));
}

json_t *curve_percentiles(const struct histogram *histogram)
{
	json_t *array = json_array();
	double count = (double)histogram_count(histogram), left = 100;

	if (array == NULL || count == 0)
		return array;
	for (int half = 0; half < MOST_HALVES && left / 100 * count >= 1; half++, left /= 2) {
		for (int i = 0; i < POINTS_PER_HALF; i++)
			add_point(array, histogram, 100 - left * (1 - i / (2.0 * POINTS_PER_HALF)));
	}
	add_point(array, histogram, 100);
	return array;
}

/* Where bar `index` begins: whole nanoseconds, and at least one further than the bar before. */
static void find_ends(double least, double most, uint64_t ends[CURVE_BARS + 1])
{
	for (int i = 0; i <= CURVE_BARS; i++) {
		ends[i] = (uint64_t)floor(least * pow(most / least, (double)i / CURVE_BARS));
		if (i > 0 && ends[i] <= ends[i - 1])
			ends[i] = ends[i - 1] + 1;
	}
}

json_t *curve_shape(const struct histogram *histogram)
{
	json_t *array = json_array();
	uint64_t ends[CURVE_BARS + 1], counts[CURVE_BARS] = { 0 };
	struct histogram_step step = { 0 };
	int bar = 0;

	if (array == NULL || histogram_count(histogram) == 0)
		return array;
	find_ends(fmax((double)histogram_min(histogram), 1), (double)histogram_max(histogram) + 1,
		ends);
	while (histogram_next(histogram, &step)) {
		uint64_t middle = step.lower + (step.upper - step.lower) / 2;

		while (bar + 1 < CURVE_BARS && middle >= ends[bar + 1])
			bar++;
		counts[bar] += step.count;
	}
	for (int i = 0; i < CURVE_BARS; i++)
		json_array_append_new(array,
			json_pack("[I, I, I]", (json_int_t)ends[i], (json_int_t)ends[i + 1],
				(json_int_t)counts[i]));
	return array;
}
