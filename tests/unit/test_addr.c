/*
 * addr.c and addr_parse.c: the forms of the house, their canonical text, and every fault with its
 * column; then formatting, unmapping and comparing what a kernel would hand over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/addr.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SIXTY_TWO "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijab"
#define PATH_107                                                                                   \
	"/bcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"                                       \
	"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefg"

static void parses_and_formats(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "localhost", "tcp://localhost:5000" },
		{ "localhost:7", "tcp://localhost:7" },
		{ "localhost:echo", "tcp://localhost:7" },
		{ "localhost:ECHO", "tcp://localhost:7" },
		{ "localhost:0", "tcp://localhost:0" },
		{ "localhost:65535", "tcp://localhost:65535" },
		{ "127.0.0.1", "tcp://127.0.0.1:5000" },
		{ "127.1:80", "tcp://127.0.0.1:80" },
		{ "0x7f000001", "tcp://127.0.0.1:5000" },
		{ "70000", "tcp://0.1.17.112:5000" },
		{ "0", "tcp://0.0.0.0:5000" },
		{ "tcp://127.0.0.1", "tcp://127.0.0.1:5000" },
		{ "tcp4://127.0.0.1:1", "tcp://127.0.0.1:1" },
		{ "tcp6://[::1]:1", "tcp://[::1]:1" },
		{ "UDP://[2001:DB8::1]:1", "udp://[2001:db8::1]:1" },
		{ "::1", "tcp://[::1]:5000" },
		{ "udp://::1", "udp://[::1]:5000" },
		{ "fe80::1%eth0", "tcp://[fe80::1%eth0]:5000" },
		{ "[fe80::1%2]:7", "tcp://[fe80::1%2]:7" },
		{ "[::ffff:192.0.2.1]:7", "tcp://192.0.2.1:7" },
		{ "tcp4://[::ffff:192.0.2.1]:7", "tcp://192.0.2.1:7" },
		{ "*", "tcp://*:5000" },
		{ ":80", "tcp://*:80" },
		{ "*:80", "tcp://*:80" },
		{ "tcp://", "tcp://*:5000" },
		{ "udp4://*:7", "udp4://*:7" },
		{ "tcp6://:7", "tcp6://*:7" },
		{ "udp6://localhost:7", "udp6://localhost:7" },
		{ "_echo._tcp.example.org.:7", "tcp://_echo._tcp.example.org.:7" },
		{ "메아리.한국:7", "tcp://메아리.한국:7" },
		{ "a" SIXTY_TWO ":7", "tcp://a" SIXTY_TWO ":7" },
		{ "unix:/run/echo.sock", "unix:/run/echo.sock" },
		{ "unix:///run/echo.sock", "unix:/run/echo.sock" },
		{ "unix:echo.sock", "unix:echo.sock" },
		{ "unix:\\x40echo", "unix:\\x40echo" }, /* the file @echo */
		{ "unix:////run", "unix:////run" }, /* the path //run */
		{ "unix:/a:b", "unix:/a:b" },
		{ "unix:@echo", "unix:@echo" },
		{ "unix:@a\\x00b", "unix:@a\\x00b" },
		{ "unixgram:/메아리", "unixgram:/메아리" },
		{ "unix:/a\x1b\xff", "unix:/a\\x1b\\xff" },
		{ "unix:/a\\b", "unix:/a\\x5cb" },
		{ "unix:" PATH_107, "unix:" PATH_107 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr_spec spec;
		struct addr_fault fault = { .text = "" };
		char text[ADDR_TEXT_SIZE];

		assert_int_equal(addr_parse(cases[i].text, &spec, &fault), 0);
		assert_string_equal(
			addr_spec_format(&spec, text, sizeof(text)), cases[i].canonical);
		/* What was written canonically is the same address again. */
		assert_int_equal(addr_parse(text, &spec, &fault), 0);
		assert_string_equal(
			addr_spec_format(&spec, text, sizeof(text)), cases[i].canonical);
	}
}

static void says_where_and_why(void **state)
{
	static const struct {
		const char *text;
		size_t column; /* from 0 */
		const char *why;
	} cases[] = {
		{ "", 0, "nothing is written" },
		{ "5000", 0, "a port without a host is written ':5000'" },
		{ "udp://5000", 6, "a port without a host is written '*:5000'" },
		{ "http://x", 0,
			"unknown scheme 'http' (known: tcp tcp4 tcp6 udp udp4 udp6 tls tls4 tls6 unix unixgram)" },
		{ "tcp:localhost:7", 4, "'//' is missing after 'tcp:'" },
		{ "300.0.0.1", 0, "octet 300 is above 255" },
		{ "tcp://300.0.0.1:7", 6, "octet 300 is above 255" },
		{ "tcp://[::g]:7", 9, "'g' is not a hexadecimal digit" },
		{ "tcp4://[::1]", 8, "'::1' is an IPv6 address, 'tcp4' wants IPv4" },
		{ "tcp4://::1", 7, "'::1' is an IPv6 address, 'tcp4' wants IPv4" },
		{ "udp6://1.2.3.4:7", 7, "'1.2.3.4' is an IPv4 address, 'udp6' wants IPv6" },
		{ "tcp6://[::ffff:1.2.3.4]", 8,
			"'::ffff:1.2.3.4' is an IPv4 address, 'tcp6' wants IPv6" },
		{ "[::1:7", 0, "'[' without its ']'" },
		{ "[::1]7", 5, "after ']' comes ':' and the port, not '7'" },
		{ "[1.2.3.4]:7", 1, "only an IPv6 address stands in brackets" },
		{ "[]:7", 1, "only an IPv6 address stands in brackets" },
		{ "1:2:3:4:5:6:7:8:80", 15,
			"an IPv6 address with a port is written in brackets, [1:2:3:4:5:6:7:8]:80" },
		{ "fe80::1%lo:80", 10,
			"an IPv6 address with a port is written in brackets, [fe80::1%lo]:80" },
		{ "tcp://1::2::3", 10, "more than one '::'" },
		{ "localhost:80:90", 12,
			"a second ':' (IPv6 addresses are written in brackets, [::1]:5000)" },
		{ "h:", 2, "no port after ':'" },
		{ "[::1]:", 6, "no port after ':'" },
		{ "h:65536", 2, "port 65536 is above 65535" },
		{ "h:99999999999999999999999", 2, "port 99999999999999999999999 is above 65535" },
		{ "h:-1", 2, "port '-1' is neither a number nor a known service" },
		{ "h:no such", 2, "port 'no such' is neither a number nor a known service" },
		{ "a b", 1, "' ' cannot be in a host name" },
		{ "a/b", 1, "'/' cannot be in a host name" },
		{ "h\x1b[2J", 1, "'\\x1b' cannot be in a host name" },
		{ "h\xff", 1, "'\\xff' cannot be in a host name" },
		{ "a\u202eb", 1, "'\\xe2\\x80\\xae' cannot be in a host name" },
		{ "a..b", 2, "empty label in the host name" },
		{ ".", 0, "empty label in the host name" },
		{ "-a", 0, "a label of a host name cannot start or end with '-'" },
		{ "a-.b", 1, "a label of a host name cannot start or end with '-'" },
		{ "ab" SIXTY_TWO ".b", 63, "a label of the host name has 64 bytes (at most 63)" },
		{ SIXTY_TWO "." SIXTY_TWO "." SIXTY_TWO "." SIXTY_TWO ".ab", 253,
			"the host name has 254 bytes (at most 253)" },
		{ SIXTY_TWO "." SIXTY_TWO "." SIXTY_TWO "." SIXTY_TWO "." SIXTY_TWO, 253,
			"the host name has 314 bytes (at most 253)" },
		{ "unix:", 5, "no path" },
		{ "unixgram:", 9, "no path" },
		{ "unix:@", 6, "no name after '@'" },
		{ "unix://run", 7, "a third '/' is missing (unix:///PATH or unix:PATH)" },
		{ "unix:/a\\x00", 7, "a path cannot hold a zero byte" },
		{ "unix:" PATH_107 "h", 112, "the path is too long (at most 107 bytes)" },
		{ "unix:@" PATH_107 "h", 113, "the name is too long (at most 107 bytes)" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr_spec spec = { .port = 4711 };
		struct addr_fault fault;

		assert_int_equal(addr_parse(cases[i].text, &spec, &fault), -EINVAL);
		assert_string_equal(fault.text, cases[i].why);
		assert_int_equal(fault.column, cases[i].column);
		assert_int_equal(addr_parse(cases[i].text, &spec, NULL), -EINVAL);
		assert_int_equal(spec.port, 4711);
	}
}

static void takes_apart(void **state)
{
	struct addr_spec spec;

	assert_int_equal(addr_parse("localhost", &spec, NULL), 0);
	assert_false(spec.port_given);
	assert_false(spec.any);
	assert_int_equal(spec.family, AF_UNSPEC);
	assert_int_equal(addr_parse("udp6://*:0", &spec, NULL), 0);
	assert_true(spec.port_given);
	assert_true(spec.any);
	assert_string_equal(spec.host, "");
	assert_int_equal(spec.scheme, ADDR_UDP);
	assert_int_equal(spec.family, AF_INET6);
	assert_int_equal(addr_parse("[fe80::1%lo]:7", &spec, NULL), 0);
	assert_string_equal(spec.host, "fe80::1%lo");
	assert_int_equal(spec.family, AF_INET6);
	assert_int_equal(addr_parse("unixgram:@a\\x00b", &spec, NULL), 0);
	assert_true(spec.abstract);
	assert_int_equal(spec.path_length, 3);
	assert_memory_equal(spec.path, "a\0b", 4);
}

static struct addr make_in6(const char *text, uint16_t port)
{
	struct addr addr = { .scheme = ADDR_TCP, .length = sizeof(addr.in6) };

	addr.in6.sin6_family = AF_INET6;
	addr.in6.sin6_port = htons(port);
	assert_int_equal(inet_pton(AF_INET6, text, &addr.in6.sin6_addr), 1);
	return addr;
}

static struct addr make_in(const char *text, uint16_t port)
{
	struct addr addr = { .scheme = ADDR_TCP, .length = sizeof(addr.in) };

	addr.in.sin_family = AF_INET;
	addr.in.sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, text, &addr.in.sin_addr), 1);
	return addr;
}

static struct addr make_un(const char *path, size_t length)
{
	struct addr addr = { .scheme = ADDR_UNIX };

	addr.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	addr.un.sun_family = AF_UNIX;
	memcpy(addr.un.sun_path, path, length);
	return addr;
}

static void treats_mapped_as_ipv4(void **state)
{
	struct addr mapped = make_in6("::ffff:192.0.2.1", 7), plain = make_in("192.0.2.1", 7);
	struct addr six = make_in6("2001:db8::1", 7);
	char text[ADDR_TEXT_SIZE];

	assert_true(addr_equal(&mapped, &plain));
	assert_string_equal(addr_format(&mapped, text, sizeof(text)), "tcp://192.0.2.1:7");
	assert_int_equal(mapped.generic.sa_family, AF_INET6);
	addr_unmap(&mapped);
	assert_int_equal(mapped.generic.sa_family, AF_INET);
	assert_int_equal(mapped.length, sizeof(struct sockaddr_in));
	assert_int_equal(addr_port(&mapped), 7);
	addr_unmap(&six);
	assert_int_equal(six.generic.sa_family, AF_INET6);
	assert_string_equal(addr_format(&six, text, sizeof(text)), "tcp://[2001:db8::1]:7");
}

static void compares(void **state)
{
	struct addr one = make_in6("fe80::1", 7), other = make_in6("fe80::1", 7);
	struct addr path = make_un("/a", 3), bare = make_un("/a", 2), abstract = make_un("\0/a", 3);
	struct addr longer = make_un("\0/a\0", 4);

	assert_true(addr_equal(&one, &other));
	other.in6.sin6_scope_id = 2;
	assert_false(addr_equal(&one, &other));
	other = one;
	addr_set_port(&other, 8);
	assert_int_equal(addr_port(&other), 8);
	assert_false(addr_equal(&one, &other));
	assert_false(addr_equal(&one, &path));
	assert_true(addr_equal(&path, &bare)); /* with and without its ending 0 */
	assert_false(addr_equal(&path, &abstract));
	assert_false(addr_equal(&abstract, &longer)); /* a 0 in an abstract name is part of it */
	addr_set_port(&path, 8);
	assert_int_equal(addr_port(&path), 0);
}

static void formats_unix_and_zones(void **state)
{
	struct addr unnamed = make_un("", 0), zoned = make_in6("fe80::1", 7);
	struct addr full = make_un(PATH_107 "h", 108);
	char text[ADDR_TEXT_SIZE];

	assert_string_equal(addr_format(&unnamed, text, sizeof(text)), "unix:");
	assert_string_equal(addr_format(&full, text, sizeof(text)), "unix:" PATH_107 "h");
	zoned.in6.sin6_scope_id = 1; /* the loopback interface, in every network namespace */
	assert_string_equal(addr_format(&zoned, text, sizeof(text)), "tcp://[fe80::1%lo]:7");
	zoned.in6.sin6_scope_id = 4000000000;
	assert_string_equal(
		addr_format(&zoned, text, sizeof(text)), "tcp://[fe80::1%4000000000]:7");
}

static void holds_every_path(void **state)
{
	struct addr_spec spec = { .scheme = ADDR_UNIXGRAM, .family = AF_UNIX, .abstract = true };
	char text[ADDR_TEXT_SIZE];

	spec.path_length = ADDR_PATH_SIZE - 1;
	memset(spec.path, 1, spec.path_length);
	addr_spec_format(&spec, text, sizeof(text));
	assert_int_equal(strlen(text), strlen("unixgram:@") + 4 * spec.path_length);
}

static void names_schemes(void **state)
{
	assert_string_equal(addr_scheme_name(ADDR_UNIXGRAM), "unixgram");
	assert_int_equal(addr_socket_type(ADDR_TCP), SOCK_STREAM);
	assert_int_equal(addr_socket_type(ADDR_UDP), SOCK_DGRAM);
	assert_int_equal(addr_socket_type(ADDR_UNIX), SOCK_STREAM);
	assert_int_equal(addr_socket_type(ADDR_UNIXGRAM), SOCK_DGRAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_formats),
		cmocka_unit_test(says_where_and_why),
		cmocka_unit_test(takes_apart),
		cmocka_unit_test(treats_mapped_as_ipv4),
		cmocka_unit_test(compares),
		cmocka_unit_test(formats_unix_and_zones),
		cmocka_unit_test(holds_every_path),
		cmocka_unit_test(names_schemes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
