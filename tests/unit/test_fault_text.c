/*
 * fault_text.c: what was read is written so that it is read again as the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/fault/fault_spec.h"
#include "server/fault/fault_text.h"

static void write_of(const char *spec, struct fault_plan_rule *ret_rule, char text[FAULT_TEXT_SIZE])
{
	const char *why = "";
	size_t column;

	if (fault_spec_parse(spec, ret_rule, &column, &why) < 0)
		fail_msg("'%s' was refused: %s", spec, why);
	assert_ptr_equal(fault_text_write(ret_rule, text), text);
}

static void what_is_plain_is_written_as_it_was(void **state)
{
	static const char *const specs[] = { "delay=20ms", "delay=1500us", "delay=0s",
		"delay=uniform:1ms:5ms,seed=7", "delay=normal:5ms:10ms", "delay=pareto:1ms:1.5",
		"delay=table:50=1ms/99.9=10ms/100=1s", "delay=1ms,per=connection,p=10%", "stall",
		"stall,after=2K,for=2s", "stall,for=uniform:1s:2s,per=message", "accept-delay=1ms",
		"throttle=64K", "chop=7", "dribble", "close,after=100,p=10%", "half-close",
		"reset,per=message,p=1%", "refuse", "corrupt=1M", "drop,p=0.1%", "truncate=0",
		"duplicate", "reorder=1s,p=12.5%,seed=18446744073709551615" };

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		char text[FAULT_TEXT_SIZE];
		struct fault_plan_rule rule;

		write_of(specs[i], &rule, text);
		assert_string_equal(text, specs[i]);
	}
}

static void other_ways_to_say_it_mean_the_same(void **state)
{
	static const char *const specs[][2] = { { "delay=0.02s", "delay=20ms" },
		{ "drop,p=1", "drop" }, { "stall,after=0", "stall" },
		{ "delay=1ms,per=message", "delay=1ms" }, { "chop=2048", "chop=2K" },
		{ "drop,seed=5,p=0.25", "drop,p=25%,seed=5" },
		{ "drop,p=0.0000001", "drop,p=0.00001%" } };

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		char text[FAULT_TEXT_SIZE];
		struct fault_plan_rule rule;

		write_of(specs[i][0], &rule, text);
		assert_string_equal(text, specs[i][1]);
	}
}

static void the_longest_fits(void **state)
{
	char spec[FAULT_SPEC_MOST + 1] = "stall,for=table:", text[FAULT_TEXT_SIZE];
	char again_text[FAULT_TEXT_SIZE];
	struct fault_plan_rule rule, again;

	for (char i = 'a'; i < 'a' + FAULT_PLAN_MOST_QUANTILES; i++) {
		char row[] = "/10.0000001=1000000001ns";

		row[2] = (char)('0' + (i - 'a') / 2);
		row[4] = (char)('0' + (i - 'a') % 2);
		strcat(spec, i == 'a' ? row + 1 : row);
	}
	strcat(spec, ",p=0.123456789,seed=18446744073709551615,after=1023");
	write_of(spec, &rule, text);
	assert_true(strlen(text) < FAULT_TEXT_SIZE - 1);
	write_of(text, &again, again_text);
	assert_string_equal(again_text, text);
	assert_int_equal(again.time.quantile_count, FAULT_PLAN_MOST_QUANTILES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_plain_is_written_as_it_was),
		cmocka_unit_test(other_ways_to_say_it_mean_the_same),
		cmocka_unit_test(the_longest_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
