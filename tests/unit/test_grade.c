/*
 * grade.c and cause.c: what a file of points says, where it is wrong, and that causes and rules know each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "check/grade.h"
#include "check/program/cause.h"
#include "check/rules.h"

static int parse(const char *text, struct grade *grade, struct grade_fault *fault)
{
	return grade_parse(text, strlen(text), grade, fault);
}

static void lines_are_rules_and_points(void **state)
{
	struct grade grade;
	struct grade_fault fault;

	assert_int_equal(
		parse("# all\n\n  exact\t2 # two\r\none-byte 0\ngarbage 1000000", &grade, &fault),
		0);
	assert_int_equal(grade.count, 3);
	assert_int_equal(grade.of, 1000002);
	assert_int_equal(grade_points(&grade, rules_find("exact")), 2);
	assert_int_equal(grade_points(&grade, rules_find("one-byte")), 0);
	assert_int_equal(grade_points(&grade, rules_find("order")), -1);
}

static void what_is_wrong_names_its_line(void **state)
{
	static const struct {
		const char *text, *name;
		unsigned line;
	} cases[] = {
		{ "exact 1\nexakt 1", "exakt", 2 },
		{ "exact", "", 1 },
		{ "exact 1 1", "", 1 },
		{ "exact -1", "", 1 },
		{ "exact 1.5", "", 1 },
		{ "exact 1000001", "", 1 },
		{ "exact 1\n\nexact 1", "", 3 },
		{ "", "", 0 },
		{ "exact 0\n", "", 0 },
		{ "e\x1b[31m 1", "e?[31m", 1 },
	};
	struct grade grade;
	struct grade_fault fault;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text, &grade, &fault), -EINVAL);
		assert_string_equal(fault.name, cases[i].name);
		assert_int_equal(fault.line, cases[i].line);
		assert_non_null(fault.why);
	}
	assert_int_equal(grade_parse("exact\0 1", 8, &grade, &fault), -EINVAL);
}

static void files_that_cannot_be_read(void **state)
{
	struct grade grade;
	struct grade_fault fault;

	assert_int_equal(grade_load("/no/such/file", &grade, &fault), -ENOENT);
	assert_null(fault.why);
	assert_int_equal(grade_load("/", &grade, &fault), -EISDIR);
	assert_int_equal(grade_load("/dev/zero", &grade, &fault), -EFBIG);
}

/* Each word of `names` is a rule. */
static void assert_rules(const char *names)
{
	char copy[512], *rest, *name;

	snprintf(copy, sizeof(copy), "%s", names);
	for (name = strtok_r(copy, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
		if (rules_find(name) == NULL)
			fail_msg("'%s' is no rule", name);
	}
}

static void causes_name_rules(void **state)
{
	for (unsigned i = 0; i < CAUSES; i++) {
		const struct cause *cause = cause_of(i);

		assert_non_null(rules_find(cause->rule));
		assert_false(cause_explains(cause, cause->rule));
		assert_true(cause->means[0] != '\0' && cause->read[0] != '\0');
		if (strcmp(cause->explains, "*") != 0)
			assert_rules(cause->explains);
	}
}

static void causes_explain_whole_names(void **state)
{
	const struct cause *leak = cause_of(CAUSE_NEVER_CLOSES);

	assert_true(cause_explains(leak, "half-close"));
	assert_true(cause_explains(leak, "half-close-slow-reader"));
	assert_false(cause_explains(leak, "half-close-at-once"));
	assert_false(cause_explains(leak, "exact"));
	assert_true(cause_explains(cause_of(CAUSE_NO_HTONS), "exact"));
}

static void what_was_seen_is_cut_between_characters(void **state)
{
	struct cause_found found;
	char text[CAUSE_SEEN_SIZE + 3];

	memset(text, 'x', sizeof(text));
	memcpy(text + CAUSE_SEEN_SIZE - 2, "\xed\x95\x9c", 4);
	cause_note(&found, CAUSE_NO_EOF, "%s", text);
	assert_int_equal(strlen(found.seen), CAUSE_SEEN_SIZE - 2);
	for (int i = 0; i < CAUSE_MOST_FACTS + 1; i++)
		cause_add_fact(&found, "n", i);
	assert_int_equal(found.facts[CAUSE_MOST_FACTS - 1].value, CAUSE_MOST_FACTS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_rules_and_points),
		cmocka_unit_test(what_is_wrong_names_its_line),
		cmocka_unit_test(files_that_cannot_be_read),
		cmocka_unit_test(causes_name_rules),
		cmocka_unit_test(causes_explain_whole_names),
		cmocka_unit_test(what_was_seen_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
