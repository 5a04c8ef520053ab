/*
 * Headers of the PROXY protocol: those that HAProxy, nginx and stunnel really send, those of the specification, each
 * cut at every byte, and what is none. proxy_write() is held to the same reader, and to bytes written out here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/literal.h"
#include "wire/proxy_write.h"

#define V2 PROXY_SIGNATURE

struct bytes {
	const char *bytes;
	size_t length;
};
#define BYTES(text)                                                                                \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

/* What each header is, at every length: never read beyond, never something else than at the end. */
static struct proxy_header take(const void *bytes, size_t length)
{
	struct proxy_header header;
	enum proxy_fault fault = PROXY_NO_FAULT;

	for (size_t cut = 0; cut < length; cut++) {
		void *copy = malloc(cut + 1);

		memcpy(copy, bytes, cut);
		assert_int_equal(proxy_read(copy, cut, &header, &fault), PROXY_MORE);
		free(copy);
	}
	if (proxy_read(bytes, length, &header, &fault) != PROXY_WHOLE)
		fail_msg("refused: %s", proxy_fault_text(fault));
	assert_int_equal(header.length, length);
	return header;
}

static struct proxy_header take_line(const char *line)
{
	return take(line, strlen(line));
}

static void assert_addr(const struct addr *addr, const char *text)
{
	char buffer[ADDR_TEXT_SIZE];

	assert_string_equal(addr_format(addr, buffer, sizeof(buffer)), text);
}

static void version_1(void **state)
{
	struct proxy_header header = take_line("PROXY TCP4 192.0.2.7 192.0.2.1 4711 7\r\n");

	assert_int_equal(header.version, PROXY_V1);
	assert_int_equal(header.kind, PROXY_CLIENT);
	assert_addr(&header.source, "tcp://192.0.2.7:4711");
	assert_addr(&header.destination, "tcp://192.0.2.1:7");
	header = take_line("PROXY TCP6 2001:db8::7 ::1 65535 0\r\n");
	assert_addr(&header.source, "tcp://[2001:db8::7]:65535");
	assert_int_equal(take_line("PROXY UNKNOWN\r\n").kind, PROXY_UNKNOWN);
	header = take_line("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
	assert_int_equal(header.kind, PROXY_CLIENT);
	/* The longest of all, 107 bytes. */
	header = take_line("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
	assert_int_equal(header.length, 107);
}

static void assert_wrong(const void *bytes, size_t length, enum proxy_fault expected)
{
	struct proxy_header header;
	enum proxy_fault fault = PROXY_NO_FAULT;

	assert_int_equal(proxy_read(bytes, length, &header, &fault), PROXY_WRONG);
	assert_int_equal(fault, expected);
	assert_true(proxy_fault_text(fault)[0] != '\0' && proxy_fault_key(fault)[0] != '\0');
}

static void wrong_lines(void **state)
{
	static const char *const lines[] = {
		"PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 4711 \r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 4711 7 \r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 4711 7 7\r\n",
		"PROXY TCP4  192.0.2.7 192.0.2.1 4711 7\r\n",
		"PROXY  TCP4 ",
		"PROXY TCP4 192.0.2 192.0.2.1 4711 7\r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 65536 7\r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 00 7\r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 +1 7\r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 -1 7\r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 1x 7\r\n",
		"PROXY TCP6 192.0.2.7 192.0.2.1 1 7\r\n",
		"PROXY TCP6 fe80::1%lo ::1 1 7\r\n",
		"PROXY TCP4 192.0.2.7 ::1 1 7\r\n",
		"PROXY UNKNOWNX\r\n",
		"PROXY UDP4 ",
		"PROXY tcp4 ",
		"PROXY T\r",
		"PROXY TCP4\t",
		"PROXY TCP4 192.0.2.7 192.0.2.1 4711 7\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 4711 7\rx",
		"PROXY TCP4 192.0.2.7\x7f",
		"PROXY UNKNOWN \xc3\xa9",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_wrong(lines[i], strlen(lines[i]), PROXY_BAD_LINE);
	assert_wrong("PROXY TCP4 \0", 12, PROXY_BAD_LINE);

	char text[200] = "PROXY UNKNOWN ";

	memset(text + strlen(text), 'x', 150);
	assert_wrong(text, 107, PROXY_TOO_LONG);
	text[106] = '\r';
	text[107] = '\n';
	assert_wrong(text, 108, PROXY_TOO_LONG);
}

static void no_header(void **state)
{
	static const struct bytes none[] = { BYTES("x"), BYTES("PROXX"), BYTES("PROXY\r"),
		BYTES("\0"), BYTES("\r\n\r\n\0\r\nQUIT\r"), BYTES("\r\r"), BYTES("p"),
		BYTES("\x16") };
	struct proxy_header header;
	enum proxy_fault fault;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_int_equal(
			proxy_read(none[i].bytes, none[i].length, &header, &fault), PROXY_NONE);
		assert_int_equal(
			proxy_read(none[i].bytes, none[i].length - 1, &header, &fault), PROXY_MORE);
		assert_false(proxy_has_begun(none[i].bytes, none[i].length));
	}
	assert_true(proxy_has_begun("PROXY ", 6));
	assert_false(proxy_has_begun("PROXY", 5));
	assert_true(proxy_has_begun(V2, 12));
	assert_false(proxy_has_begun(V2, 11));
}

/* As HAProxy 2.6 sends it, with `send-proxy-v2-ssl-cn`, crc32c and unique-id. */
static void version_2(void **state)
{
	static const char inet[] = V2 "\x21\x11\x00\x0c"
				      "\xc0\x00\x02\x07\xc0\x00\x02\x01\x12\x67\x00\x07";
	static const char fields[] = V2 "\x21\x11\x00\x38"
					"\xc0\x00\x02\x07\xc0\x00\x02\x01\x12\x67\x00\x07"
					"\x02\x00\x04host"
					"\x05\x00\x03\x00\xff\n"
					"\x20\x00\x15\x07\x00\x00\x00\x00"
					"\x21\x00\x07TLSv1.3\x22\x00\x03who"
					"\xea\x00\x01x"
					"\x04\x00\x00";
	struct proxy_header header = take(inet, sizeof(inet) - 1);

	assert_int_equal(header.version, PROXY_V2);
	assert_int_equal(header.kind, PROXY_CLIENT);
	assert_addr(&header.source, "tcp://192.0.2.7:4711");
	assert_addr(&header.destination, "tcp://192.0.2.1:7");
	assert_false(header.checked || header.has_tls);
	assert_null(header.authority.bytes);
	header = take(fields, sizeof(fields) - 1);
	assert_int_equal(header.authority.length, 4);
	assert_memory_equal(header.authority.bytes, "host", 4);
	assert_int_equal(header.unique_id.length, 3);
	assert_true(header.has_tls && header.client_used_tls && header.client_has_certificate &&
		header.certificate_verified);
	assert_memory_equal(header.tls_version.bytes, "TLSv1.3", header.tls_version.length);
	assert_memory_equal(header.tls_name.bytes, "who", header.tls_name.length);
}

static void local_and_unknown(void **state)
{
	static const char local[] = V2 "\x20\x00\x00\x00";
	static const char addressed[] = V2 "\x20\x11\x00\x0c"
					   "\xc0\x00\x02\x07\xc0\x00\x02\x01\x12\x67\x00\x07";
	static const char nonsense[] = V2 "\x20\xff\x00\x05\x04\xff\xff\x00\x00";
	static const char unspecified[] = V2 "\x21\x00\x00\x03\x04\x00\x00";
	static const char no_transport[] = V2 "\x21\x10\x00\x0c"
					      "\xc0\x00\x02\x07\xc0\x00\x02\x01\x12\x67\x00\x07";

	assert_int_equal(take(local, sizeof(local) - 1).kind, PROXY_LOCAL);
	assert_int_equal(take(addressed, sizeof(addressed) - 1).kind, PROXY_LOCAL);
	assert_int_equal(take(nonsense, sizeof(nonsense) - 1).kind, PROXY_LOCAL);
	assert_int_equal(take(unspecified, sizeof(unspecified) - 1).kind, PROXY_UNKNOWN);
	assert_int_equal(take(no_transport, sizeof(no_transport) - 1).kind, PROXY_UNKNOWN);
}

static void wrong_bytes(void **state)
{
	static const struct {
		struct bytes text;
		enum proxy_fault fault;
	} cases[] = {
		{ BYTES(V2 "\x11"), PROXY_BAD_VERSION },
		{ BYTES(V2 "\x31"), PROXY_BAD_VERSION },
		{ BYTES(V2 "\x22"), PROXY_BAD_VERSION },
		{ BYTES(V2 "\x21\x40\x00\x00"), PROXY_BAD_FAMILY },
		{ BYTES(V2 "\x21\x13\x00\x00"), PROXY_BAD_FAMILY },
		{ BYTES(V2 "\x21\x11\x00\x0b_________12"), PROXY_BAD_LENGTH },
		{ BYTES(V2 "\x21\x21\x00\x0c_________123"), PROXY_BAD_LENGTH },
		{ BYTES(V2 "\x21\x31\x00\x0c_________123"), PROXY_BAD_LENGTH },
		{ BYTES(V2 "\x21\x11\x10\x00"), PROXY_TOO_LONG },
		{ BYTES(V2 "\x21\x11\xff\xff"), PROXY_TOO_LONG },
		{ BYTES(V2 "\x21\x00\x00\x02\x04\x00"), PROXY_BAD_TLV },
		{ BYTES(V2 "\x21\x00\x00\x03\x04\x00\x01"), PROXY_BAD_TLV },
		{ BYTES(V2 "\x21\x00\x00\x07\x03\x00\x04____"), PROXY_BAD_CHECKSUM },
		{ BYTES(V2 "\x20\x00\x00\x07\x03\x00\x04____"), PROXY_BAD_CHECKSUM },
		{ BYTES(V2 "\x21\x00\x00\x06\x03\x00\x03___"), PROXY_BAD_TLV },
		{ BYTES(V2 "\x21\x00\x00\x07\x20\x00\x04____"), PROXY_BAD_TLV },
		{ BYTES(V2 "\x21\x00\x00\x0a\x20\x00\x07_____\x21\x00"), PROXY_BAD_TLV },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_wrong(cases[i].text.bytes, cases[i].text.length, cases[i].fault);
	/* The longest that is taken. */
	unsigned char *longest = calloc(1, PROXY_MOST_BYTES);

	memcpy(longest, V2 "\x21\x00\x0f\xf0\x04\x0f\xed", PROXY_FIXED_BYTES + 3);
	assert_int_equal(take(longest, PROXY_MOST_BYTES).kind, PROXY_UNKNOWN);
	free(longest);
}

static struct addr addr_of(const char *text, uint16_t port)
{
	struct addr addr = { .scheme = ADDR_TCP };
	struct literal literal;

	if (text[0] == '/' || text[0] == '\0') {
		addr = (struct addr){ .scheme = ADDR_UNIX, .length = sizeof(sa_family_t) };
		addr.un.sun_family = AF_UNIX;
		if (text[0] != '\0') {
			strcpy(addr.un.sun_path, text);
			addr.length += strlen(text) + 1;
		}
		return addr;
	}
	assert_int_equal(literal_parse(text, &literal, NULL), 0);
	addr.generic.sa_family = (sa_family_t)literal.family;
	addr.length = literal.family == AF_INET ? sizeof(addr.in) : sizeof(addr.in6);
	memcpy(literal.family == AF_INET ? (void *)&addr.in.sin_addr : (void *)&addr.in6.sin6_addr,
		literal.octets, literal.family == AF_INET ? 4 : 16);
	addr_set_port(&addr, port);
	return addr;
}

static void written_and_read(void **state)
{
	static const struct {
		const char *source, *destination, *line, *read;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.1", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 7\r\n",
			"tcp://192.0.2.7:4711" },
		{ "2001:db8::7", "::1", "PROXY TCP6 2001:db8::7 ::1 4711 7\r\n",
			"tcp://[2001:db8::7]:4711" },
		{ "2001:db8::7", "192.0.2.1", "PROXY TCP6 2001:db8::7 ::ffff:192.0.2.1 4711 7\r\n",
			"tcp://[2001:db8::7]:4711" },
		{ "192.0.2.7", "::1", "PROXY TCP6 ::ffff:192.0.2.7 ::1 4711 7\r\n",
			"tcp://192.0.2.7:4711" },
		{ "/run/a", "/run/b", "PROXY UNKNOWN\r\n", "unix:/run/a" },
		{ "", "/run/b", "PROXY UNKNOWN\r\n", "unix:" },
		{ "192.0.2.7", "/run/b", "PROXY UNKNOWN\r\n", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr source = addr_of(cases[i].source, 4711);
		struct addr destination = addr_of(cases[i].destination, 7);
		unsigned char buffer[PROXY_WRITE_SIZE];
		size_t length = proxy_write(PROXY_V1, &source, &destination, buffer);
		struct proxy_header header;

		assert_int_equal(length, strlen(cases[i].line));
		assert_memory_equal(buffer, cases[i].line, length);
		take(buffer, length);
		length = proxy_write(PROXY_V2, &source, &destination, buffer);
		header = take(buffer, length);
		assert_true(header.checked);
		assert_int_equal(header.kind, cases[i].read != NULL ? PROXY_CLIENT : PROXY_UNKNOWN);
		if (cases[i].read != NULL)
			assert_addr(&header.source, cases[i].read);
		/* Each bit that is turned is noticed. */
		for (size_t bit = PROXY_FIXED_BYTES * 8; bit < length * 8; bit++) {
			enum proxy_fault fault;

			buffer[bit / 8] ^= (unsigned char)(1 << bit % 8);
			if (proxy_read(buffer, length, &header, &fault) == PROXY_WHOLE)
				assert_false(header.checked);
			buffer[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
	}

	unsigned char buffer[PROXY_WRITE_SIZE];

	assert_int_equal(take(buffer, proxy_write_local(buffer)).kind, PROXY_LOCAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1),
		cmocka_unit_test(wrong_lines),
		cmocka_unit_test(no_header),
		cmocka_unit_test(version_2),
		cmocka_unit_test(local_and_unknown),
		cmocka_unit_test(wrong_bytes),
		cmocka_unit_test(written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
