/*
 * start.c: the four forms of --start-at, times that do not exist or exist twice, and where the rest is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include <time.h>

#include "base/clock.h"
#include "bench/fleet/start.h"

#define S CLOCK_NS_PER_S
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
/* 2026-01-31T12:00:00Z */
#define NOON (UINT64_C(1769860800) * S)
/* Without files of time zones: Germany's rules, and Lord Howe's half an hour. */
#define GERMANY "CET-1CEST,M3.5.0,M10.5.0/3"
#define LORD_HOWE "LHST-10:30LHDT-11,M10.1.0,M4.1.0"

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void assert_moment(const char *text, uint64_t now_unix_ns, uint64_t expected)
{
	uint64_t unix_ns = 0;
	const char *why = NULL;
	size_t column;
	int r = start_parse(text, now_unix_ns, &unix_ns, &column, &why);

	if (r != 0 || unix_ns != expected)
		print_error("%s: %d, %llu\n", text, r, (unsigned long long)unix_ns);
	assert_int_equal(r, 0);
	assert_int_equal(unix_ns, expected);
}

static void assert_refused(const char *text, uint64_t now_unix_ns, size_t expected)
{
	uint64_t unix_ns = 77;
	const char *why = NULL;
	size_t column = SIZE_MAX;
	int r = start_parse(text, now_unix_ns, &unix_ns, &column, &why);

	if (r != -EINVAL || column != expected)
		print_error("'%s': %d, column %zu\n", text, r, column);
	assert_int_equal(r, -EINVAL);
	assert_non_null(why);
	assert_int_equal(column, expected);
	assert_int_equal(unix_ns, 77);
}

static void four_forms(void **state)
{
	set_zone("UTC0");
	assert_moment("2026-01-31T12:00:00Z", NOON - 1, NOON);
	assert_moment("2026-01-31t12:00:00.25z", NOON, NOON + S / 4);
	assert_moment("2026-01-31T21:00:00+09:00", NOON - 1, NOON);
	assert_moment("2026-01-31T06:30:00-05:30", NOON - 1, NOON);
	assert_moment("2028-02-29T00:00:00Z", NOON, UINT64_C(1835395200) * S);
	assert_moment("12:00:00", NOON - 1, NOON);
	assert_moment("12:00:00.000000001999", NOON, NOON + 1);
	assert_moment("@1769860800", NOON - 1, NOON);
	assert_moment("@1769860800.5", NOON, NOON + S / 2);
	assert_moment("+10s", NOON, NOON + 10 * S);
	assert_moment("+0.5", NOON, NOON + S / 2);
	assert_moment("2261-12-31T00:00:00Z", NOON, UINT64_C(9214560000) * S);
}

static void today_is_here(void **state)
{
	set_zone("KST-9");
	/* 21:00 of the 31st. */
	assert_moment("21:00:01", NOON, NOON + S);
	assert_moment("23:59:59", NOON, NOON + 3 * 3600 * S - S);
	set_zone(GERMANY);
	/* Summer and winter; the days of the change. */
	assert_moment("12:00:00", UINT64_C(1782890000) * S, UINT64_C(1782900000) * S);
	assert_moment("01:59:59", UINT64_C(1774738800) * S, UINT64_C(1774745999) * S);
	assert_moment("03:00:00", UINT64_C(1774738800) * S, UINT64_C(1774746000) * S);
	assert_moment("23:00:00", UINT64_C(1774738800) * S, UINT64_C(1774818000) * S);
	assert_moment("03:00:00", UINT64_C(1792879200) * S, UINT64_C(1792893600) * S);
}

static void times_that_are_skipped_or_come_twice(void **state)
{
	set_zone(GERMANY);
	/* 2026-03-29, 02:00 to 03:00; 2026-10-25, 02:00 to 03:00. */
	assert_refused("02:00:00", UINT64_C(1774738800) * S, 0);
	assert_refused("02:59:59", UINT64_C(1774738800) * S, 0);
	assert_refused("02:30:00", UINT64_C(1792879200) * S, 0);
	set_zone(LORD_HOWE);
	/* 2026-10-04, 02:00 to 02:30; 2026-04-05, 01:30 to 02:00. */
	assert_refused("02:15:00", UINT64_C(1791036000) * S, 0);
	assert_moment("02:30:00", UINT64_C(1791036000) * S, UINT64_C(1791041400) * S);
	assert_refused("01:45:00", UINT64_C(1775309400) * S, 0);
	set_zone("UTC0");
}

static void what_has_passed_is_told(void **state)
{
	static const char *const texts[] = { "2026-01-31T12:00:00Z", "12:00:00", "@1769860800",
		"+0s", "@0" };

	set_zone("UTC0");
	for (size_t i = 0; i < COUNT(texts); i++) {
		uint64_t unix_ns;
		const char *why;
		size_t column;

		assert_int_equal(start_parse(texts[i], NOON, &unix_ns, &column, &why), -ETIME);
	}
}

static void refuses_at_the_column(void **state)
{
	static const struct {
		const char *text;
		size_t column;
	} cases[] = {
		{ "", 0 },
		{ "now", 0 },
		{ "12", 0 },
		{ "-10s", 0 },
		{ " 12:00:00", 0 },
		{ "24:00:00", 0 },
		{ "12:60:00", 3 },
		{ "12:00:60", 6 },
		{ "12:00", 5 },
		{ "12:00:00Z", 8 },
		{ "1:00:00", 0 },
		{ "12:00:00.", 9 },
		{ "12:00:00 ", 8 },
		{ "2026-01-31", 10 },
		{ "2026-01-31 12:00:00Z", 10 },
		{ "2026-01-31T12:00:00", 19 },
		{ "2026-13-01T00:00:00Z", 5 },
		{ "2026-02-29T00:00:00Z", 8 },
		{ "2100-02-29T00:00:00Z", 8 },
		{ "2026-00-01T00:00:00Z", 5 },
		{ "2026-01-00T00:00:00Z", 8 },
		{ "1969-12-31T23:59:59Z", 0 },
		{ "2262-01-01T00:00:00Z", 0 },
		{ "2016-12-31T23:59:60Z", 17 },
		{ "2026-01-31T12:00:00+9", 20 },
		{ "2026-01-31T12:00:00+09", 22 },
		{ "2026-01-31T12:00:00+0900", 22 },
		{ "2026-01-31T12:00:00ZZ", 20 },
		{ "@", 1 },
		{ "@-1", 1 },
		{ "@1x", 2 },
		{ "@1.", 3 },
		{ "@99999999999999999999999", 0 },
		{ "@9223372036", 0 },
		{ "+", 1 },
		{ "+x", 1 },
		{ "++1s", 1 },
		{ "+1d", 1 },
		{ "+99999999h", 1 },
		{ "1970-01-01T00:00:00+23:59", 0 },
	};

	set_zone("UTC0");
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_refused(cases[i].text, NOON, cases[i].column);
}

static void shows_a_moment(void **state)
{
	char text[START_TEXT_SIZE];

	assert_string_equal(start_format(NOON + 250 * CLOCK_NS_PER_MS, text, sizeof(text)),
		"2026-01-31 12:00:00.250 UTC");
	assert_string_equal(
		start_format(INT64_MAX, text, sizeof(text)), "2262-04-11 23:47:16.854 UTC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_forms),
		cmocka_unit_test(today_is_here),
		cmocka_unit_test(times_that_are_skipped_or_come_twice),
		cmocka_unit_test(what_has_passed_is_told),
		cmocka_unit_test(refuses_at_the_column),
		cmocka_unit_test(shows_a_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
