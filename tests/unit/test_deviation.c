/*
 * What became of bytes: the pattern is cut, changed, repeated and added to, and each is recognized.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "check/traffic/deviation.h"
#include "protocol/pattern.h"

#define AT 5000u
#define SENT 200000u
#define LENGTH DEVIATION_WINDOW_BYTES

static uint32_t start;

static void fill(unsigned char *bytes, uint64_t position, size_t length)
{
	memcpy(bytes, pattern_at(start, position), length);
}

static void assert_found(const unsigned char *seen, size_t length, uint64_t at,
	enum deviation_kind kind, uint64_t bytes)
{
	struct deviation found = deviation_find(seen, length, start, at, SENT);

	assert_int_equal(found.kind, kind);
	assert_int_equal(found.at, at);
	if (kind != DEVIATION_OTHER)
		assert_int_equal(found.bytes, bytes);
}

static void finds_missing_bytes(void **state)
{
	static const uint64_t missing[] = { 1, 2, 100, 4096, 50000 };
	unsigned char seen[LENGTH];

	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		fill(seen, AT + missing[i], sizeof(seen));
		assert_found(seen, sizeof(seen), AT, DEVIATION_MISSING, missing[i]);
	}
	/* A few bytes are enough where no more come. */
	fill(seen, AT + 7, 8);
	assert_found(seen, 8, AT, DEVIATION_MISSING, 7);
}

static void finds_changed_bytes(void **state)
{
	unsigned char seen[LENGTH];

	fill(seen, AT, sizeof(seen));
	seen[0] ^= 1;
	assert_found(seen, sizeof(seen), AT, DEVIATION_CHANGED, 1);
	for (size_t i = 0; i < 100; i++)
		seen[i] = (unsigned char)~seen[i];
	seen[0] ^= 1;
	assert_found(seen, sizeof(seen), AT, DEVIATION_CHANGED, 100);
	/* The last byte of all. */
	fill(seen, SENT - 1, 1);
	seen[0] ^= 1;
	assert_found(seen, 1, SENT - 1, DEVIATION_CHANGED, 1);
}

static void finds_repeated_bytes(void **state)
{
	unsigned char seen[LENGTH];

	fill(seen, AT - 1, sizeof(seen));
	assert_found(seen, sizeof(seen), AT, DEVIATION_REPEATED, 1);
	fill(seen, AT - 3000, sizeof(seen));
	assert_found(seen, sizeof(seen), AT, DEVIATION_REPEATED, 3000);
	/* From the very first byte on. */
	fill(seen, 0, sizeof(seen));
	assert_found(seen, sizeof(seen), AT, DEVIATION_REPEATED, AT);
}

static void finds_added_bytes(void **state)
{
	unsigned char seen[LENGTH];

	memset(seen, pattern_at(start, AT)[0] ^ 0x55, 3);
	fill(seen + 3, AT, sizeof(seen) - 3);
	assert_found(seen, sizeof(seen), AT, DEVIATION_ADDED, 3);
}

static void says_when_nothing_is_recognized(void **state)
{
	static const unsigned char banner[] = "SSH-2.0-OpenSSH_9.2p1\r\n";

	assert_found(banner, sizeof(banner), 0, DEVIATION_OTHER, 0);
	assert_found(banner, 1, AT, DEVIATION_OTHER, 0);
}

static void what_was_not_sent_yet_is_not_missing(void **state)
{
	unsigned char seen[LENGTH];
	struct deviation found;

	fill(seen, SENT + 10, sizeof(seen));
	found = deviation_find(seen, sizeof(seen), start, SENT - 1, SENT);
	assert_int_not_equal(found.kind, DEVIATION_MISSING);
	/* The last byte that was sent is the last that may come too early. */
	fill(seen, SENT, sizeof(seen));
	found = deviation_find(seen, sizeof(seen), start, SENT - 5, SENT);
	assert_int_not_equal(found.kind, DEVIATION_MISSING);
	fill(seen, SENT - 1, sizeof(seen));
	assert_found(seen, sizeof(seen), SENT - 5, DEVIATION_MISSING, 4);
}

static int set_up(void **state)
{
	pattern_init();
	start = pattern_start(3);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_missing_bytes),
		cmocka_unit_test(finds_changed_bytes),
		cmocka_unit_test(finds_repeated_bytes),
		cmocka_unit_test(finds_added_bytes),
		cmocka_unit_test(says_when_nothing_is_recognized),
		cmocka_unit_test(what_was_not_sent_yet_is_not_missing),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
