/*
 * number.c: whole numbers and sizes, their bounds, and what strtoull(3) would have let through.
 */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_numbers),
		cmocka_unit_test(refuses_numbers),
		cmocka_unit_test(reads_sizes),
		cmocka_unit_test(refuses_sizes),
		cmocka_unit_test(shows_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
