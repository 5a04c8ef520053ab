/*
 * settings.c: lines into names and values, and where a line is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "cli/settings.h"

struct input {
	char text[256];
	struct settings_reader reader;
	struct settings_entry entry;
	struct settings_fault fault;
};

static void start(struct input *input, const char *text, size_t length)
{
	memcpy(input->text, text, length);
	settings_init(&input->reader, input->text, length);
}

/* The next entry is this one; `value` NULL: it has none. */
static void expect(struct input *input, unsigned line, const char *name, const char *value)
{
	assert_int_equal(settings_next(&input->reader, &input->entry, &input->fault), 1);
	assert_int_equal(input->reader.line, line);
	assert_string_equal(input->entry.name, name);
	if (value != NULL)
		assert_string_equal(input->entry.value, value);
	else
		assert_null(input->entry.value);
}

static void expect_end(struct input *input)
{
	assert_int_equal(settings_next(&input->reader, &input->entry, &input->fault), 0);
}

/* The text's first line that is no blank is wrong in this column. */
static void expect_fault(const char *text, size_t length, unsigned line, size_t column)
{
	struct input input;

	start(&input, text, length);
	assert_int_equal(settings_next(&input.reader, &input.entry, &input.fault), -EINVAL);
	assert_int_equal(input.reader.line, line);
	assert_int_equal(input.fault.column, column);
	assert_non_null(input.fault.why);
}

#define FAULT(text, line, column) expect_fault(text, sizeof(text) - 1, line, column)

static void each_form_of_a_line(void **state)
{
	static const char text[] = "threads 4\n"
				   "--idle-timeout=5m\n"
				   "\t max-rate  =  10M \t\r\n"
				   "pin\n"
				   "allow @a file with = and # in it\n"
				   "deny= =x";
	struct input input;

	start(&input, text, sizeof(text) - 1);
	expect(&input, 1, "threads", "4");
	assert_int_equal(input.entry.value_column, 8);
	expect(&input, 2, "idle-timeout", "5m");
	assert_int_equal(input.entry.name_column, 0);
	expect(&input, 3, "max-rate", "10M");
	assert_int_equal(input.entry.name_column, 2);
	expect(&input, 4, "pin", NULL);
	expect(&input, 5, "allow", "@a file with = and # in it");
	expect(&input, 6, "deny", "=x");
	expect_end(&input);
	expect_end(&input);
}

static void what_is_no_entry(void **state)
{
	static const char text[] = "\n  \t \n# pin\n  # pin\r\n\r\npin";
	struct input input;

	start(&input, text, sizeof(text) - 1);
	expect(&input, 6, "pin", NULL);
	expect_end(&input);
	start(&input, "", 0);
	expect_end(&input);
}

static void what_is_wrong_and_where(void **state)
{
	FAULT("=4", 1, 0);
	FAULT("\n\n --", 3, 3);
	FAULT("Threads 4", 1, 0);
	FAULT("threads: 4", 1, 7);
	FAULT("threads =", 1, 9);
	FAULT("thr\0eads", 1, 3);
	FAULT("\xef\xbb\xbfpin", 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_of_a_line),
		cmocka_unit_test(what_is_no_entry),
		cmocka_unit_test(what_is_wrong_and_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
