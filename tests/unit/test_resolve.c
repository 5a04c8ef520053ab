/*
 * resolve.c without a name server: literals, wildcards, zones, paths, and localhost, which the system
 * knows by itself (RFC 6761 6.3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "net/resolve.h"
#include "skipping.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct resolve_list list;

static int resolve_text(const char *text, enum resolve_purpose purpose)
{
	struct addr_spec spec;

	assert_int_equal(addr_parse(text, &spec, NULL), 0);
	return resolve(&spec, purpose, &list);
}

static const char *first(void)
{
	static char text[ADDR_TEXT_SIZE];

	return addr_format(&list.addrs[0], text, sizeof(text));
}

static bool have_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void puts_literals_into_addresses(void **state)
{
	static const struct {
		const char *text, *address;
	} cases[] = {
		{ "127.0.0.1:7", "tcp://127.0.0.1:7" },
		{ "127.1", "tcp://127.0.0.1:5000" },
		{ "0x7f000001:80", "tcp://127.0.0.1:80" },
		{ "udp://[2001:db8::1]:9", "udp://[2001:db8::1]:9" },
		{ "[::ffff:127.0.0.1]:9", "tcp://127.0.0.1:9" },
		{ "[fe80::1%lo]:9", "tcp://[fe80::1%lo]:9" },
		{ "[fe80::1%1]:9", "tcp://[fe80::1%lo]:9" },
		{ "[::]:9", "tcp://[::]:9" },
		{ "0.0.0.0:9", "tcp://0.0.0.0:9" },
		{ "unix:/run/echo", "unix:/run/echo" },
		{ "unixgram:@a\\x00b", "unixgram:@a\\x00b" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(resolve_text(cases[i].text, RESOLVE_LISTEN), 0);
		assert_int_equal(list.count, 1);
		assert_string_equal(first(), cases[i].address);
		assert_false(list.addrs[0].dual_stack);
	}
}

static void counts_the_bytes_of_unix_names(void **state)
{
	size_t offset = offsetof(struct sockaddr_un, sun_path);

	assert_int_equal(resolve_text("unix:/ab", RESOLVE_CONNECT), 0);
	assert_int_equal(list.addrs[0].length, offset + 4); /* with the 0 at its end */
	assert_int_equal(resolve_text("unix:@ab", RESOLVE_CONNECT), 0);
	assert_int_equal(list.addrs[0].length, offset + 3); /* with the 0 before it, and no more */
	assert_memory_equal(list.addrs[0].un.sun_path, "\0ab", 3);
}

static void spreads_the_wildcard(void **state)
{
	assert_int_equal(resolve_text("tcp4://*:7", RESOLVE_LISTEN), 0);
	assert_int_equal(list.count, 1);
	assert_string_equal(first(), "tcp://0.0.0.0:7");
	assert_int_equal(resolve_text("tcp6://*:7", RESOLVE_LISTEN), 0);
	assert_int_equal(list.count, 1);
	assert_string_equal(first(), "tcp://[::]:7");
	assert_false(list.addrs[0].dual_stack);
	assert_int_equal(resolve_text("*:7", RESOLVE_LISTEN), 0);
	assert_int_equal(list.count, 1);
	assert_string_equal(first(), have_ipv6() ? "tcp://*:7" : "tcp://0.0.0.0:7");
	assert_int_equal(list.addrs[0].dual_stack, have_ipv6());
}

static void connects_the_wildcard_to_this_machine(void **state)
{
	char text[ADDR_TEXT_SIZE];

	assert_int_equal(resolve_text("udp4://*:7", RESOLVE_CONNECT), 0);
	assert_int_equal(list.count, 1);
	assert_string_equal(first(), "udp://127.0.0.1:7");
	assert_int_equal(resolve_text("udp6://*:7", RESOLVE_CONNECT), 0);
	assert_string_equal(first(), "udp://[::1]:7");
	assert_int_equal(resolve_text(":7", RESOLVE_CONNECT), 0);
	assert_int_equal(list.count, have_ipv6() ? 2 : 1);
	assert_string_equal(
		addr_format(&list.addrs[list.count - 1], text, sizeof(text)), "tcp://127.0.0.1:7");
	assert_false(list.addrs[0].dual_stack);
}

static void knows_localhost(void **state)
{
	struct addrinfo *found = NULL;

	if (getaddrinfo("localhost", NULL, NULL, &found) != 0)
		SKIP("the name has no address (/etc/hosts)");
	freeaddrinfo(found);
	assert_int_equal(resolve_text("tcp4://localhost:7", RESOLVE_CONNECT), 0);
	assert_int_equal(list.count, 1);
	assert_string_equal(first(), "tcp://127.0.0.1:7");
	assert_int_equal(list.addrs[0].scheme, ADDR_TCP);
	assert_int_equal(resolve_text("udp://localhost:9", RESOLVE_CONNECT), 0);
	assert_true(list.count >= 1 && list.count <= 2);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(addr_port(&list.addrs[i]), 9);
}

static void refuses_unknown_zones(void **state)
{
	list.count = 4711;
	assert_int_equal(resolve_text("[fe80::1%nosuchif]:7", RESOLVE_CONNECT), -ENODEV);
	assert_int_equal(list.count, 4711);
}

static void explains_every_error(void **state)
{
	static const int errors[] = { -ENOENT, -EAGAIN, -EADDRNOTAVAIL, -ENODEV, -ENOMEM, -EIO };

	for (size_t i = 0; i < COUNT(errors); i++) {
		assert_true(strlen(resolve_strerror(errors[i])) > 5);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(
				resolve_strerror(errors[i]), resolve_strerror(errors[j]));
	}
}

/* No file and no name server says anything of the second; an empty root says nothing of the first. */
static void knows_this_machine_without_anybody(void **state)
{
	static const char *const names[] = { "localhost:9", "LOCALHOST.:9", "echo.localhost:9" };

	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(resolve_text(names[i], RESOLVE_CONNECT), 0);
		assert_true(strcmp(first(), "tcp://127.0.0.1:9") == 0 ||
			strcmp(first(), "tcp://[::1]:9") == 0);
	}
	assert_int_not_equal(resolve_text("not-localhost.invalid:9", RESOLVE_CONNECT), 0);
	assert_int_not_equal(resolve_text("notlocalhost:9", RESOLVE_CONNECT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_literals_into_addresses),
		cmocka_unit_test(counts_the_bytes_of_unix_names),
		cmocka_unit_test(knows_this_machine_without_anybody),
		cmocka_unit_test(spreads_the_wildcard),
		cmocka_unit_test(connects_the_wildcard_to_this_machine),
		cmocka_unit_test(knows_localhost),
		cmocka_unit_test(refuses_unknown_zones),
		cmocka_unit_test(explains_every_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
