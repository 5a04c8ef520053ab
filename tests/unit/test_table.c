/*
 * table.c and plain.c: columns stand under one another also in Korean, a narrow terminal gets groups
 * of columns, and nothing in a cell reaches the terminal as a command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/plain.h"
#include "report/table.h"

static void check_table(unsigned width, const char *expected)
{
	static const char *const cells[] = { "수치", "a", "bb", "p50", "지연", "1" };
	struct table *table = table_new(3);
	char *text;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		table_add(table, cells[i]);
	assert_int_equal(table_print(table, width, memory), 0);
	fclose(memory);
	assert_string_equal(text, expected);
	free(text);
	table_free(table);
}

static void aligns_by_display_width(void **state)
{
	check_table(0, "  수치     a  bb\n  p50   지연   1\n");
	check_table(16, "  수치     a  bb\n  p50   지연   1\n");
}

static void breaks_into_groups(void **state)
{
	static const char groups[] = "  수치     a\n  p50   지연\n\n  수치  bb\n  p50    1\n";

	check_table(15, groups);
	check_table(1, groups);
}

static void makes_plain(void **state)
{
	static const struct {
		const char *text, *plain;
		unsigned width;
	} cases[] = {
		{ "", "", 0 },
		{ "메아리 a", "메아리 a", 8 },
		{ "a\x1b[2Jb", "a?[2Jb", 6 },
		{ "a\nb\tc", "a?b?c", 5 },
		{ "\xff\xed\xa0\x80", "????", 4 },
		{ "\xc2\x9b"
		  "1m",
			"?1m", 3 },
		{ "x\xe2\x80\xaey", "x?y", 3 },
		{ "e\xcc\x81", "e\xcc\x81", 1 },
		{ "\xea\xb0", "??", 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buffer[64];

		assert_string_equal(
			plain_text(cases[i].text, buffer, sizeof(buffer)), cases[i].plain);
		assert_int_equal(text_width(buffer), cases[i].width);
	}
}

static void cuts_between_characters(void **state)
{
	char buffer[6];

	assert_string_equal(plain_text("메아리", buffer, sizeof(buffer)), "메");
	assert_string_equal(plain_text("abcdefg", buffer, sizeof(buffer)), "abcde");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligns_by_display_width),
		cmocka_unit_test(breaks_into_groups),
		cmocka_unit_test(makes_plain),
		cmocka_unit_test(cuts_between_characters),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
