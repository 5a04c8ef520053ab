/*
 * suggest.c: what is near, what is not, and the edges of lengths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/suggest.h"

static const char *const verbs[] = { "serve", "talk", "ping", "bench", "check", "report", "addr" };

#define NEAREST(text, list) suggest_nearest(text, list, sizeof(list) / sizeof((list)[0]))

static void one_mistake(void **state)
{
	assert_string_equal(NEAREST("bnech", verbs), "bench"); /* swapped */
	assert_string_equal(NEAREST("serv", verbs), "serve"); /* left out */
	assert_string_equal(NEAREST("server", verbs), "serve"); /* one more */
	assert_string_equal(NEAREST("tolk", verbs), "talk"); /* changed */
	assert_string_equal(NEAREST("PING", verbs), "ping");
	assert_string_equal(NEAREST("ping", verbs), "ping");
}

static void the_nearest_wins(void **state)
{
	static const char *const names[] = { "max-rate", "max-memory", "date-rate", "rate" };

	assert_string_equal(NEAREST("mac-rate", names), "max-rate");
	assert_string_equal(NEAREST("rat", names), "rate");
	/* Among equals the first. */
	static const char *const equal[] = { "abcd", "abce" };

	assert_string_equal(NEAREST("abcf", equal), "abcd");
}

static void a_beginning_is_near(void **state)
{
	static const char *const rules[] = { "one-byte", "half-close-at-once", "half-close" };

	assert_string_equal(NEAREST("half-clos", rules), "half-close"); /* one letter is nearer */
	assert_string_equal(NEAREST("half-close-", rules), "half-close");
	assert_string_equal(NEAREST("half-close-at", rules), "half-close-at-once");
	assert_string_equal(NEAREST("one", rules), "one-byte");
	assert_null(NEAREST("ha", rules));
}

static void what_is_far(void **state)
{
	assert_null(NEAREST("shout", verbs));
	assert_null(NEAREST("", verbs));
	assert_null(NEAREST("x", verbs));
	assert_null(NEAREST("tang", verbs)); /* two of four letters */
	assert_null(suggest_nearest("serve", verbs, 0));
}

static void lengths(void **state)
{
	char most[SUGGEST_MOST_BYTES + 2], more[SUGGEST_MOST_BYTES + 2];
	const char *names[] = { NULL, "", more, most };

	memset(most, 'a', SUGGEST_MOST_BYTES);
	most[SUGGEST_MOST_BYTES] = '\0';
	memset(more, 'a', SUGGEST_MOST_BYTES + 1);
	more[SUGGEST_MOST_BYTES + 1] = '\0';
	assert_ptr_equal(NEAREST(most, names), most);
	most[0] = 'b';
	assert_ptr_equal(NEAREST(most, names), most);
	assert_null(NEAREST(more, names));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_mistake),
		cmocka_unit_test(the_nearest_wins),
		cmocka_unit_test(a_beginning_is_near),
		cmocka_unit_test(what_is_far),
		cmocka_unit_test(lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
