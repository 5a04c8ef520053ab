/*
 * Faults as text: what is taken, and where and why the rest is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "server/fault/fault_spec.h"

static struct fault_plan_rule take(const char *text)
{
	struct fault_plan_rule rule;
	const char *why = "";
	size_t column;

	if (fault_spec_parse(text, &rule, &column, &why) < 0)
		fail_msg("'%s' was refused: %s", text, why);
	return rule;
}

static void assert_refused(const char *text, size_t column, const char *why)
{
	struct fault_plan_rule rule, before;
	const char *told = NULL;
	size_t place = SIZE_MAX;

	memset(&rule, 0x5a, sizeof(rule));
	before = rule;
	assert_true(fault_spec_parse(text, &rule, &place, &told) < 0);
	assert_memory_equal(&rule, &before, sizeof(rule));
	if (strstr(told, why) == NULL)
		fail_msg("'%s': '%s' does not say '%s'", text, told, why);
	assert_int_equal(place, column);
}

static void every_kind_is_known(void **state)
{
	static const char *const texts[] = { "delay=1ms", "stall", "accept-delay=1ms",
		"throttle=1K", "chop=7", "dribble", "close", "half-close", "reset", "refuse",
		"corrupt=1000", "drop", "truncate=0", "duplicate", "reorder=1ms" };

	for (unsigned i = 0; i < FAULT_PLAN_KINDS; i++) {
		struct fault_plan_rule rule = take(texts[i]);

		assert_int_equal(rule.kind, i);
		assert_true(rule.probability == 1);
		assert_int_equal(rule.seed, 0);
		assert_int_equal(rule.after_bytes, 0);
	}
}

static void values_and_keys_are_taken(void **state)
{
	struct fault_plan_rule rule = take("close,after=4K,p=25%,seed=18446744073709551615");

	assert_int_equal(rule.after_bytes, 4096);
	assert_true(rule.probability == 0.25);
	assert_true(rule.seed == UINT64_MAX);
	assert_true(take("drop,p=0.5").probability == 0.5);
	assert_int_equal(take("stall").time.first_ns, CLOCK_NEVER);
	assert_int_equal(take("stall,for=2s,after=1").time.first_ns, 2 * CLOCK_NS_PER_S);
	assert_int_equal(take("dribble").bytes, 1);
	assert_int_equal(take("throttle=2K").bytes, 2048);
	assert_true(take("delay=1ms").per_message);
	assert_false(take("delay=1ms,per=connection").per_message);
	assert_true(take("delay=1ms,per=message").per_message);
	assert_false(take("reset").per_message);
	assert_true(take("reset,per=message,p=1%").per_message);
	assert_true(take("stall,for=1ms,per=message").per_message);
	assert_true(take("corrupt=1,per=message").per_message);
}

static void times_have_shapes(void **state)
{
	struct fault_plan_time time = take("delay=uniform:1ms:5ms").time;

	assert_int_equal(time.shape, FAULT_PLAN_UNIFORM);
	assert_int_equal(time.first_ns, CLOCK_NS_PER_MS);
	assert_int_equal(time.second_ns, 5 * CLOCK_NS_PER_MS);
	assert_int_equal(take("delay=normal:5ms:10ms").time.shape, FAULT_PLAN_NORMAL);
	time = take("delay=pareto:1ms:1.5").time;
	assert_int_equal(time.shape, FAULT_PLAN_PARETO);
	assert_true(time.exponent == 1.5);
	time = take("delay=table:50=1ms/99=10ms/100=1s").time;
	assert_int_equal(time.shape, FAULT_PLAN_TABLE);
	assert_int_equal(time.quantile_count, 3);
	assert_true(time.quantiles[1].percent == 99);
	assert_int_equal(time.quantiles[2].ns, CLOCK_NS_PER_S);
}

static void what_is_wrong_has_a_place(void **state)
{
	char long_text[FAULT_SPEC_MOST + 2];

	assert_refused("", 0, "no fault of this name");
	assert_refused("delayed=1ms", 0, "no fault of this name");
	assert_refused("delay", 5, "'='");
	assert_refused("delay=", 6, "time");
	assert_refused("delay=2h", 6, "at most an hour");
	/* Seconds elsewhere, milliseconds in other tools: nobody knows what is meant. */
	assert_refused("delay=20", 6, "needs a unit");
	assert_refused("delay=0.5", 6, "needs a unit");
	assert_refused("delay=uniform:1:5ms", 14, "needs a unit");
	assert_refused("delay=table:50=1ms/99=10", 22, "needs a unit");
	assert_refused("stall,for=2", 10, "needs a unit");
	assert_int_equal(take("delay=uniform:0:5ms").time.first_ns, 0);
	assert_refused("drop,p=1%,p=2%", 10, "given before");
	assert_refused("drop,seed=1,p=1%,seed=1", 17, "given before");
	assert_refused("stall,after=1,for=1s,after=1", 21, "given before");
	assert_refused("dealy=1ms", 0, "did you mean 'delay'?");
	assert_refused("halfclose", 0, "did you mean 'half-close'?");
	assert_refused("close,aftr=1", 6, "did you mean 'after'?");
	assert_refused("drop,sed=1", 5, "did you mean 'seed'?");
	assert_refused("delay=uniform:5ms:1ms", 18, "less than the first");
	assert_refused("delay=uniform:5ms", 17, "':'");
	assert_refused("delay=pareto:5ms:0", 17, "exponent");
	assert_refused("delay=table:50=1ms/50=2ms", 19, "must rise");
	assert_refused("delay=table:50=2ms/60=1ms", 22, "must not fall");
	assert_refused("delay=table:101=2ms", 12, "percentile");
	assert_refused("drop,p=2", 7, "probability");
	assert_refused("drop,p=-1", 7, "probability");
	assert_refused("drop,p=1e-3", 8, "','");
	assert_refused("drop,after=5", 5, "no such key");
	assert_refused("refuse,per=message", 7, "no such key");
	assert_refused("throttle=1,per=message", 11, "no such key");
	assert_refused("drop,", 5, "no such key");
	assert_refused("drop=1", 4, "','");
	assert_refused("chop=0", 5, "number of bytes");
	assert_refused("close,after=x", 12, "number of bytes");
	assert_refused("drop,seed=-1", 10, "whole number");
	assert_refused("delay=1ms,per=day", 14, "'connection'");
	memset(long_text, 'a', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	assert_refused(long_text, FAULT_SPEC_MOST, "too long");
}

static void a_table_has_sixteen_rows_at_most(void **state)
{
	static const char rows[] = "delay=table:1=1s/2=1s/3=1s/4=1s/5=1s/6=1s/7=1s/8=1s/9=1s/10=1s/"
				   "11=1s/12=1s/13=1s/14=1s/15=1s/16=1s";
	char longer[sizeof(rows) + 8];

	assert_int_equal(take(rows).time.quantile_count, FAULT_PLAN_MOST_QUANTILES);
	strcpy(longer, rows);
	strcat(longer, "/17=1s");
	assert_refused(longer, sizeof(rows), "16");
}

static void offers_what_it_takes(void **state)
{
	size_t count = 0;

	for (const char *text; (text = fault_spec_beginning(count)) != NULL; count++) {
		char spec[64];
		struct fault_plan_rule rule;
		size_t column;
		const char *why;
		bool wants_value = text[strlen(text) - 1] == '=';

		/* Every value is a time or a size, of which this is one. */
		snprintf(spec, sizeof(spec), "%s%s", text, wants_value ? "1" : "");
		assert_int_equal(fault_spec_parse(spec, &rule, &column, &why), 0);
		assert_int_equal(rule.kind, count);
	}
	assert_int_equal(count, FAULT_PLAN_KINDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_what_it_takes),
		cmocka_unit_test(every_kind_is_known),
		cmocka_unit_test(values_and_keys_are_taken),
		cmocka_unit_test(times_have_shapes),
		cmocka_unit_test(what_is_wrong_has_a_place),
		cmocka_unit_test(a_table_has_sixteen_rows_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
