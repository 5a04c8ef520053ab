/*
 * base64.c: the examples of RFC 4648, every length there and back, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/base64.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* RFC 4648 section 10, and all characters of the alphabet. */
static const struct {
	const char *bytes, *text;
} examples[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l+" },
	{ "\xff\xef\xbf", "/++/" },
};

static void writes_the_examples(void **state)
{
	for (size_t i = 0; i < COUNT(examples); i++) {
		size_t length = strlen(examples[i].bytes);
		char text[32];

		base64_encode((const unsigned char *)examples[i].bytes, length, text);
		assert_string_equal(text, examples[i].text);
		assert_int_equal(strlen(text) + 1, BASE64_TEXT_SIZE(length));
	}
}

static void reads_the_examples(void **state)
{
	for (size_t i = 0; i < COUNT(examples); i++) {
		size_t expected = strlen(examples[i].bytes), length = strlen(examples[i].text);
		unsigned char bytes[32];
		size_t count;

		assert_true(BASE64_BYTES_SIZE(length) >= expected);
		assert_int_equal(base64_decode(examples[i].text, length, bytes, &count), 0);
		assert_int_equal(count, expected);
		assert_memory_equal(bytes, examples[i].bytes, expected);
	}
}

static void every_byte_comes_back(void **state)
{
	unsigned char bytes[256], again[258];
	char text[BASE64_TEXT_SIZE(256)];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(167 * i + 13);
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		size_t count;

		base64_encode(bytes, length, text);
		assert_int_equal(base64_decode(text, strlen(text), again, &count), 0);
		assert_int_equal(count, length);
		assert_memory_equal(again, bytes, length);
	}
}

static void refuses(void **state)
{
	static const char *const texts[] = { "Z", "Zg", "Zg=", "Zm9vY", "Zm9v\n", "Zm 9", "Zm9-",
		"Zm9_", "====", "=m9v", "Z===", "Zg==Zg==", "Zm=v", "Zh==", "Zm9=", "Zm\x80v" };

	for (size_t i = 0; i < COUNT(texts); i++) {
		unsigned char bytes[32];
		size_t count = 4711;

		assert_int_equal(base64_decode(texts[i], strlen(texts[i]), bytes, &count), -EINVAL);
		assert_int_equal(count, 4711);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_examples),
		cmocka_unit_test(reads_the_examples),
		cmocka_unit_test(every_byte_comes_back),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
