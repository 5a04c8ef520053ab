/*
 * The translations inside of the one-file program: the same as gettext's, chosen by the same variables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/catalogue.h"

#define USAGE "Usage: meari VERB [OPTION...] [ADDRESS...]\n"
#define KOREAN "사용법: meari"

static bool is_korean(const char *text)
{
	return strncmp(text, KOREAN, strlen(KOREAN)) == 0;
}

static void finds_what_is_there(void **state)
{
	static const char unknown[] = "nobody has ever said this";

	unsetenv("LANGUAGE");
	catalogue_choose("ko_KR.UTF-8");
	assert_true(is_korean(catalogue_text(USAGE)));
	assert_ptr_equal(catalogue_text(unknown), unknown);
	/* The header of a catalogue is no message. */
	assert_string_equal(catalogue_text(""), "");
}

static void counts(void **state)
{
	unsetenv("LANGUAGE");
	catalogue_choose("C");
	assert_string_equal(catalogue_plural("%u thread", "%u threads", 1), "%u thread");
	assert_string_equal(catalogue_plural("%u thread", "%u threads", 0), "%u threads");
	catalogue_choose("ko");
	assert_string_not_equal(catalogue_plural("%u thread", "%u threads", 1), "%u thread");
	assert_ptr_equal(catalogue_plural("%u thread", "%u threads", 1),
		catalogue_plural("%u thread", "%u threads", 2));
}

static void chooses_as_gettext_does(void **state)
{
	static const struct {
		const char *language, *locale;
		bool korean;
	} cases[] = {
		{ NULL, "ko_KR.UTF-8", true },
		{ NULL, "ko", true },
		{ NULL, "ko@x", true },
		{ "", "ko_KR", true },
		{ "ko", "C.UTF-8", true },
		{ "xx:ko:en", "en_US.UTF-8", true },
		{ NULL, "kok_IN", false },
		{ NULL, "k", false },
		{ NULL, "", false },
		{ NULL, "en_US.UTF-8", false },
		{ "en:ko", "ko_KR.UTF-8", false },
		{ "xx", "ko_KR.UTF-8", false },
		{ ":::", "ko_KR.UTF-8", false },
		{ "ko", "C", false },
		{ "ko", "POSIX", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].language != NULL)
			setenv("LANGUAGE", cases[i].language, 1);
		else
			unsetenv("LANGUAGE");
		catalogue_choose(cases[i].locale);
		if (is_korean(catalogue_text(USAGE)) != cases[i].korean)
			fail_msg("LANGUAGE %s, locale %s", cases[i].language, cases[i].locale);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_is_there),
		cmocka_unit_test(counts),
		cmocka_unit_test(chooses_as_gettext_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
