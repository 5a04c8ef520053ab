/*
 * mix.c: what --size takes, and where the rest is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "bench/mix.h"

static void reads_sizes(void **state)
{
	struct load_options load = { 0 };
	const char *why;
	size_t column;

	assert_int_equal(mix_parse("64", &load, &column, &why), 0);
	assert_int_equal(load.size_count, 1);
	assert_int_equal(load.sizes[0].bytes, 64);
	assert_int_equal(load.sizes[0].weight, 1);
	assert_int_equal(mix_parse("64:9,16K:1,1G", &load, &column, &why), 0);
	assert_int_equal(load.size_count, 3);
	assert_int_equal(load.sizes[1].bytes, 16384);
	assert_int_equal(load.sizes[2].bytes, 1u << 30);
	assert_int_equal(load.sizes[2].weight, 1);
	assert_int_equal(mix_most_bytes(&load), 1u << 30);
	assert_int_equal(mix_parse("100:3,200", &load, &column, &why), 0);
	assert_true(mix_mean_bytes(&load) == 125);
}

static void refuses_at_the_column(void **state)
{
	static const struct {
		const char *text;
		size_t column;
	} cases[] = {
		{ "", 0 },
		{ "0", 0 },
		{ "2G", 0 },
		{ "64,", 3 },
		{ "64:", 3 },
		{ "64:0", 3 },
		{ "64:1000001", 3 },
		{ "64:1:2", 3 },
		{ "64:1,x", 5 },
		{ "1111111111111111111111111111", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct load_options load = { .size_count = 4711 };
		const char *why = NULL;
		size_t column = 4711;

		assert_int_equal(mix_parse(cases[i].text, &load, &column, &why), -EINVAL);
		assert_int_equal(column, cases[i].column);
		assert_non_null(why);
		assert_int_equal(load.size_count, 4711);
	}
}

static void the_cap_on_sizes_holds(void **state)
{
	char text[LOAD_MOST_SIZES * 2 + 8] = "";
	struct load_options load;
	const char *why;
	size_t column;

	for (unsigned i = 0; i < LOAD_MOST_SIZES; i++)
		strcat(text, i > 0 ? ",1" : "1");
	assert_int_equal(mix_parse(text, &load, &column, &why), 0);
	strcat(text, ",1");
	assert_int_equal(mix_parse(text, &load, &column, &why), -EINVAL);
	assert_int_equal(column, LOAD_MOST_SIZES * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_sizes),
		cmocka_unit_test(refuses_at_the_column),
		cmocka_unit_test(the_cap_on_sizes_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
