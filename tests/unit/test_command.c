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

static void expect_number(const char *line, enum command_kind kind, uint64_t number)
{
	struct command command = command_parse(line, strlen(line));

	assert_int_equal(command.kind, kind);
	assert_int_equal(command.number, number);
}

static void expect_wrong(const char *line, enum command_kind meant)
{
	struct command command = command_parse(line, strlen(line));

	assert_int_equal(command.kind, COMMAND_WRONG);
	assert_int_equal(command.meant, meant);
}

static void test_numbers(void **state)
{
	expect("/pause", COMMAND_PAUSE, NULL);
	expect_number("/read 1", COMMAND_READ, 1);
	expect_number("/read   4K  ", COMMAND_READ, 4096);
	expect_number("/read 0", COMMAND_READ, 0);
	expect_number("/read 64K", COMMAND_READ, COMMAND_READ_MOST);
	expect_number("/pieces 3", COMMAND_PIECES, 3);
	expect_number("/rcvbuf 2048", COMMAND_RCVBUF, 2048);
	expect_number("/sndbuf\t1M", COMMAND_SNDBUF, 1 << 20);
	expect_number("/sndbuf 2147483647", COMMAND_SNDBUF, COMMAND_BUFFER_MOST);
	expect_number("/linger", COMMAND_LINGER, COMMAND_LINGER_DEFAULT_S);
	expect_number("/linger ", COMMAND_LINGER, COMMAND_LINGER_DEFAULT_S);
	expect_number("/linger 0", COMMAND_LINGER, 0);
	expect_number("/linger 3600", COMMAND_LINGER, 3600);
}

static void test_wrong_numbers(void **state)
{
	expect_wrong("/pause 1", COMMAND_PAUSE);
	expect_wrong("/read", COMMAND_READ);
	expect_wrong("/read ", COMMAND_READ);
	expect_wrong("/read 65537", COMMAND_READ);
	expect_wrong("/read -1", COMMAND_READ);
	expect_wrong("/read 1 2", COMMAND_READ);
	expect_wrong("/read x", COMMAND_READ);
	expect_wrong("/pieces", COMMAND_PIECES);
	expect_wrong("/rcvbuf 0", COMMAND_RCVBUF);
	expect_wrong("/sndbuf 2147483648", COMMAND_SNDBUF);
	expect_wrong("/sndbuf 99999999999999999999999999999999999999", COMMAND_SNDBUF);
	expect_wrong("/linger 3601", COMMAND_LINGER);
	expect_wrong("/linger 1K", COMMAND_LINGER);
	expect_wrong("/linger 1s", COMMAND_LINGER);

	struct command command = command_parse("/read 1\0002", 9);

	assert_int_equal(command.kind, COMMAND_WRONG);
}

static void test_usage_names_the_command(void **state)
{
	static const struct {
		enum command_kind kind;
		const char *words;
	} cases[] = {
		{ COMMAND_QUIT, "/quit takes no argument" },
		{ COMMAND_URGENT, "/urgent takes one byte" },
		{ COMMAND_READ, "/read takes a number of bytes from 0 to 65536" },
		{ COMMAND_SNDBUF, "/sndbuf takes a number of bytes from 1 to 2147483647" },
		{ COMMAND_LINGER, "/linger takes whole seconds from 0 to 3600" },
	};
	char buffer[COMMAND_USAGE_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_non_null(strstr(
			command_usage(cases[i].kind, buffer, sizeof(buffer)), cases[i].words));
}

static void expect_completion(const char *typed, size_t count, const char *added, const char *names)
{
	struct command_completion completion = command_complete(typed, strlen(typed));

	assert_int_equal(completion.count, count);
	assert_string_equal(completion.added, added);
	assert_string_equal(completion.names, names);
}

static void test_completion(void **state)
{
	expect_completion("/q", 1, "uit", "/quit");
	expect_completion("/rea", 1, "d ", "/read"); /* it goes on with an argument */
	expect_completion("/read", 1, " ", "/read");
	expect_completion("/quit", 1, "", "/quit");
	expect_completion("/p", 2, "", "/pause  /pieces");
	expect_completion("/s", 2, "", "/state  /sndbuf");
	expect_completion("/h", 2, "", "/help  /half-close");
	expect_completion("/re", 2, "", "/reset  /read");
	expect_completion("/nonsense", 0, "", "");
	expect_completion("//", 0, "", "");
	expect_completion("", 0, "", "");
	expect_completion("text", 0, "", "");
	expect_completion("/read 1", 0, "", "");

	struct command_completion all = command_complete("/", 1);

	assert_true(all.count >= 12);
	assert_string_equal(all.added, "");
	/* The buffer holds all of them. */
	assert_non_null(strstr(all.names, "/quit"));
	assert_true(strlen(all.names) + 1 < COMMAND_NAMES_SIZE);
}

static void test_unknown_commands_have_a_neighbour(void **state)
{
	struct command near = command_parse("/quti", 5), far = command_parse("/nonsense", 9);

	assert_string_equal(command_nearest(&near), "/quit");
	assert_null(command_nearest(&far));
}

static void test_commands_without_an_argument(void **state)
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
		"/state", "/pause", "/read N", "/pieces N", "/rcvbuf N", "/sndbuf N", "/linger [S]",
		"/quit", "//" };

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
		cmocka_unit_test(test_commands_without_an_argument),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_wrong_numbers),
		cmocka_unit_test(test_usage_names_the_command),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_unknown_commands_have_a_neighbour),
		cmocka_unit_test(test_urgent_takes_one_byte),
		cmocka_unit_test(test_help_lists_every_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
