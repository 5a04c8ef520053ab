/*
 * control_input.c: lines of one word, however they come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/control/control_input.h"

/* Reads it all; gives the questions as digits, the last one after a '.' where it has no newline. */
static const char *ask(const char *bytes, size_t length, char *ret_text)
{
	struct control_input input = { 0 };
	enum control_request request;
	size_t at = 0, count = 0;
	bool complete;

	while (at < length) {
		at += control_input_read(&input, bytes + at, length - at, &complete, &request);
		if (complete)
			ret_text[count++] = (char)('0' + request);
	}
	if (control_input_end(&input, &request)) {
		ret_text[count++] = '.';
		ret_text[count++] = (char)('0' + request);
	}
	ret_text[count] = '\0';
	return ret_text;
}

static void each_word_is_a_request(void **state)
{
	char text[20];

	assert_string_equal(ask("about\ncounters\nfaults\nconnections\n", 34, text), "0123");
	assert_string_equal(control_input_word(CONTROL_REQUEST_FAULTS), "faults");
	assert_null(control_input_word(CONTROL_REQUEST_UNKNOWN));
}

static void the_end_of_the_stream_ends_a_line(void **state)
{
	char text[20];

	assert_string_equal(ask("about\ncounters", 14, text), "0.1");
	assert_string_equal(ask("about\n", 6, text), "0");
	assert_string_equal(ask("", 0, text), "");
}

static void blanks_behind_and_empty_lines_do_not_count(void **state)
{
	char text[20];

	assert_string_equal(ask("\n\r\n  \nabout \t\r\n", 15, text), "0");
	assert_string_equal(ask(" about\n", 7, text), "4"); /* in front they do */
}

static void everything_else_is_unknown(void **state)
{
	char text[20];

	assert_string_equal(ask("About\ncounter\ncounterss\nabout\0\n", 31, text), "4444");
}

static void a_long_line_is_one_unknown_request(void **state)
{
	char bytes[CONTROL_INPUT_MOST_BYTES * 3 + 10], text[20];

	memset(bytes, 'a', sizeof(bytes));
	memcpy(bytes, "about", 5);
	memcpy(bytes + sizeof(bytes) - 7, "\nabout\n", 7);
	assert_string_equal(ask(bytes, sizeof(bytes), text), "40");
	/* Blanks up to the cap and a word behind them are no "about" either. */
	memset(bytes + 5, ' ', CONTROL_INPUT_MOST_BYTES);
	assert_string_equal(ask(bytes, sizeof(bytes), text), "40");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word_is_a_request),
		cmocka_unit_test(the_end_of_the_stream_ends_a_line),
		cmocka_unit_test(blanks_behind_and_empty_lines_do_not_count),
		cmocka_unit_test(everything_else_is_unknown),
		cmocka_unit_test(a_long_line_is_one_unknown_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
