/*
 * cidr.c: blocks in every form, where one begins and ends, and for every way to be none the byte and
 * the reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "net/cidr.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void takes_blocks(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.0/24" },
		{ "192.0.2.7", "192.0.2.7/32" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "128.0.0.0/1", "128.0.0.0/1" },
		{ "255.255.255.254/31", "255.255.255.254/31" },
		{ "2001:DB8::/32", "2001:db8::/32" },
		{ "::1", "::1/128" },
		{ "::/0", "::/0" },
		{ "fe80::/10", "fe80::/10" },
		{ "::ffff:192.0.2.0/120", "192.0.2.0/24" },
		{ "::ffff:192.0.2.7", "192.0.2.7/32" },
		{ "::ffff:0:0/96", "0.0.0.0/0" },
		{ "::fffe:0:0/95", "::fffe:0:0/95" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cidr cidr;
		char text[CIDR_TEXT_SIZE];

		assert_int_equal(cidr_parse(cases[i].text, &cidr, NULL), 0);
		assert_string_equal(cidr_format(&cidr, text, sizeof(text)), cases[i].canonical);
		/* Nothing is left behind the address of a mapped block: blocks are compared as a whole. */
		for (size_t j = 4; cidr.family == AF_INET && j < sizeof(cidr.octets); j++)
			assert_int_equal(cidr.octets[j], 0);
	}
}

static void tells_where_it_is_wrong(void **state)
{
	static const struct {
		const char *text, *reason;
		size_t column;
	} cases[] = {
		{ "10.0.0.1/8", "bits behind the prefix are set (its network is 10.0.0.0/8)", 0 },
		{ "2001:db8::1/64", "bits behind the prefix are set (its network is 2001:db8::/64)",
			0 },
		{ "192.0.2.0/33", "the prefix's length is a number from 0 to 32", 10 },
		{ "192.0.2.0/", "the prefix's length is a number from 0 to 32", 10 },
		{ "192.0.2.0/024", "the prefix's length is a number from 0 to 32", 10 },
		{ "192.0.2.0/24/1", "the prefix's length is a number from 0 to 32", 10 },
		{ "::/129", "the prefix's length is a number from 0 to 128", 3 },
		{ "127.1/8", "write the address as four decimal numbers", 0 },
		{ "fe80::1%eth0", "a block of addresses has no zone", 7 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cidr cidr = { .family = -1 };
		struct addr_fault fault;

		assert_int_equal(cidr_parse(cases[i].text, &cidr, &fault), -EINVAL);
		assert_string_equal(fault.text, cases[i].reason);
		assert_int_equal(fault.column, cases[i].column);
		assert_int_equal(cidr.family, -1);
		assert_int_equal(cidr_parse(cases[i].text, &cidr, NULL), -EINVAL);
	}
}

static void refuses_what_is_too_long(void **state)
{
	char text[400];
	struct cidr cidr;

	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(cidr_parse(text, &cidr, NULL), -EINVAL);
}

static void knows_its_ends(void **state)
{
	struct cidr cidr;
	uint8_t first[16], last[16];
	static const uint8_t v4_first[] = { 192, 0, 2, 64 }, v4_last[] = { 192, 0, 2, 95 };

	assert_int_equal(cidr_parse("192.0.2.64/27", &cidr, NULL), 0);
	cidr_range(&cidr, first, last);
	assert_memory_equal(first, v4_first, 4);
	assert_memory_equal(last, v4_last, 4);
	assert_int_equal(cidr_parse("2001:db8::/33", &cidr, NULL), 0);
	cidr_range(&cidr, first, last);
	assert_int_equal(last[4], 0x7f);
	assert_int_equal(last[15], 0xff);
}

static void masks(void **state)
{
	uint8_t octets[4] = { 0xff, 0xff, 0xff, 0xff };

	cidr_mask(octets, 4, 32);
	assert_int_equal(octets[3], 0xff);
	cidr_mask(octets, 4, 13);
	assert_int_equal(octets[1], 0xf8);
	assert_int_equal(octets[2], 0);
	cidr_mask(octets, 4, 0);
	assert_int_equal(octets[0], 0);
}

static void shows_what_lists_refuse(void **state)
{
	struct cidr cidr;
	struct literal literal;
	char text[CIDR_TEXT_SIZE], written[LITERAL_TEXT_SIZE];

	assert_int_equal(cidr_parse_loosely("127.0.0.1/8", &cidr, &literal, NULL), 0);
	assert_string_equal(cidr_format(&cidr, text, sizeof(text)), "127.0.0.0/8");
	assert_string_equal(literal_format(&literal, written, sizeof(written)), "127.0.0.1");
	assert_int_equal(cidr_parse_loosely("127.0.0.1/33", &cidr, &literal, NULL), -EINVAL);
	assert_true(cidr_is_meant("127.0.0.1/33"));
	assert_true(cidr_is_meant("fe80::1%lo/64"));
	assert_false(cidr_is_meant("127.0.0.1"));
	assert_false(cidr_is_meant("unix:/tmp/x"));
	assert_false(cidr_is_meant("name/24"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_blocks),
		cmocka_unit_test(tells_where_it_is_wrong),
		cmocka_unit_test(refuses_what_is_too_long),
		cmocka_unit_test(knows_its_ends),
		cmocka_unit_test(masks),
		cmocka_unit_test(shows_what_lists_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
