/*
 * client/visible: what the network sends can be read, and can do nothing to the terminal.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/visible.h"

struct shown {
	char text[4096];
	size_t length;
	unsigned width;
};

static void collect(void *context, const char *text, size_t length, unsigned width)
{
	struct shown *shown = context;

	assert_true(shown->length + length < sizeof(shown->text));
	memcpy(shown->text + shown->length, text, length);
	shown->length += length;
	shown->text[shown->length] = '\0';
	shown->width += width;
}

/* Fed whole, and in every way of cutting it in two: always the same. */
static void expect(const char *bytes, size_t length, const char *text, unsigned width)
{
	for (size_t cut = 0; cut <= length; cut++) {
		struct visible visible = { 0 };
		struct shown shown = { 0 };

		visible_feed(&visible, bytes, cut, collect, &shown);
		visible_feed(&visible, bytes + cut, length - cut, collect, &shown);
		visible_flush(&visible, collect, &shown);
		assert_string_equal(shown.text, text);
		assert_int_equal(shown.width, width);
	}
}

#define EXPECT(bytes, text, width) expect(bytes, sizeof(bytes) - 1, text, width)

static void test_text_passes(void **state)
{
	EXPECT("hello", "hello", 5);
	EXPECT("안녕!!", "안녕!!", 6);
	EXPECT("😀é", "😀é", 3);
	EXPECT("", "", 0);
	EXPECT("a\tb\n", "a\tb\n", 2);
}

static void test_controls_are_shown(void **state)
{
	EXPECT("\033[2J", "^[[2J", 5);
	EXPECT("\r\b\a", "^M^H^G", 6);
	EXPECT("a\0b", "a^@b", 4);
	EXPECT("\x7f", "^?", 2);
}

static void test_c1_controls_are_shown(void **state)
{
	/* U+009B is CSI: as good as ESC [ to some terminals. */
	EXPECT("\xc2\x9b"
	       "2J",
		"\\xC2\\x9B2J", 10);
	EXPECT("\x9b", "\\x9B", 4);
}

static void test_direction_is_not_turned(void **state)
{
	EXPECT("\u202e", "\\xE2\\x80\\xAE", 12);
	EXPECT("\u2066", "\\xE2\\x81\\xA6", 12);
	EXPECT("\u2028", "\\xE2\\x80\\xA8", 12);
}

static void test_invalid_utf8_is_shown(void **state)
{
	EXPECT("\xff\xfe", "\\xFF\\xFE", 8);
	EXPECT("a\x80z", "a\\x80z", 6);
	EXPECT("\xc0\xaf", "\\xC0\\xAF", 8); /* overlong '/' */
	EXPECT("\xe0\x80\xaf", "\\xE0\\x80\\xAF", 12);
	EXPECT("\xed\xa0\x80", "\\xED\\xA0\\x80", 12); /* a surrogate */
	EXPECT("\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80", 16); /* beyond U+10FFFF */
	EXPECT("\xf0\x9f\x98", "\\xF0\\x9F\\x98", 12); /* cut off */
	EXPECT("\xec\x95\033[J", "\\xEC\\x95^[[J", 12); /* what broke it is looked at again */
	EXPECT("\xec\x95\xec\x95\x88", "\\xEC\\x95안", 10);
}

/* Every single byte and every pair: nothing that comes out is a control but \n and \t. */
static void test_no_control_ever_passes(void **state)
{
	for (unsigned one = 0; one < 256; one++) {
		for (unsigned two = 0; two < 256; two++) {
			char bytes[2] = { (char)one, (char)two };
			struct visible visible = { 0 };
			struct shown shown = { 0 };

			visible_feed(&visible, bytes, 2, collect, &shown);
			visible_flush(&visible, collect, &shown);
			for (size_t i = 0; i < shown.length; i++) {
				unsigned char c = (unsigned char)shown.text[i];

				assert_true(c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f));
				/* C1 as UTF-8 is C2 followed by 80 to 9F. */
				if (c == 0xc2)
					assert_true((unsigned char)shown.text[i + 1] >= 0xa0);
			}
		}
	}
}

static int set_locale(void **state)
{
	return setlocale(LC_CTYPE, "C.UTF-8") == NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_passes),
		cmocka_unit_test(test_controls_are_shown),
		cmocka_unit_test(test_c1_controls_are_shown),
		cmocka_unit_test(test_direction_is_not_turned),
		cmocka_unit_test(test_invalid_utf8_is_shown),
		cmocka_unit_test(test_no_control_ever_passes),
	};

	return cmocka_run_group_tests(tests, set_locale, NULL);
}
