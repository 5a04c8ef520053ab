/*
 * kind.c: for every row of the table the first address in it, the last, and the neighbours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "net/kind.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int octets_of(const char *text, uint8_t octets[static 16])
{
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, text, octets), 1);
	return family;
}

static void finds_the_narrowest(void **state)
{
	static const struct {
		const char *text, *prefix, *rfc;
	} cases[] = {
		{ "0.0.0.0", "0.0.0.0/32", "RFC 1122 3.2.1.3" },
		{ "0.0.0.1", "0.0.0.0/8", "RFC 791 3.2" },
		{ "1.0.0.0", "0.0.0.0/0", "RFC 6890 2.2" },
		{ "9.255.255.255", "0.0.0.0/0", "RFC 6890 2.2" },
		{ "10.0.0.0", "10.0.0.0/8", "RFC 1918" },
		{ "10.255.255.255", "10.0.0.0/8", "RFC 1918" },
		{ "11.0.0.0", "0.0.0.0/0", "RFC 6890 2.2" },
		{ "100.63.255.255", "0.0.0.0/0", "RFC 6890 2.2" },
		{ "100.64.0.0", "100.64.0.0/10", "RFC 6598" },
		{ "100.127.255.255", "100.64.0.0/10", "RFC 6598" },
		{ "100.128.0.0", "0.0.0.0/0", "RFC 6890 2.2" },
		{ "127.255.255.255", "127.0.0.0/8", "RFC 1122 3.2.1.3" },
		{ "169.254.169.254", "169.254.0.0/16", "RFC 3927" },
		{ "172.15.255.255", "0.0.0.0/0", "RFC 6890 2.2" },
		{ "172.16.0.0", "172.16.0.0/12", "RFC 1918" },
		{ "172.31.255.255", "172.16.0.0/12", "RFC 1918" },
		{ "172.32.0.0", "0.0.0.0/0", "RFC 6890 2.2" },
		{ "192.0.0.0", "192.0.0.0/29", "RFC 7335" },
		{ "192.0.0.8", "192.0.0.8/32", "RFC 7600" },
		{ "192.0.0.11", "192.0.0.0/24", "RFC 6890 2.1" },
		{ "192.0.0.171", "192.0.0.170/31", "RFC 7050" },
		{ "192.0.2.255", "192.0.2.0/24", "RFC 5737" },
		{ "192.88.99.1", "192.88.99.0/24", "RFC 7526" },
		{ "192.168.0.1", "192.168.0.0/16", "RFC 1918" },
		{ "198.17.255.255", "0.0.0.0/0", "RFC 6890 2.2" },
		{ "198.18.0.0", "198.18.0.0/15", "RFC 2544" },
		{ "198.19.255.255", "198.18.0.0/15", "RFC 2544" },
		{ "198.51.100.1", "198.51.100.0/24", "RFC 5737" },
		{ "203.0.113.1", "203.0.113.0/24", "RFC 5737" },
		{ "223.255.255.255", "0.0.0.0/0", "RFC 6890 2.2" },
		{ "224.0.0.1", "224.0.0.0/24", "RFC 5771 4" },
		{ "225.0.0.1", "224.0.0.0/4", "RFC 5771" },
		{ "232.1.2.3", "232.0.0.0/8", "RFC 4607" },
		{ "239.255.255.255", "239.0.0.0/8", "RFC 2365" },
		{ "240.0.0.0", "240.0.0.0/4", "RFC 1112 4" },
		{ "255.255.255.254", "240.0.0.0/4", "RFC 1112 4" },
		{ "255.255.255.255", "255.255.255.255/32", "RFC 919 7" },
		{ "::", "::/128", "RFC 4291 2.5.2" },
		{ "::1", "::1/128", "RFC 4291 2.5.3" },
		{ "::2", "::/96", "RFC 4291 2.5.5.1" },
		{ "::ffff:1.2.3.4", "::ffff:0.0.0.0/96", "RFC 4291 2.5.5.2" },
		{ "::1:0:0:0", "::/0", "RFC 4291 2.4" },
		{ "64:ff9b::1.2.3.4", "64:ff9b::/96", "RFC 6052" },
		{ "64:ff9b:1::", "64:ff9b:1::/48", "RFC 8215" },
		{ "100::1", "100::/64", "RFC 6666" },
		{ "100:0:0:1::1", "100:0:0:1::/64", "RFC 9780" },
		{ "2000::", "2000::/3", "RFC 4291 2.5.4" },
		{ "3ffe::", "2000::/3", "RFC 4291 2.5.4" },
		{ "2001::1", "2001::/32", "RFC 4380" },
		{ "2001:1ff:ffff::", "2001::/23", "RFC 2928" },
		{ "2001:200::", "2000::/3", "RFC 4291 2.5.4" },
		{ "2001:1::1", "2001:1::1/128", "RFC 7723" },
		{ "2001:2::1", "2001:2::/48", "RFC 5180" },
		{ "2001:2f::", "2001:20::/28", "RFC 7343" },
		{ "2001:30::", "2001:30::/28", "RFC 9374" },
		{ "2001:db8:ffff::", "2001:db8::/32", "RFC 3849" },
		{ "2002:102:304::", "2002::/16", "RFC 3056" },
		{ "2620:4f:8000::", "2620:4f:8000::/48", "RFC 7534" },
		{ "3fff:fff::", "3fff::/20", "RFC 9637" },
		{ "3fff:1000::", "2000::/3", "RFC 4291 2.5.4" },
		{ "4000::", "::/0", "RFC 4291 2.4" },
		{ "5f00::1", "5f00::/16", "RFC 9602" },
		{ "fc00::", "fc00::/7", "RFC 4193" },
		{ "fdff::", "fc00::/7", "RFC 4193" },
		{ "fe80::1", "fe80::/10", "RFC 4291 2.5.6" },
		{ "febf::1", "fe80::/10", "RFC 4291 2.5.6" },
		{ "fec0::1", "fec0::/10", "RFC 3879" },
		{ "ff02::1", "ff02::1/128", "RFC 4291 2.7.1" },
		{ "ff02::1:ff12:3456", "ff02::1:ff00:0/104", "RFC 4291 2.7.1" },
		{ "ff05::2", "ff00::/8", "RFC 4291 2.7" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t octets[16];
		char prefix[KIND_PREFIX_SIZE];
		const struct kind *kind = kind_of(octets_of(cases[i].text, octets), octets);

		assert_string_equal(kind_prefix(kind, prefix, sizeof(prefix)), cases[i].prefix);
		assert_string_equal(kind->rfc, cases[i].rfc);
		assert_true(kind->name[0] != '\0');
	}
}

static void knows_how_far_multicast_reaches(void **state)
{
	static const struct {
		const char *text, *scope;
	} cases[] = {
		{ "127.0.0.1", NULL },
		{ "224.0.0.251", "this link" },
		{ "224.0.1.1", "the whole Internet" },
		{ "239.255.1.1", "this site" },
		{ "239.195.0.1", "this organization" },
		{ "239.1.1.1", NULL },
		{ "240.0.0.0", NULL },
		{ "::1", NULL },
		{ "ff01::1", "this interface" },
		{ "ff12::1", "this link" },
		{ "ff05::2", "this site" },
		{ "ff3e::1", "the whole Internet" },
		{ "ff0f::1", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t octets[16];
		int family = octets_of(cases[i].text, octets);
		const char *scope = kind_scope(family, octets);

		if (cases[i].scope == NULL)
			assert_null(scope);
		else
			assert_string_equal(scope, cases[i].scope);
	}
}

static void takes_out_the_carried_address(void **state)
{
	static const char *const carriers[] = { "::ffff:192.0.2.33", "64:ff9b::192.0.2.33",
		"2002:c000:221::1", "2001:0:1:2:3:4:3fff:fdde" };
	static const char *const others[] = { "192.0.2.33", "::1", "2001:db8::1",
		"64:ff9b:1::192.0.2.33" };
	static const uint8_t inner[4] = { 192, 0, 2, 33 };

	for (size_t i = 0; i < COUNT(carriers); i++) {
		uint8_t octets[16], found[4];

		octets_of(carriers[i], octets);
		assert_true(kind_carried(AF_INET6, octets, found));
		assert_memory_equal(found, inner, 4);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		uint8_t octets[16], found[4];
		int family = octets_of(others[i], octets);

		assert_false(kind_carried(family, octets, found));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_narrowest),
		cmocka_unit_test(knows_how_far_multicast_reaches),
		cmocka_unit_test(takes_out_the_carried_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
