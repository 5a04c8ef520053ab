/*
 * talk/command: what a typed line means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "talk/command.h"

static void expect(const char *line, enum command_kind kind, const char *text)
{
	struct command command = command_parse(line, strlen(line));

	assert_int_equal(command.kind, kind);
	if (text == NULL)
		return;
	assert_int_equal(command.length, strlen(text));
	assert_memory_equal(command.text, text, command.length);
}

static void test_text_is_said_as_it_is(void **state)
{
	expect("hello world!", COMMAND_SAY, "hello world!");
	expect("", COMMAND_SAY, "");
	expect(" /quit", COMMAND_SAY, " /quit");
	expect("안녕!!", COMMAND_SAY, "안녕!!");
}

static void test_two_slashes_send_one(void **state)
{
	expect("//", COMMAND_SAY, "/");
	expect("//quit", COMMAND_SAY, "/quit");
	expect("///", COMMAND_SAY, "//");
}

static void test_zero_bytes_are_text(void **state)
{
	struct command command = command_parse("a\0b", 3);

	assert_int_equal(command.kind, COMMAND_SAY);
	assert_int_equal(command.length, 3);
}

static void test_commands(void **state)
{
	expect("/help", COMMAND_HELP, NULL);
	expect("/half-close", COMMAND_HALF_CLOSE, NULL);
	expect("/reset", COMMAND_RESET, NULL);
	expect("/state", COMMAND_STATE, NULL);
	expect("/quit", COMMAND_QUIT, NULL);
	expect("/quit  ", COMMAND_QUIT, NULL);
	expect("/quit\t", COMMAND_QUIT, NULL);
}

static void test_unknown_commands_are_named(void **state)
{
	expect("/", COMMAND_UNKNOWN, "/");
	expect("/qui", COMMAND_UNKNOWN, "/qui");
	expect("/quits now", COMMAND_UNKNOWN, "/quits");
	expect("/Quit", COMMAND_UNKNOWN, "/Quit");
}

static void test_only_urgent_takes_an_argument(void **state)
{
	expect("/quit now", COMMAND_WRONG, NULL);
	expect("/state x", COMMAND_WRONG, NULL);
}

static void test_urgent_takes_one_byte(void **state)
{
	expect("/urgent X", COMMAND_URGENT, "X");
	expect("/urgent   X  ", COMMAND_URGENT, "X");
	expect("/urgent  ", COMMAND_URGENT, " ");
	expect("/urgent /", COMMAND_URGENT, "/");
	expect("/urgent", COMMAND_WRONG, NULL);
	expect("/urgent ", COMMAND_WRONG, NULL);
	expect("/urgent XY", COMMAND_WRONG, NULL);
	expect("/urgent 안", COMMAND_WRONG, NULL); /* three bytes */
}

static void test_help_lists_every_command(void **state)
{
	static const char *const names[] = { "/help", "/urgent X", "/half-close", "/reset",
		"/state", "/quit", "//" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(strstr(command_help(), names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_said_as_it_is),
		cmocka_unit_test(test_two_slashes_send_one),
		cmocka_unit_test(test_zero_bytes_are_text),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_unknown_commands_are_named),
		cmocka_unit_test(test_only_urgent_takes_an_argument),
		cmocka_unit_test(test_urgent_takes_one_byte),
		cmocka_unit_test(test_help_lists_every_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
