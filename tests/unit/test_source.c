/*
 * source.c: what --source takes, where the rest is refused, and the order in which sources are used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "bench/source.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct source parse(const char *text)
{
	struct source source;
	const char *why;
	size_t column;

	assert_int_equal(source_parse(text, &source, &column, &why), 0);
	return source;
}

static void assert_at(const char *text, uint64_t index, const char *expected)
{
	struct source source = parse(text);
	char shown[ADDR_TEXT_SIZE];
	struct addr addr;

	assert_true(source_at(&source, index, ADDR_TCP, source.ranges[0].family, &addr));
	assert_string_equal(addr_format(&addr, shown, sizeof(shown)), expected);
}

static void counts_through_them(void **state)
{
	assert_at("192.0.2.7", 0, "tcp://192.0.2.7:0");
	assert_at("192.0.2.7", 99, "tcp://192.0.2.7:0");
	assert_at("127.0.0.254-127.0.1.1", 3, "tcp://127.0.1.1:0");
	assert_at("127.0.0.254-127.0.1.1", 4, "tcp://127.0.0.254:0");
	assert_at("127.0.5.9/24", 0, "tcp://127.0.5.1:0");
	assert_at("127.0.5.9/24", 253, "tcp://127.0.5.254:0");
	assert_at("127.0.5.9/31", 0, "tcp://127.0.5.8:0");
	assert_at("127.0.5.9/32", 1, "tcp://127.0.5.9:0");
	assert_at("10.0.0.1:1024-65535", 0, "tcp://10.0.0.1:1024");
	assert_at("10.0.0.1:1024-65535", 64511, "tcp://10.0.0.1:65535");
	assert_at("10.0.0.1-10.0.0.2:5-6", 1, "tcp://10.0.0.2:5");
	assert_at("10.0.0.1-10.0.0.2:5-6", 2, "tcp://10.0.0.1:6");
	assert_at("10.0.0.1,10.9.0.1:7", 1, "tcp://10.9.0.1:7");
	assert_at("fd00::1", 0, "tcp://[fd00::1]:0");
	assert_at("fd00::ffff-fd00::1:1", 2, "tcp://[fd00::1:1]:0");
	assert_at("[fd00::5/64]:9", 0, "tcp://[fd00::1]:9");
	assert_at("[fd00::5/64]:9", 0xffffff00, "tcp://[fd00::ffff:ff01]:9");
	assert_at("::1,::2", 1, "tcp://[::2]:0");
}

/* Each link has the same link-local addresses: without a zone the kernel does not know which is meant. */
static void zones_are_kept(void **state)
{
	assert_at("fe80::1%lo", 0, "tcp://[fe80::1%lo]:0");
	assert_at("fe80::1%1", 0, "tcp://[fe80::1%lo]:0");
	assert_at("[fe80::1%lo]:7", 0, "tcp://[fe80::1%lo]:7");
	assert_at("fe80::1%lo-fe80::3", 2, "tcp://[fe80::3%lo]:0");
	assert_at("[fe80::1%lo-fe80::3%lo]:7-8", 5, "tcp://[fe80::3%lo]:8");
	assert_at("fe80::%lo/64,fe80::9", 0, "tcp://[fe80::1%lo]:0");
	assert_at("fe80::1%lo,fe80::2", 1, "tcp://[fe80::2]:0");
	assert_at("fe80::1%4000000000", 0, "tcp://[fe80::1%4000000000]:0");
}

static void families_are_kept_apart(void **state)
{
	struct source source = parse("127.0.0.1-127.0.0.3,[::1]:5-9,127.0.0.9");
	struct addr addr;

	assert_int_equal(source_count(&source, AF_INET), 4);
	assert_int_equal(source_count(&source, AF_INET6), 5);
	source = parse("::1");
	assert_false(source_at(&source, 0, ADDR_TCP, AF_INET, &addr));
	source = parse("10.0.0.0/8:1-65535");
	assert_int_equal(source_count(&source, AF_INET), ((1ull << 24) - 2) * 65535);
	source = parse("0.0.0.0-255.255.255.255");
	assert_int_equal(source_count(&source, AF_INET), 1ull << 32);
}

static void refuses_at_the_column(void **state)
{
	static const struct {
		const char *text;
		size_t column;
	} cases[] = {
		{ "", 0 },
		{ "localhost", 0 },
		{ "tcp://127.0.0.1", 0 },
		{ "127.1", 0 },
		{ "fe80::1%", 0 },
		{ "fe80::1%no-such-0", 8 },
		{ "fe80::1%no-such-0-fe80::2", 8 },
		{ "[fe80::1%nowhere]:5", 9 },
		{ "fe80::1%lo-fe80::2%2", 11 },
		{ "fe80::1-fe80::2%lo", 8 },
		{ "127.0.0.1%lo", 0 },
		{ "127.0.0.1-", 10 },
		{ "127.0.0.1-::1", 10 },
		{ "127.0.0.9-127.0.0.1", 10 },
		{ "127.0.0.1/", 10 },
		{ "127.0.0.1/33", 10 },
		{ "127.0.0.1/0", 10 },
		{ "127.0.0.1:", 10 },
		{ "127.0.0.1:0", 10 },
		{ "127.0.0.1:9-5", 13 },
		{ "127.0.0.1:5-65536", 12 },
		{ "127.0.0.1,", 10 },
		{ "[::1", 4 },
		{ "[::1]5", 5 },
		{ "[::1]:x", 6 },
		{ "127.0.0.1 ", 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct source source = { .count = 4711 };
		const char *why = NULL;
		size_t column = 4711;

		assert_int_equal(source_parse(cases[i].text, &source, &column, &why), -EINVAL);
		assert_int_equal(column, cases[i].column);
		assert_non_null(why);
		assert_int_equal(source.count, 4711);
	}
}

static void assert_share(
	const char *text, uint32_t rank, uint32_t size, const char *first, const char *last)
{
	struct source source = parse(text);
	int family = source.ranges[0].family;
	uint64_t own = source_count(&source, family) / size;
	char shown[ADDR_TEXT_SIZE];
	struct addr addr;

	source_split(&source, rank, size);
	assert_true(source_at(&source, 0, ADDR_TCP, family, &addr));
	assert_string_equal(addr_format(&addr, shown, sizeof(shown)), first);
	assert_true(source_at(&source, own > 0 ? own - 1 : 5, ADDR_TCP, family, &addr));
	assert_string_equal(addr_format(&addr, shown, sizeof(shown)), last);
}

static void ranks_have_shares_of_their_own(void **state)
{
	bool taken[10] = { false };

	assert_share("127.0.0.2-127.0.0.9", 0, 4, "tcp://127.0.0.2:0", "tcp://127.0.0.3:0");
	assert_share("127.0.0.2-127.0.0.9", 3, 4, "tcp://127.0.0.8:0", "tcp://127.0.0.9:0");
	assert_share("10.0.0.1:2000-2999", 1, 2, "tcp://10.0.0.1:2500", "tcp://10.0.0.1:2999");
	/* Fewer than ranks: each has one. */
	assert_share("10.0.0.1-10.0.0.2", 3, 4, "tcp://10.0.0.2:0", "tcp://10.0.0.2:0");
	assert_share("10.0.0.1", 7, 8, "tcp://10.0.0.1:0", "tcp://10.0.0.1:0");
	assert_share("fd00::/64", 16777215, 16777216, "tcp://[fd00::ffff:ff00]:0",
		"tcp://[fd00::ffff:fffe]:0");
	/* Where they do not come out even, none is left over and none has two owners. */
	for (uint32_t rank = 0; rank < 3; rank++) {
		struct source source = parse("10.0.0.1-10.0.0.10");
		uint64_t own = rank < 2 ? 3 : 4;

		source_split(&source, rank, 3);
		for (uint64_t i = 0; i < own; i++) {
			struct addr addr;
			unsigned which;

			assert_true(source_at(&source, i, ADDR_TCP, AF_INET, &addr));
			which = (ntohl(addr.in.sin_addr.s_addr) & 0xff) - 1;
			assert_false(taken[which]);
			taken[which] = true;
		}
	}
	for (size_t i = 0; i < COUNT(taken); i++)
		assert_true(taken[i]);
}

static void the_cap_on_ranges_holds(void **state)
{
	char text[SOURCE_MOST_RANGES * 8 + 16] = "";
	struct source source;
	const char *why;
	size_t column;

	for (unsigned i = 0; i < SOURCE_MOST_RANGES; i++)
		strcat(text, i > 0 ? ",1.2.3.4" : "1.2.3.4");
	assert_int_equal(source_parse(text, &source, &column, &why), 0);
	strcat(text, ",1.2.3.4");
	assert_int_equal(source_parse(text, &source, &column, &why), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_through_them),
		cmocka_unit_test(zones_are_kept),
		cmocka_unit_test(families_are_kept_apart),
		cmocka_unit_test(refuses_at_the_column),
		cmocka_unit_test(ranks_have_shares_of_their_own),
		cmocka_unit_test(the_cap_on_ranges_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
