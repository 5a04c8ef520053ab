/*
 * duration.c: what people write, what is refused, and that what is shown is read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/duration.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void reads_every_unit(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{ "0", 0 },
		{ "5", 5000000000 },
		{ "5s", 5000000000 },
		{ "500ms", 500000000 },
		{ "100us", 100000 },
		{ "20ns", 20 },
		{ "1.5m", 90000000000 },
		{ "2h", 7200000000000 },
		{ ".5s", 500000000 },
		{ "5.", 5000000000 },
		{ "0.000000001s", 1 },
		{ "0.0000000001s", 0 },
		{ "0.5ns", 1 }, /* half is rounded up */
		{ "0.4ns", 0 },
		{ "0.1h", 360000000000 },
		{ "0.999999999h", 3599999996400 },
		{ "0.99999999999999999999h", 3599999996400 }, /* nine digits of it */
		{ "18446744073709551614ns", UINT64_MAX - 1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t ns;

		assert_int_equal(duration_parse(cases[i].text, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{ "", -EINVAL },
		{ ".", -EINVAL },
		{ "ms", -EINVAL },
		{ "-1s", -EINVAL },
		{ "+1s", -EINVAL },
		{ " 1s", -EINVAL },
		{ "1 s", -EINVAL },
		{ "1s ", -EINVAL },
		{ "1e3s", -EINVAL },
		{ "0x10s", -EINVAL },
		{ "inf", -EINVAL },
		{ "1,5s", -EINVAL },
		{ "1m30s", -EINVAL },
		{ "3d", -EINVAL },
		{ "5S", -EINVAL },
		{ "1.2.3s", -EINVAL },
		{ "18446744073709551615ns", -ERANGE }, /* CLOCK_NEVER is no length of time */
		{ "18446744073709551616ns", -ERANGE },
		{ "18446744074s", -ERANGE },
		{ "5124096h", -ERANGE },
		{ "99999999999999999999999s", -ERANGE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t ns = 4711;

		assert_int_equal(duration_parse(cases[i].text, &ns), cases[i].error);
		assert_int_equal(ns, 4711);
	}
}

static void shows_three_digits(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0ns" },
		{ 999, "999ns" },
		{ 1000, "1.00us" },
		{ 1234567, "1.23ms" },
		{ 12345678, "12.3ms" },
		{ 123456789, "123ms" },
		{ 9994999, "9.99ms" },
		{ 9995000, "10.0ms" },
		{ 99950000, "100ms" },
		{ 1500000000, "1.50s" },
		{ 90000000000, "90.0s" },
		{ 7200000000000, "7200s" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[DURATION_TEXT_SIZE];

		assert_string_equal(
			duration_format(cases[i].ns, text, sizeof(text)), cases[i].text);
	}
}

/* "1000ms" has four digits and the wrong unit: rounding must be able to change the unit. */
static void rounds_into_the_next_unit(void **state)
{
	char text[DURATION_TEXT_SIZE];

	assert_string_equal(duration_format(999960, text, sizeof(text)), "1.00ms");
	assert_string_equal(duration_format(999960000, text, sizeof(text)), "1.00s");
	assert_string_equal(duration_format(999400, text, sizeof(text)), "999us");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_unit),
		cmocka_unit_test(refuses),
		cmocka_unit_test(shows_three_digits),
		cmocka_unit_test(rounds_into_the_next_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
