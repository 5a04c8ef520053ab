/*
 * ping/probe: bytes that can be made again, numbers cut short, and where a reply differs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ping/probe.h"

#define RUN 0x12345678

static void test_every_size_can_be_made_again(void **state)
{
	static const size_t sizes[] = { 0, 1, 3, 4, 7, 8, 15, 16, 17, 23, 24, 56, 1400 };
	unsigned char one[1401], other[1401];
	struct probe_damage damage;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct probe probe = { .run = RUN, .size = sizes[i] };

		memset(one, 0xee, sizeof(one));
		memset(other, 0xee, sizeof(other));
		probe_fill(&probe, 77, 123456789, one);
		probe_fill(&probe, 77, 123456789, other);
		assert_true(probe_compare(one, sizes[i], other, sizes[i], &damage));
		assert_int_equal(one[sizes[i]], 0xee); /* not one byte more */
	}
}

static void test_stamped_is_as_filled(void **state)
{
	static const size_t sizes[] = { 0, 7, 8, 9, 15, 16, 17, 56 };
	unsigned char one[57], other[57];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct probe probe = { .run = RUN, .size = sizes[i] };

		memset(one, 0xee, sizeof(one));
		memset(other, 0xee, sizeof(other));
		probe_fill(&probe, 5, 0x1122334455667788, one);
		probe_fill(&probe, 5, 0, other);
		probe_stamp(&probe, 0x1122334455667788, other);
		assert_memory_equal(one, other, sizeof(one));
	}
}

static void test_probes_differ_from_each_other(void **state)
{
	struct probe probe = { .run = RUN, .size = 56 };
	unsigned char one[56], other[56];
	struct probe_damage damage;

	probe_fill(&probe, 1, 1000, one);
	probe_fill(&probe, 2, 1000, other);
	assert_false(probe_compare(one, 56, other, 56, &damage));
	assert_int_equal(damage.offset, 0);
	assert_true(damage.count > 30);
	/* A shift by one byte is seen everywhere, not only at the ends. */
	assert_false(probe_compare(one + 16, 39, one + 17, 39, &damage));
	assert_true(damage.count > 30);
}

static void test_damage_is_located(void **state)
{
	const char *expected = "abcdef";
	struct probe_damage damage;

	assert_false(probe_compare(expected, 6, "abXdeY", 6, &damage));
	assert_int_equal(damage.offset, 2);
	assert_int_equal(damage.expected, 'c');
	assert_int_equal(damage.got, 'X');
	assert_int_equal(damage.count, 2);
}

static void test_short_and_long_replies(void **state)
{
	struct probe_damage damage;

	assert_false(probe_compare("abcdef", 6, "abcd", 4, &damage));
	assert_int_equal(damage.offset, 4);
	assert_int_equal(damage.expected, 'e');
	assert_int_equal(damage.got, -1);
	assert_int_equal(damage.count, 2);
	assert_false(probe_compare("ab", 2, "abcde", 5, &damage));
	assert_int_equal(damage.offset, 2);
	assert_int_equal(damage.expected, -1);
	assert_int_equal(damage.got, 'c');
	assert_int_equal(damage.count, 3);
	assert_true(probe_compare("", 0, "", 0, &damage));
}

static void check_number(size_t size, uint64_t number, uint64_t latest, uint64_t expected)
{
	struct probe probe = { .run = RUN, .size = size };
	unsigned char bytes[64];
	uint64_t got = 0;

	probe_fill(&probe, number, 99, bytes);
	assert_true(probe_read_number(&probe, bytes, size, latest, &got));
	assert_int_equal(got, expected);
}

static void test_number_is_read_from_what_there_is(void **state)
{
	check_number(56, 1, 1, 1);
	check_number(56, 70000, 70010, 70000);
	check_number(4, 70000, 70010, 70000);
	/* One byte: the youngest that has it. */
	check_number(1, 300, 310, 300);
	check_number(1, 300, 299 + 256, 300);
	check_number(1, 300, 300 + 256, 300 + 256);
	/* More than 32 bits of probes: a month of a flood. */
	check_number(16, 0x100000005, 0x100000006, 0x100000005);
}

static void test_no_number(void **state)
{
	struct probe probe = { .run = RUN, .size = 56 }, stranger = { .run = 1, .size = 56 };
	unsigned char bytes[56];
	uint64_t number = 0, sent_ns = 0;

	probe_fill(&stranger, 3, 99, bytes);
	assert_false(probe_read_number(&probe, bytes, 56, 10, &number));
	probe_fill(&probe, 3, 99, bytes);
	assert_false(probe_read_number(&probe, bytes, 7, 10, &number));
	assert_false(probe_read_number(&probe, bytes, 56, 2, &number)); /* not sent yet */
	assert_false(probe_read_time(&probe, bytes, 15, &sent_ns));
	assert_true(probe_read_time(&probe, bytes, 16, &sent_ns));
	assert_int_equal(sent_ns, 99);
	assert_int_equal(number, 0);
	probe.size = 0;
	assert_false(probe_read_number(&probe, bytes, 0, 10, &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size_can_be_made_again),
		cmocka_unit_test(test_stamped_is_as_filled),
		cmocka_unit_test(test_probes_differ_from_each_other),
		cmocka_unit_test(test_damage_is_located),
		cmocka_unit_test(test_short_and_long_replies),
		cmocka_unit_test(test_number_is_read_from_what_there_is),
		cmocka_unit_test(test_no_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
