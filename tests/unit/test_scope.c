/*
 * scope.c: every kind of rule against everything that can be tried. What fits has no reason why not, and the other way
 * round the reason is the one that helps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "check/scope.h"

static const struct scope service = { RULE_OF_ANY, RULE_FULL, ADDR_TCP, false };
static const struct scope way = { RULE_OF_ANY, RULE_PATH, ADDR_TCP, false };
static const struct scope program = { RULE_OF_PROGRAM, RULE_FULL, ADDR_TCP, false };
static const struct scope client = { RULE_OF_CLIENT, RULE_FULL, ADDR_TCP, false };
static const struct scope proxied = { RULE_OF_ANY, RULE_FULL, ADDR_TCP, true };

static struct rule rule_of(enum rule_subject subject)
{
	return (struct rule){ .schemes = RULE_STREAMS, .subject = subject };
}

static void assert_not(const struct scope *scope, const struct rule *rule, const char *why)
{
	assert_false(scope_fits(scope, rule));
	assert_non_null(strstr(scope_why_not(scope, rule), why));
}

static void each_subject_has_its_own(void **state)
{
	struct rule any = rule_of(RULE_OF_ANY), of_program = rule_of(RULE_OF_PROGRAM),
		    of_client = rule_of(RULE_OF_CLIENT), of_proxied = rule_of(RULE_OF_PROXIED);

	assert_true(scope_fits(&service, &any));
	assert_true(scope_fits(&program, &any)); /* a program is a service, too */
	assert_true(scope_fits(&proxied, &any));
	assert_not(&client, &any, "is for a service");
	assert_true(scope_fits(&program, &of_program));
	assert_not(&service, &of_program, "that --run starts");
	assert_not(&proxied, &of_program, "that --run starts");
	assert_not(&client, &of_program, "is for a service");
	assert_true(scope_fits(&client, &of_client));
	assert_not(&service, &of_client, "that --client starts");
	assert_not(&program, &of_client, "that --client starts");
	assert_true(scope_fits(&proxied, &of_proxied));
	assert_not(&service, &of_proxied, "--send-proxy");
	assert_not(&program, &of_proxied, "--send-proxy");
}

static void a_profile_holds_the_smaller_ones(void **state)
{
	struct scope scope = service;
	struct rule rule = rule_of(RULE_OF_ANY);

	for (enum rule_profile of = RULE_CHAPTER; of <= RULE_FULL; of++) {
		for (enum rule_profile wanted = RULE_CHAPTER; wanted <= RULE_FULL; wanted++) {
			rule.profile = of;
			scope.profile = wanted;
			if (of <= wanted)
				assert_true(scope_fits(&scope, &rule));
			else
				assert_not(&scope, &rule, "does not belong to this profile");
		}
	}
}

static void a_way_is_not_asked_for_what_a_service_does(void **state)
{
	struct rule rule = rule_of(RULE_OF_ANY), of_proxied = rule_of(RULE_OF_PROXIED);
	struct scope proxied_way = way;

	rule.profile = RULE_PATH;
	assert_true(scope_fits(&way, &rule));
	assert_not(&service, &rule, "does not belong to this profile");
	rule.profile = RULE_FULL;
	assert_true(scope_fits(&way, &rule));
	rule.of_service = true;
	assert_true(scope_fits(&service, &rule));
	assert_not(&way, &rule, "does not belong to this profile");
	proxied_way.proxied = true;
	assert_not(&proxied_way, &of_proxied, "does not belong to this profile");
}

static void each_address_has_its_rules(void **state)
{
	struct rule rule = rule_of(RULE_OF_ANY);
	struct scope scope = service;

	scope.scheme = ADDR_UDP;
	assert_not(&scope, &rule, "this kind of address");
	rule.schemes = RULE_DATAGRAMS;
	assert_true(scope_fits(&scope, &rule));
	assert_not(&service, &rule, "this kind of address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_subject_has_its_own),
		cmocka_unit_test(a_profile_holds_the_smaller_ones),
		cmocka_unit_test(a_way_is_not_asked_for_what_a_service_does),
		cmocka_unit_test(each_address_has_its_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
