/*
 * Faults behind an address: where they begin, what they are, and the place in the whole text of what is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/fault/fault_address.h"
#include "server/fault/fault_spec.h"

static struct fault_plan take(const char *text, bool datagrams)
{
	struct fault_address parts;
	struct fault_address_flaw flaw;

	if (fault_address_parse(text, fault_address_length(text), datagrams, &parts, &flaw) < 0)
		fail_msg("'%s' was refused: %s (%zu)", text, flaw.why, flaw.column);
	return parts.plan;
}

static enum listener_proxy take_proxy(const char *text, unsigned faults)
{
	struct fault_address parts;
	struct fault_address_flaw flaw;

	if (fault_address_parse(text, fault_address_length(text), false, &parts, &flaw) < 0)
		fail_msg("'%s' was refused: %s (%zu)", text, flaw.why, flaw.column);
	assert_int_equal(parts.plan.count, faults);
	return parts.proxy;
}

static void assert_refused(const char *text, bool datagrams, size_t column, const char *why)
{
	static struct fault_address parts, before;
	struct fault_address_flaw flaw = { .column = SIZE_MAX };

	memset(&parts, 0x5a, sizeof(parts));
	before = parts;
	assert_true(fault_address_parse(
			    text, fault_address_length(text), datagrams, &parts, &flaw) < 0);
	assert_memory_equal(&parts, &before, sizeof(parts));
	if (strstr(flaw.why, why) == NULL)
		fail_msg("'%s': '%s' does not say '%s'", text, flaw.why, why);
	assert_int_equal(flaw.column, column);
	assert_true(flaw.in_proxy ==
		(strstr(why, "proxy") != NULL || strstr(why, "'require'") != NULL));
}

static void only_these_letters_begin_faults(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} cases[] = {
		{ "", 0 },
		{ "tcp://*:7", 9 },
		{ "tcp://*:7?fault=reset", 9 },
		{ "?fault=reset", 0 },
		{ "unix:/tmp/what?", 15 },
		{ "unix:/tmp/what?fault", 20 },
		{ "unix:/tmp/what?faults=1", 23 },
		{ "unix:/tmp/what?Fault=1", 22 },
		{ "unix:/tmp/what\\x3ffault=1", 25 },
		{ "unix:/tmp/a?b?fault=reset", 13 },
		{ "unix:/tmp/a?fault=reset?fault=reset", 11 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(fault_address_length(cases[i].text), cases[i].length);
}

static void none_one_and_more(void **state)
{
	struct fault_plan plan = take("tcp://*:7", false);

	assert_int_equal(plan.count, 0);
	plan = take("tcp://*:7?fault=delay=20ms", false);
	assert_int_equal(plan.count, 1);
	assert_int_equal(plan.rules[0].kind, FAULT_PLAN_DELAY);
	assert_int_equal(plan.rules[0].time.first_ns, 20000000);
	plan = take("tcp://*:7?fault=delay=table:50=1ms/99=2ms&fault=reset,after=10K,p=1%", false);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.rules[0].time.quantile_count, 2);
	assert_int_equal(plan.rules[1].kind, FAULT_PLAN_RESET);
	assert_int_equal(plan.rules[1].after_bytes, 10240);
	assert_int_equal(take("udp://*:7?fault=drop", true).count, 1);
	assert_int_equal(take("udp://*:7?fault=corrupt=1", true).count, 1);
	assert_int_equal(take("tcp://*:7?fault=corrupt=1", false).count, 1);
}

static void what_is_wrong_has_a_place_in_the_whole(void **state)
{
	char text[FAULT_SPEC_MOST + 100] = "tcp://*:7?fault=";
	size_t start = strlen(text);

	assert_refused("tcp://*:7?fault=", false, 16, "no fault of this name");
	assert_refused("tcp://*:7?fault=delay=soon", false, 22, "time");
	assert_refused("tcp://*:7?fault=reset&fault=delay=soon", false, 34, "time");
	assert_refused("tcp://*:7?fault=reset&", false, 22, "is expected here");
	assert_refused("tcp://*:7?fault=reset&delay=1s", false, 22, "is expected here");
	assert_refused("tcp://*:7?fault=reset&&fault=reset", false, 22, "is expected here");
	assert_refused("tcp://*:7?fault=reset?fault=reset", false, 16, "no fault of this name");
	assert_refused("tcp://*:7?fault=reset&fault=drop", false, 28, "for datagrams");
	assert_refused("udp://*:7?fault=drop&fault=reset", true, 27, "for streams");
	memset(text + start, 'a', FAULT_SPEC_MOST + 1);
	text[start + FAULT_SPEC_MOST + 1] = '\0';
	assert_refused(text, false, start + FAULT_SPEC_MOST, "too long");
}

static void a_proxy_beside_faults(void **state)
{
	assert_int_equal(take_proxy("tcp://*:7", 0), LISTENER_NO_PROXY);
	assert_int_equal(take_proxy("tcp://*:7?fault=reset", 1), LISTENER_NO_PROXY);
	assert_int_equal(take_proxy("tcp://*:7?proxy=require", 0), LISTENER_PROXY_REQUIRED);
	assert_int_equal(
		take_proxy("tcp://*:7?proxy=accept&fault=reset", 1), LISTENER_PROXY_ACCEPTED);
	assert_int_equal(take_proxy("unix:/a?b?fault=reset&proxy=require&fault=reset", 2),
		LISTENER_PROXY_REQUIRED);
	assert_int_equal(fault_address_length("unix:/a\\x3fproxy=x?proxy=accept"), 18);
	assert_int_equal(fault_address_length("unix:/a?proxies?Proxy=x"), 23);
	assert_refused("tcp://*:7?proxy=", false, 16, "'require'");
	assert_refused("tcp://*:7?proxy=required", false, 16, "'require'");
	assert_refused("tcp://*:7?proxy=Accept", false, 16, "'require'");
	assert_refused(
		"tcp://*:7?proxy=accept&fault=reset&proxy=require", false, 41, "'proxy=' has been");
	assert_refused("udp://*:7?proxy=require", true, 16, "a proxy's header is for streams");
	assert_refused("tcp://*:7?proxy=accept&", false, 23, "is expected here");
}

static void sixteen_and_not_more(void **state)
{
	char text[500] = "udp://*:7?fault=drop";

	for (unsigned i = 1; i < FAULT_PLAN_MOST_GIVEN; i++)
		strcat(text, "&fault=drop");
	assert_int_equal(take(text, true).count, FAULT_PLAN_MOST_GIVEN);
	size_t length = strlen(text);
	strcat(text, "&fault=drop");
	assert_refused(text, true, length + strlen("&fault="), "16");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_these_letters_begin_faults),
		cmocka_unit_test(none_one_and_more),
		cmocka_unit_test(what_is_wrong_has_a_place_in_the_whole),
		cmocka_unit_test(a_proxy_beside_faults),
		cmocka_unit_test(sixteen_and_not_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
