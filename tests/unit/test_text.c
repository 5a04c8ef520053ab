/*
 * base/text: one decoder, one width, one list of what must not be printed raw.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void decodes_strictly(void **state)
{
	static const struct {
		const char *bytes;
		int taken;
		uint32_t code;
	} cases[] = {
		{ "a", 1, 'a' },
		{ "\xc2\x80", 2, 0x80 },
		{ "안", 3, 0xc548 },
		{ "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
		{ "\x80", 0, 0 },
		{ "\xc0\xaf", 0, 0 }, /* overlong */
		{ "\xc1\x81", 0, 0 },
		{ "\xe0\x9f\xbf", 0, 0 },
		{ "\xf0\x8f\xbf\xbf", 0, 0 },
		{ "\xed\xa0\x80", 0, 0 }, /* a surrogate */
		{ "\xf4\x90\x80\x80", 0, 0 }, /* above U+10FFFF */
		{ "\xf5", 0, 0 },
		{ "\xe2\x28\xa1", 0, 0 },
		{ "\xe2\x82", TEXT_UNFINISHED, 0 },
		{ "\xf0\x9f\x98", TEXT_UNFINISHED, 0 },
		{ "", TEXT_UNFINISHED, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t code = 0;

		assert_int_equal(
			text_decode(cases[i].bytes, strlen(cases[i].bytes), &code), cases[i].taken);
		assert_int_equal(code, cases[i].code);
	}
}

static void every_code_point_comes_back(void **state)
{
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		char bytes[4];
		uint32_t back;
		size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

		for (size_t i = length; i-- > 1;)
			bytes[i] = (char)(0x80 | (code >> 6 * (length - 1 - i) & 0x3f));
		bytes[0] = length == 1 ? (char)code
				       : (char)(0xf00 >> length | code >> 6 * (length - 1));
		if (code >= 0xd800 && code <= 0xdfff) {
			assert_int_equal(text_decode(bytes, length, &back), 0);
			continue;
		}
		assert_int_equal(text_decode(bytes, length, &back), length);
		assert_int_equal(back, code);
	}
}

static void what_misleads_is_unsafe(void **state)
{
	static const uint32_t unsafe[] = { 0, '\t', '\n', '\r', 0x1b, 0x7f, 0x85, 0x9b, 0xad, 0x34f,
		0x61c, 0x115f, 0x180e, 0x200b, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a,
		0x202e, 0x2060, 0x2066, 0x2069, 0x206f, 0x3164, 0xd800, 0xfeff, 0xfff9, 0xfffe,
		0xffff, 0x1fffe, 0xe0001, 0xe0100, 0x10ffff, 0x110000 };
	static const uint32_t safe[] = { ' ', '~', '\\', 0xa0, 0xe9, 0x301, 0x1100, 0xac00, 0xfffd,
		0x2014, 0x4e00, 0x1f600 };

	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		assert_true(text_is_unsafe(unsafe[i]));
	for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
		assert_false(text_is_unsafe(safe[i]));
}

static void counts_columns(void **state)
{
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("port"), 4);
	assert_int_equal(text_width("포트"), 4);
	assert_int_equal(text_width("e\xcc\x81"), 1); /* a combining accent takes no place */
	assert_int_equal(text_width("a\xff"), 2);
	assert_int_equal(text_width("\xea\xb0"), 2); /* the beginning of a character */
	assert_int_equal(text_width("\xe2\x80\x8b"), 0);
}

static void knows_whole_texts(void **state)
{
	assert_true(text_is_utf8("", 0));
	assert_true(text_is_utf8("안녕", 6));
	assert_false(text_is_utf8("안녕", 5));
	assert_false(text_is_utf8("a\xff", 2));
}

static void needs_no_locale_to_be_safe(void **state)
{
	assert_non_null(setlocale(LC_CTYPE, "C"));
	assert_false(text_is_unsafe(0xac00));
	assert_true(text_is_unsafe(0x202e));
	assert_int_equal(text_width("port"), 4);
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_strictly),
		cmocka_unit_test(every_code_point_comes_back),
		cmocka_unit_test(what_misleads_is_unsafe),
		cmocka_unit_test(counts_columns),
		cmocka_unit_test(knows_whole_texts),
		cmocka_unit_test(needs_no_locale_to_be_safe),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
