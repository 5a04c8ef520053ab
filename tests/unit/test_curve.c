/*
 * curve.c: pictures of a histogram lose no value, whatever is in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/curve.h"

static double number(json_t *array, size_t row, size_t column)
{
	return json_number_value(json_array_get(json_array_get(array, row), column));
}

static void check(const struct histogram *histogram)
{
	json_t *shape = curve_shape(histogram), *curve = curve_percentiles(histogram);
	size_t points = json_array_size(curve);
	double count = 0;

	for (size_t i = 0; i < json_array_size(shape); i++) {
		assert_true(number(shape, i, 0) < number(shape, i, 1));
		if (i > 0)
			assert_true(number(shape, i, 0) == number(shape, i - 1, 1));
		count += number(shape, i, 2);
	}
	assert_true(count == (double)histogram_count(histogram));
	assert_in_range(points, 2, 400);
	assert_true(number(curve, 0, 0) == 0);
	assert_true(number(curve, 0, 1) == (double)histogram_min(histogram));
	assert_true(number(curve, points - 1, 0) == 100);
	assert_true(number(curve, points - 1, 1) == (double)histogram_max(histogram));
	for (size_t i = 1; i < points; i++) {
		assert_true(number(curve, i - 1, 0) < number(curve, i, 0));
		assert_true(number(curve, i - 1, 1) <= number(curve, i, 1));
	}
	json_decref(shape);
	json_decref(curve);
}

static void keeps_every_value(void **state)
{
	static const uint64_t kinds[][3] = { { 0, 0, 0 }, { 1, 1, 1 }, { 5, 5, 7 },
		{ 1000, 1000000, 3000000000 }, { 0, 3600000000000, 9000000000000 } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct histogram *histogram;

		assert_int_equal(
			histogram_new(1, HISTOGRAM_HIGHEST_NS, HISTOGRAM_DIGITS, &histogram), 0);
		for (size_t k = 0; k < 3; k++)
			histogram_record_many(histogram, kinds[i][k], 1 + 1000 * k);
		check(histogram);
		histogram_reset(histogram);
		histogram_record(histogram, kinds[i][2]);
		check(histogram);
		histogram_free(histogram);
	}
}

static void nothing_has_no_picture(void **state)
{
	struct histogram *histogram;

	assert_int_equal(histogram_new(1, 1000, 2, &histogram), 0);

	json_t *shape = curve_shape(histogram), *curve = curve_percentiles(histogram);

	assert_int_equal(json_array_size(shape), 0);
	assert_int_equal(json_array_size(curve), 0);
	json_decref(shape);
	json_decref(curve);
	histogram_free(histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_every_value),
		cmocka_unit_test(nothing_has_no_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
