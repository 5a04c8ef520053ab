/*
 * quote.c: nothing that a terminal would obey gets through, and nothing is lost or cut in half.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/quote.h"

static void check(const char *bytes, const char *shown)
{
	char buffer[64];

	assert_string_equal(quote_bytes(bytes, strlen(bytes), buffer, sizeof(buffer)), shown);
}

static void spells_out_what_cannot_be_shown(void **state)
{
	check("", "");
	check("a b~", "a b~");
	check("메아리 é 😀", "메아리 é 😀");
	check("\x1b[2J\n\x7f", "\\x1b[2J\\x0a\\x7f");
	check("a\\b", "a\\x5cb");
	check("\xff\x80", "\\xff\\x80");
	check("\xc0\xaf", "\\xc0\\xaf"); /* overlong */
	check("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
	check("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
	check("\xe2\x82", "\\xe2\\x82"); /* cut */
	check("\xc2\x85", "\\xc2\\x85"); /* C1 */
	check("\u202e", "\\xe2\\x80\\xae"); /* turns the line around */
}

static void cuts_between_characters(void **state)
{
	char buffer[10];

	assert_string_equal(quote_bytes("123456789", 9, buffer, sizeof(buffer)), "123456789");
	assert_string_equal(quote_bytes("1234567890", 10, buffer, sizeof(buffer)), "123456...");
	assert_string_equal(quote_bytes("1가나다라", 13, buffer, sizeof(buffer)), "1가...");
	assert_string_equal(quote_bytes("\n\n\n", 3, buffer, sizeof(buffer)), "\\x0a...");
}

static void shows_zero_bytes(void **state)
{
	char buffer[64];

	assert_string_equal(quote_bytes("a\0b", 3, buffer, sizeof(buffer)), "a\\x00b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spells_out_what_cannot_be_shown),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(shows_zero_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
