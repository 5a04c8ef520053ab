/*
 * literal.c: every form of a numeric address, and for every way to be none the byte and the reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "net/literal.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void takes_every_form(void **state)
{
	static const struct {
		const char *text, *canonical;
		bool classic;
	} cases[] = {
		{ "127.0.0.1", "127.0.0.1", false },
		{ "0.0.0.0", "0.0.0.0", false },
		{ "255.255.255.255", "255.255.255.255", false },
		{ "127.1", "127.0.0.1", true },
		{ "127.0.1", "127.0.0.1", true },
		{ "1.2.65535", "1.2.255.255", true },
		{ "1.16777215", "1.255.255.255", true },
		{ "0x7f000001", "127.0.0.1", true },
		{ "0X7F.1", "127.0.0.1", true },
		{ "0177.0.0.1", "127.0.0.1", true },
		{ "2130706433", "127.0.0.1", true },
		{ "4294967295", "255.255.255.255", true },
		{ "0", "0.0.0.0", true },
		{ "00000000000000000000000000000001", "0.0.0.1", true },
		{ "01.02.03.04", "1.2.3.4", true },
		{ "::", "::", false },
		{ "::1", "::1", false },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1", false },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", false },
		{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", false },
		{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", false },
		{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", false },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1", false },
		{ "::ffff:c000:201", "::ffff:192.0.2.1", false },
		{ "64:ff9b::192.0.2.33", "64:ff9b::c000:221", false },
		{ "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304", false },
		{ "fe80::1%eth0", "fe80::1%eth0", false },
		{ "fe80::1%2", "fe80::1%2", false },
		{ "ff02::1%abcdefghijklmno", "ff02::1%abcdefghijklmno", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct literal literal;
		char text[LITERAL_TEXT_SIZE];

		assert_int_equal(literal_parse(cases[i].text, &literal, NULL), 0);
		assert_string_equal(
			literal_format(&literal, text, sizeof(text)), cases[i].canonical);
		assert_int_equal(literal.classic, cases[i].classic);
		assert_int_equal(
			literal.family, strchr(cases[i].text, ':') != NULL ? AF_INET6 : AF_INET);
	}
}

static void says_where_and_why(void **state)
{
	static const struct {
		const char *text;
		size_t column; /* from 0 */
		const char *why;
	} cases[] = {
		{ "300.0.0.1", 0, "octet 300 is above 255" },
		{ "1.2.3.256", 6, "octet 256 is above 255" },
		{ "1.256.3", 2, "octet 256 is above 255" },
		{ "0x100.1", 0, "octet 0x100 is above 255" },
		{ "1.2.65536", 4,
			"65536 is above 65535, the most that the last 2 octets can hold" },
		{ "1.16777216", 2,
			"16777216 is above 16777215, the most that the last 3 octets can hold" },
		{ "4294967296", 0,
			"4294967296 is above 4294967295, the most that the last 4 octets can hold" },
		{ "99999999999999999999999.1", 0, "octet 99999999999999999999999 is above 255" },
		{ "1.2.3.4.5", 8, "more than four octets" },
		{ "", 0, "empty octet" },
		{ "1..2.3", 2, "empty octet" },
		{ "1.2.3.", 6, "empty octet" },
		{ "09.0.0.1", 1, "'9' is not an octal digit (a leading 0 means octal)" },
		{ "0x.1", 2, "no digits after '0x'" },
		{ "0xfg.1", 3, "'g' is not a hexadecimal digit" },
		{ "1.2.3.4a", 7, "'a' is not a decimal digit" },
		{ "1.2.3.4 ", 7, "' ' is not a decimal digit" },
		{ "1.2.3.\x1b", 6, "'\\x1b' is not a decimal digit" },
		{ "1.2.3.가", 6, "'가' is not a decimal digit" },
		{ ":::", 2, "more than two ':' in a row" },
		{ "1::2::3", 4, "more than one '::'" },
		{ "fffff::1", 0, "group 'fffff' has more than 4 digits" },
		{ "::1:00000", 4, "group '00000' has more than 4 digits" },
		{ "::g", 2, "'g' is not a hexadecimal digit" },
		{ ":1:2:3:4:5:6:7", 0, "a single ':' at the start (only '::' may stand there)" },
		{ "1:2:3:4:5:6:7:", 13, "a single ':' at the end (only '::' may stand there)" },
		{ "1:2:3", 5, "only 3 of 8 groups, and no '::' for the others" },
		{ "1:2:3:4:5:6:7:8:9", 16, "more than 8 groups" },
		{ "1:2:3:4:5:6:7:1.2.3.4", 14, "more than 8 groups" },
		{ "1:2:3:4::5:6:7:8", 7, "'::' stands for no group, there are 8 without it" },
		{ "::1.2.3.300", 8, "octet 300 is above 255" },
		{ "::1.2.3.300%lo", 8, "octet 300 is above 255" },
		{ "::1.2.3.04", 8, "octet '04' starts with 0, which is not allowed inside IPv6" },
		{ "::1.2.3", 2, "the IPv4 address inside IPv6 needs all four octets" },
		{ "::1.2.3.4:5", 9, "':' is not a decimal digit" },
		{ "fe80::1%", 8, "no zone after '%'" },
		{ "fe80::1%abcdefghijklmnop", 8,
			"the zone has 16 bytes, an interface's name at most 15" },
		{ "fe80::1%a/b", 9, "'/' cannot be in a zone" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct literal literal;
		struct addr_fault fault;

		assert_int_equal(literal_parse(cases[i].text, &literal, &fault), -EINVAL);
		assert_string_equal(fault.text, cases[i].why);
		assert_int_equal(fault.column, cases[i].column);
		assert_int_equal(literal_parse(cases[i].text, &literal, NULL), -EINVAL);
	}
}

static void leaves_the_result_alone_on_failure(void **state)
{
	struct literal literal = { .family = 99 };

	assert_int_equal(literal_parse("1.2.3.x", &literal, NULL), -EINVAL);
	assert_int_equal(literal.family, 99);
}

static void tells_numbers_from_names(void **state)
{
	static const char *const numbers[] = { "127.0.0.1", "300.0.0.1", "1", "0x", "0xff", "127.1",
		"1.2.3.", "08.1", "1.2.3.4a", "example.1", "1.2.3.4.5", "host.0x7f" };
	static const char *const names[] = { "localhost", "example.org", "3com.example", "1a.2b",
		"", ".", "0xfg", "a.b.c.d", "1.2.3.x", "메아리.한국" };

	for (size_t i = 0; i < COUNT(numbers); i++)
		assert_true(literal_is_meant(numbers[i]));
	for (size_t i = 0; i < COUNT(names); i++)
		assert_false(literal_is_meant(names[i]));
}

static void knows_mapped_addresses(void **state)
{
	struct literal literal;

	assert_int_equal(literal_parse("::ffff:1.2.3.4", &literal, NULL), 0);
	assert_true(literal_is_mapped(&literal));
	assert_int_equal(literal_parse("::1.2.3.4", &literal, NULL), 0);
	assert_false(literal_is_mapped(&literal));
	assert_int_equal(literal_parse("1.2.3.4", &literal, NULL), 0);
	assert_false(literal_is_mapped(&literal));
}

static void reads_zones_of_uris(void **state)
{
	static const struct {
		const char *text, *zone;
	} cases[] = {
		{ "fe80::1%lo", "lo" },
		{ "fe80::1%25lo", "lo" }, /* RFC 6874 */
		{ "fe80::1%25", "25" }, /* an interface's number */
		{ "fe80::1%251", "251" },
		{ "fe80::1%25eth0.25", "eth0.25" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct literal literal;

		assert_int_equal(literal_parse(cases[i].text, &literal, NULL), 0);
		assert_string_equal(literal.zone, cases[i].zone);
	}
}

static void sees_a_port_without_brackets(void **state)
{
	static const struct {
		const char *text, *meant; /* NULL: nothing else was meant */
	} cases[] = {
		{ "::1:5000", "[::1]:5000" },
		{ "::5000", "[::]:5000" },
		{ "::80", "[::]:80" },
		{ "2001:db8::1:443", "[2001:db8::1]:443" },
		{ "1:2:3:4:5:6:7:80", NULL }, /* seven groups are no address */
		{ "::1", NULL },
		{ "::", NULL },
		{ "::1:0", NULL },
		{ "::1:f00", NULL },
		{ "::1:0500", NULL },
		{ "::1:99999", NULL },
		{ "127.0.0.1", NULL },
		{ "::1.2.3.4", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char meant[LITERAL_MEANT_SIZE];
		bool found = literal_port_meant(cases[i].text, meant);

		assert_int_equal(found, cases[i].meant != NULL);
		if (found)
			assert_string_equal(meant, cases[i].meant);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_form),
		cmocka_unit_test(says_where_and_why),
		cmocka_unit_test(leaves_the_result_alone_on_failure),
		cmocka_unit_test(tells_numbers_from_names),
		cmocka_unit_test(knows_mapped_addresses),
		cmocka_unit_test(reads_zones_of_uris),
		cmocka_unit_test(sees_a_port_without_brackets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
