/*
 * number.c: whole numbers and sizes, their bounds, and what strtoull(3) would have let through.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/number.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void reads_numbers(void **state)
{
	uint64_t number;

	assert_int_equal(number_parse("0", 0, 10, &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(number_parse("010", 0, 10, &number), 0);
	assert_int_equal(number, 10); /* decimal: a leading zero means nothing here */
	assert_int_equal(number_parse("18446744073709551615", 0, UINT64_MAX, &number), 0);
	assert_int_equal(number, UINT64_MAX);
}

static void refuses_numbers(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{ "", -EINVAL },
		{ "x", -EINVAL },
		{ "-1", -EINVAL },
		{ "+1", -EINVAL },
		{ " 1", -EINVAL },
		{ "1 ", -EINVAL },
		{ "1.5", -EINVAL },
		{ "0x10", -EINVAL },
		{ "1K", -EINVAL },
		{ "4", -ERANGE },
		{ "11", -ERANGE },
		{ "18446744073709551616", -ERANGE },
		{ "99999999999999999999999999", -ERANGE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t number = 4711;

		assert_int_equal(number_parse(cases[i].text, 5, 10, &number), cases[i].error);
		assert_int_equal(number, 4711);
	}
}

static void reads_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0 },
		{ "5000", 5000 },
		{ "64K", 65536 },
		{ "64k", 65536 },
		{ "64KB", 65536 },
		{ "64KiB", 65536 },
		{ "1M", 1 << 20 },
		{ "2G", 2ull << 30 },
		{ "1T", 1ull << 40 },
		{ "16777215T", 16777215ull << 40 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t bytes;

		assert_int_equal(number_parse_size(cases[i].text, 0, UINT64_MAX, &bytes), 0);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void refuses_sizes(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{ "", -EINVAL },
		{ "K", -EINVAL },
		{ "1P", -EINVAL },
		{ "1 K", -EINVAL },
		{ "1KK", -EINVAL },
		{ "1Kb", -EINVAL },
		{ "1KiBx", -EINVAL },
		{ "1.5M", -EINVAL },
		{ "-1K", -EINVAL },
		{ "1\x0b", -EINVAL }, /* 0x0b without bit 0x20 is itself, not a letter */
		{ "16777216T", -ERANGE },
		{ "2K", -ERANGE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t bytes = 4711;

		assert_int_equal(number_parse_size(cases[i].text, 0, 1024, &bytes), cases[i].error);
		assert_int_equal(bytes, 4711);
	}
}

static void shows_sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 64, "64 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ 1048575, "1.0 MiB" }, /* not "1024.0 KiB" */
		{ 1572864, "1.5 MiB" },
		{ UINT64_MAX, "16777216.0 TiB" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[NUMBER_TEXT_SIZE];

		assert_string_equal(
			number_format_size(cases[i].bytes, text, sizeof(text)), cases[i].text);
	}
}

static void reads_a_rate_and_stops(void **state)
{
	static const struct {
		const char *text;
		double per_s;
		size_t length;
	} cases[] = {
		{ "0", 0, 1 },
		{ "500", 500, 3 },
		{ "1.5k", 1500, 4 },
		{ "1K", 1000, 2 },
		{ "2M@3s", 2e6, 2 },
		{ "1..5k", 1, 1 },
		{ "1.", 1, 1 },
		{ "0.25", 0.25, 4 },
		{ "1000G", 1e12, 5 },
		{ "5kk", 5000, 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double per_s;
		size_t length;

		assert_int_equal(number_scan_rate(cases[i].text, &per_s, &length), 0);
		assert_true(per_s == cases[i].per_s);
		assert_int_equal(length, cases[i].length);
	}

	double per_s;
	size_t length;

	assert_int_equal(number_scan_rate("", &per_s, &length), -EINVAL);
	assert_int_equal(number_scan_rate(".5", &per_s, &length), -EINVAL);
	assert_int_equal(number_scan_rate("-1", &per_s, &length), -EINVAL);
	assert_int_equal(number_scan_rate("1001G", &per_s, &length), -ERANGE);
	assert_int_equal(number_scan_rate("99999999999999999999999999", &per_s, &length), -ERANGE);
}

static void shows_a_rate(void **state)
{
	static const struct {
		double per_s;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 7, "7" },
		{ 0.5, "0.50" },
		{ 99.7, "99.7" },
		{ 999, "999" },
		{ 999.6, "1.00k" },
		{ 12345, "12.3k" },
		{ 123456, "123k" },
		{ 1050000, "1.05M" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[NUMBER_TEXT_SIZE];

		assert_string_equal(
			number_format_rate(cases[i].per_s, text, sizeof(text)), cases[i].text);
	}
}

static void makes_whole_numbers(void **state)
{
	assert_true(number_from_double(0) == 0);
	assert_true(number_from_double(-1) == 0);
	assert_true(number_from_double(-INFINITY) == 0);
	assert_true(number_from_double(NAN) == 0);
	assert_true(number_from_double(2.7) == 3);
	assert_true(number_from_double(0x1p53) == (uint64_t)1 << 53);
	assert_true(number_from_double(0x1p63) == (uint64_t)1 << 63);
	assert_true(number_from_double(0x1p64) == UINT64_MAX);
	assert_true(number_from_double(1e300) == UINT64_MAX);
	assert_true(number_from_double(INFINITY) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_numbers),
		cmocka_unit_test(refuses_numbers),
		cmocka_unit_test(reads_sizes),
		cmocka_unit_test(refuses_sizes),
		cmocka_unit_test(shows_sizes),
		cmocka_unit_test(reads_a_rate_and_stops),
		cmocka_unit_test(shows_a_rate),
		cmocka_unit_test(makes_whole_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
