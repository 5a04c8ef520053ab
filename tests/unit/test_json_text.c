/*
 * base/json_text: the same value, and nothing in the text that would mislead a terminal or a reader.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_text.h"
#include "base/text.h"

static void expect(const char *value, const char *text)
{
	json_t *json = json_string(value), *back;
	char *found;

	assert_non_null(json);
	found = json_text(json, JSON_ENCODE_ANY);
	assert_non_null(found);
	assert_string_equal(found, text);
	back = json_loads(found, JSON_DECODE_ANY, NULL);
	assert_true(json_equal(json, back));
	free(found);
	json_decref(back);
	json_decref(json);
}

static void test_letters_stay_readable(void **state)
{
	expect("abc", "\"abc\"");
	expect("메아리 é 😀", "\"메아리 é 😀\"");
	expect("", "\"\"");
}

static void test_what_misleads_is_escaped(void **state)
{
	expect("\x1b\n\t\"\\", "\"\\u001B\\n\\t\\\"\\\\\"");
	expect("a\x7f", "\"a\\u007F\"");
	expect("\xc2\x9b", "\"\\u009B\"");
	expect("\xe2\x80\xae", "\"\\u202E\"");
	expect("\xe2\x80\xa8\xe2\x80\x8b", "\"\\u2028\\u200B\"");
	expect("\xef\xbb\xbf", "\"\\uFEFF\"");
	expect("\xef\xbf\xbf", "\"\\uFFFF\"");
	expect("\xf3\xa0\x80\x81", "\"\\uDB40\\uDC01\""); /* U+E0001 */
}

static void test_keys_and_the_longest_case(void **state)
{
	char value[3001];
	json_t *json = json_object();

	memset(value, 0x7f, sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	json_object_set_new(json, "\xe2\x80\xae", json_string(value));

	char *text = json_text(json, JSON_COMPACT);

	assert_int_equal(strlen(text), 6 * 3000 + strlen("{\"\\u202e\":\"\"}"));
	free(text);
	json_decref(json);
}

static void test_errors_of_writing(void **state)
{
	json_t *json = json_pack("[i]", 1);
	FILE *full = fopen("/dev/full", "w");

	if (full != NULL) {
		setvbuf(full, NULL, _IONBF, 0);
		assert_int_equal(json_text_write(json, 0, full), -ENOSPC);
		fclose(full);
	}
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_letters_stay_readable),
		cmocka_unit_test(test_what_misleads_is_escaped),
		cmocka_unit_test(test_keys_and_the_longest_case),
		cmocka_unit_test(test_errors_of_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
