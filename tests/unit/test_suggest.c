/*
 * suggest.c: what is near, and what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/suggest.h"

static const char *const words[] = { "delay", "stall", "close", "corrupt", "p", "half-close" };

static const char *nearest(const char *text)
{
	return suggest_nearest(text, words, sizeof(words) / sizeof(words[0]));
}

static void what_is_near_is_found(void **state)
{
	assert_string_equal(nearest("dealy"), "delay"); /* swapped */
	assert_string_equal(nearest("dlay"), "delay"); /* left out */
	assert_string_equal(nearest("dellay"), "delay"); /* put in */
	assert_string_equal(nearest("delai"), "delay"); /* replaced */
	assert_string_equal(nearest("delay"), "delay");
	assert_string_equal(nearest("coruptt"), "corrupt"); /* two */
	assert_string_equal(nearest("halfclose"), "half-close");
	assert_string_equal(nearest("pp"), "p");
}

static void what_is_far_is_not(void **state)
{
	char long_text[SUGGEST_MOST_LENGTH + 2];

	assert_null(nearest(""));
	assert_null(nearest("x"));
	assert_null(nearest("dxxay"));
	assert_null(nearest("nonsense"));
	memset(long_text, 'a', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	assert_null(nearest(long_text));
	assert_null(suggest_nearest("delay", NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_near_is_found),
		cmocka_unit_test(what_is_far_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
