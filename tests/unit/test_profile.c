/*
 * profile.c: what people write, where what they write is wrong, and the two integrals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "base/clock.h"
#include "bench/profile.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define S CLOCK_NS_PER_S

static struct profile parse(const char *text)
{
	struct profile profile;
	const char *why;
	size_t column;

	assert_int_equal(profile_parse(text, &profile, &column, &why), 0);
	return profile;
}

static void reads_stages(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		struct profile_stage last;
	} cases[] = {
		{ "500", 1, { 500, 500, CLOCK_NEVER } },
		{ "10k", 1, { 10e3, 10e3, CLOCK_NEVER } },
		{ "1.5M", 1, { 1.5e6, 1.5e6, CLOCK_NEVER } },
		{ "1K@10s,5K@2.5s", 2, { 5e3, 5e3, 2500000000 } },
		{ "1k..50k@30s", 1, { 1e3, 50e3, 30 * S } },
		{ "50k..0@30s", 1, { 50e3, 0, 30 * S } },
		{ "1..2@1ms", 1, { 1, 2, 1000000 } },
		{ "0@1s,0.5", 2, { 0.5, 0.5, CLOCK_NEVER } },
		{ "1k@5,2k", 2, { 2e3, 2e3, CLOCK_NEVER } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct profile profile = parse(cases[i].text);
		const struct profile_stage *last = &profile.stages[profile.count - 1];

		assert_int_equal(profile.count, cases[i].count);
		assert_true(last->from_per_s == cases[i].last.from_per_s);
		assert_true(last->to_per_s == cases[i].last.to_per_s);
		assert_int_equal(last->length_ns, cases[i].last.length_ns);
	}
}

static void refuses_at_the_column(void **state)
{
	static const struct {
		const char *text;
		size_t column;
	} cases[] = {
		{ "", 0 },
		{ "k", 0 },
		{ "-5", 0 },
		{ " 5", 0 },
		{ "5 ", 1 },
		{ "5x", 1 },
		{ "1e3", 1 },
		{ "1k..", 4 },
		{ "1k..5k", 6 },
		{ "1k...5k@1s", 4 },
		{ "1k@", 3 },
		{ "1k@x", 3 },
		{ "1k@0s", 3 },
		{ "1k@10s,", 7 },
		{ "1k,5k", 2 },
		{ "1k@1s,5k,6k@1s", 8 },
		{ "1k@1s;5k", 3 },
		{ "0", 0 },
		{ "0@5s,0@1s", 0 },
		{ "2000G", 0 },
		{ "1k@5000000h,1k@5000000h", 23 },
		{ "1k@1111111111111111111111111111111111111111111s", 3 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct profile profile = { .count = 4711 };
		const char *why = NULL;
		size_t column = 4711;

		assert_int_equal(profile_parse(cases[i].text, &profile, &column, &why), -EINVAL);
		assert_int_equal(column, cases[i].column);
		assert_non_null(why);
		assert_int_equal(profile.count, 4711);
	}
}

static void the_cap_on_stages_holds(void **state)
{
	char text[PROFILE_MOST_STAGES * 8 + 16] = "";
	struct profile profile;
	const char *why;
	size_t column;

	for (unsigned i = 0; i < PROFILE_MOST_STAGES; i++)
		strcat(text, i > 0 ? ",1k@1s" : "1k@1s");
	assert_int_equal(profile_parse(text, &profile, &column, &why), 0);
	assert_int_equal(profile_lead_in(&profile, S), -ENOSPC);
	strcat(text, ",1k@1s");
	assert_int_equal(profile_parse(text, &profile, &column, &why), -EINVAL);
}

static void knows_rate_and_count(void **state)
{
	struct profile profile = parse("1k@10s,0..4k@20s,5k");

	assert_true(profile_length_ns(&profile) == CLOCK_NEVER);
	assert_true(profile_rate_at(&profile, 0) == 1000);
	assert_true(profile_rate_at(&profile, 10 * S) == 0);
	assert_true(profile_rate_at(&profile, 20 * S) == 2000);
	assert_true(profile_rate_at(&profile, 30 * S) == 5000);
	assert_true(profile_rate_at(&profile, 3000 * S) == 5000);
	assert_true(profile_count_until(&profile, 0) == 0);
	assert_true(profile_count_until(&profile, 10 * S) == 10000);
	assert_true(profile_count_until(&profile, 20 * S) == 10000 + 10000);
	assert_true(profile_count_until(&profile, 31 * S) == 10000 + 40000 + 5000);
}

static void is_cut_and_led_in(void **state)
{
	struct profile profile = parse("1k..3k@10s,5k");

	profile_cut(&profile, 5 * S);
	assert_int_equal(profile.count, 1);
	assert_true(profile.stages[0].to_per_s == 2000);
	assert_true(profile_count_until(&profile, 100 * S) == 7500);

	profile = parse("1k..3k@10s,5k");
	profile_cut(&profile, 12 * S);
	assert_int_equal(profile.count, 2);
	assert_int_equal(profile.stages[1].length_ns, 2 * S);
	assert_int_equal(profile_length_ns(&profile), 12 * S);
	profile_cut(&profile, 10 * S);
	assert_int_equal(profile.count, 1);

	assert_int_equal(profile_lead_in(&profile, 2 * S), 0);
	assert_int_equal(profile.count, 2);
	assert_true(profile.stages[0].to_per_s == 1000);
	assert_int_equal(profile_length_ns(&profile), 12 * S);

	/* Longer than it is: it stays. */
	profile_cut(&profile, 100 * S);
	assert_int_equal(profile_length_ns(&profile), 12 * S);
	profile_init_constant(&profile, 7);
	profile_cut(&profile, 3 * S);
	assert_true(profile_count_until(&profile, CLOCK_NEVER) == 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_stages),
		cmocka_unit_test(refuses_at_the_column),
		cmocka_unit_test(the_cap_on_stages_holds),
		cmocka_unit_test(knows_rate_and_count),
		cmocka_unit_test(is_cut_and_led_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
