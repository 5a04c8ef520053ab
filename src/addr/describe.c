/*
 * One address as lines for people. The label's column is as wide as the widest label on the screen,
 * which for Korean is not its number of characters: a Hangul syllable takes two cells.
 */
#include "addr/describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr/facts.h"
#include "base/i18n.h"
#include "base/text.h"
#include "net/kind.h"

#define BYTES_PER_LINE 16

enum label {
	LABEL_NAME,
	LABEL_FAMILY,
	LABEL_CANONICAL,
	LABEL_WRITTEN,
	LABEL_NOTE,
	LABEL_ADDRESS,
	LABEL_SOCKET,
	LABEL_KIND,
	LABEL_SCOPE,
	LABEL_CARRIED,
	LABEL_ZONE,
	LABEL_OCTETS,
	LABEL_NETWORK,
	LABEL_LITTLE,
	LABEL_PORT,
	LABEL_PORT_SWAPPED,
	LABEL_REVERSE,
	LABEL_INET_ADDR,
	LABEL_INET_ATON,
	LABEL_INET_PTON,
	LABEL_GETADDRINFO,
	LABEL_COUNT,
};

static const char *const labels[LABEL_COUNT] = {
	[LABEL_NAME] = N_("host name"),
	[LABEL_FAMILY] = N_("family"),
	[LABEL_CANONICAL] = N_("canonical text"),
	[LABEL_WRITTEN] = N_("written in"),
	[LABEL_NOTE] = N_("note"),
	[LABEL_ADDRESS] = N_("for meari"),
	[LABEL_SOCKET] = N_("socket"),
	[LABEL_KIND] = N_("kind"),
	[LABEL_SCOPE] = N_("reaches"),
	[LABEL_CARRIED] = N_("carries"),
	[LABEL_ZONE] = N_("zone"),
	[LABEL_OCTETS] = N_("octets"),
	[LABEL_NETWORK] = N_("big-endian number"),
	[LABEL_LITTLE] = N_("little-endian number"),
	[LABEL_PORT] = N_("port"),
	[LABEL_PORT_SWAPPED] = N_("port without htons()"),
	[LABEL_REVERSE] = N_("reverse name"),
	[LABEL_INET_ADDR] = "inet_addr()",
	[LABEL_INET_ATON] = "inet_aton()",
	[LABEL_INET_PTON] = "inet_pton()",
	[LABEL_GETADDRINFO] = "getaddrinfo()",
};

static int label_column(void)
{
	static int column;

	for (size_t i = 0; column == 0 || i < LABEL_COUNT; i++) {
		int width = (int)text_width(_(labels[i]));

		if (width > column)
			column = width;
	}
	return column;
}

static void print_row(enum label label, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void print_row(enum label label, const char *format, ...)
{
	const char *name = _(labels[label]);
	va_list arguments;

	printf("  %s%*s  ", name, label_column() - (int)text_width(name), "");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

void describe_row(const char *label, const char *value)
{
	printf("  %s%*s  %s\n", label, label_column() - (int)text_width(label), "", value);
}

void describe_name(const struct addr_spec *spec, const char *state)
{
	char text[ADDR_TEXT_SIZE];

	print_row(LABEL_NAME, "%s (%s)", spec->host, state);
	print_row(LABEL_ADDRESS, "%s", addr_spec_format(spec, text, sizeof(text)));
}

static void print_numbers(const struct literal *literal)
{
	size_t count = facts_octet_count(literal);
	char decimal[FACTS_NUMBER_SIZE], hexadecimal[FACTS_NUMBER_SIZE], hex[FACTS_HEX_SIZE];

	print_row(LABEL_OCTETS, _("%s (network order)"),
		facts_hex(literal->octets, count, hex, sizeof(hex)));
	print_row(LABEL_NETWORK, _("%s = %s (network order)"),
		facts_hexadecimal(literal->octets, count, false, hexadecimal),
		facts_decimal(literal->octets, count, false, decimal));
	print_row(LABEL_LITTLE, _("%s = %s (what such a machine reads in memory)"),
		facts_hexadecimal(literal->octets, count, true, hexadecimal),
		facts_decimal(literal->octets, count, true, decimal));
}

static void print_kind(const struct literal *literal)
{
	const struct kind *kind = kind_of(literal->family, literal->octets);
	const char *scope = kind_scope(literal->family, literal->octets);
	char prefix[KIND_PREFIX_SIZE], inner_text[LITERAL_TEXT_SIZE];
	struct literal inner = { .family = AF_INET };

	if (kind->bits > 0)
		print_row(LABEL_KIND, "%s, %s (%s)", _(kind->name),
			kind_prefix(kind, prefix, sizeof(prefix)), kind->rfc);
	else
		print_row(LABEL_KIND, "%s (%s)", _(kind->name), kind->rfc);
	if (scope != NULL)
		print_row(LABEL_SCOPE, "%s", _(scope));
	if (kind_carried(literal->family, literal->octets, inner.octets)) {
		kind = kind_of(AF_INET, inner.octets);
		print_row(LABEL_CARRIED, "%s, %s (%s)",
			literal_format(&inner, inner_text, sizeof(inner_text)), _(kind->name),
			kind->rfc);
	}
}

static void print_accepted(const struct describe_subject *subject)
{
	struct facts_accepted accepted = facts_accepted(subject->host, subject->literal.family);
	const char *yes = _("accepts it"), *no = _("does not accept it");
	static const uint8_t none[4] = { 255, 255, 255, 255 };
	bool is_none = subject->literal.family == AF_INET &&
		memcmp(subject->literal.octets, none, sizeof(none)) == 0;

	print_row(LABEL_INET_ADDR, "%s",
		is_none ? _("accepts it, but the result is INADDR_NONE, the same as for an error")
			: accepted.inet_addr ? yes
					     : no);
	print_row(LABEL_INET_ATON, "%s", accepted.inet_aton ? yes : no);
	print_row(LABEL_INET_PTON, "%s (%s)", accepted.inet_pton ? yes : no,
		subject->literal.family == AF_INET ? "AF_INET" : "AF_INET6");
	print_row(LABEL_GETADDRINFO, "%s (AI_NUMERICHOST)", accepted.getaddrinfo ? yes : no);
}

/* What a member of the sockaddr means, where its bytes do not say it plainly. */
static const char *field_meaning(const struct describe_subject *subject,
	const struct facts_field *field, char *buffer, size_t size)
{
	const char *what = strchr(field->name, '_') + 1;

	*buffer = '\0';
	if (strcmp(what, "family") == 0)
		snprintf(buffer, size, _("%s = %d, in this machine's order"),
			subject->addr.generic.sa_family == AF_INET            ? "AF_INET"
				: subject->addr.generic.sa_family == AF_INET6 ? "AF_INET6"
									      : "AF_UNIX",
			subject->addr.generic.sa_family);
	else if (strcmp(what, "port") == 0)
		snprintf(buffer, size, _("%u, in network order"), addr_port(&subject->addr));
	else if (strcmp(what, "addr") == 0)
		snprintf(buffer, size, "%s", _("in network order"));
	else if (strcmp(what, "scope_id") == 0)
		snprintf(buffer, size, _("%u, in this machine's order"), subject->scope_id);
	return buffer;
}

static void print_sockaddr(const struct describe_subject *subject)
{
	struct facts_field fields[5];
	const char *type;
	size_t count = facts_fields(&subject->addr, fields, &type);

	printf(_("  %s, %u bytes:\n"), type, (unsigned)subject->addr.length);
	for (size_t i = 0; i < count; i++) {
		const char *bytes = (const char *)&subject->addr.generic + fields[i].offset;
		char hex[FACTS_HEX_SIZE], meaning[128];

		for (size_t at = 0; at < fields[i].size; at += BYTES_PER_LINE) {
			size_t left = fields[i].size - at;

			facts_hex(bytes + at, left < BYTES_PER_LINE ? left : BYTES_PER_LINE, hex,
				sizeof(hex));
			if (at == 0)
				field_meaning(subject, &fields[i], meaning, sizeof(meaning));
			else
				*meaning = '\0';
			printf("    %3zu  %-13s  %s%s%s\n", fields[i].offset + at,
				at == 0 ? fields[i].name : "", hex, *meaning != '\0' ? "  " : "",
				meaning);
		}
	}
}

static const char *socket_type_name(enum addr_scheme scheme)
{
	return addr_socket_type(scheme) == SOCK_STREAM ? "SOCK_STREAM" : "SOCK_DGRAM";
}

static void print_port(const struct describe_subject *subject)
{
	unsigned port = addr_port(&subject->addr);
	unsigned swapped = (port & 0xff) << 8 | port >> 8;

	print_row(LABEL_PORT, _("%u = 0x%04x (network order: %02x %02x)"), port, port, port >> 8,
		port & 0xff);
	print_row(LABEL_PORT_SWAPPED, _("%u = 0x%04x (on a little-endian machine)"), swapped,
		swapped);
}

static void print_unix(const struct describe_subject *subject)
{
	bool abstract = subject->addr.un.sun_path[0] == '\0';
	char text[ADDR_TEXT_SIZE];

	print_row(LABEL_FAMILY, "Unix (AF_UNIX)");
	print_row(LABEL_CANONICAL, "%s", addr_format(&subject->addr, text, sizeof(text)));
	print_row(LABEL_SOCKET, "%s", socket_type_name(subject->addr.scheme));
	print_row(LABEL_KIND, "%s (unix(7))",
		abstract ? _("abstract name, not a file; known on Linux only")
			 : _("path in the file system"));
}

static void print_zone(const struct describe_subject *subject)
{
	if (subject->scope_id != 0)
		print_row(LABEL_ZONE, _("%s, interface %u (RFC 4007 11)"), subject->literal.zone,
			subject->scope_id);
	else
		print_row(LABEL_ZONE, _("%s, no such interface on this machine (RFC 4007 11)"),
			subject->literal.zone);
}

static void print_ip(const struct describe_subject *subject)
{
	const struct literal *literal = &subject->literal;
	char text[ADDR_TEXT_SIZE], reverse[FACTS_REVERSE_SIZE];

	print_row(LABEL_FAMILY, "%s",
		literal->family == AF_INET ? "IPv4 (AF_INET)" : "IPv6 (AF_INET6)");
	print_row(LABEL_CANONICAL, "%s", literal_format(literal, text, sizeof(text)));
	if (literal->classic)
		print_row(LABEL_WRITTEN, "%s", _("a classic form, known to inet_aton(3)"));
	if (subject->meant != NULL)
		print_row(LABEL_NOTE, _("a port needs brackets: '%s'"), subject->meant);
	if (subject->with_port) {
		print_row(LABEL_ADDRESS, "%s", addr_format(&subject->addr, text, sizeof(text)));
		print_row(LABEL_SOCKET, "%s", socket_type_name(subject->addr.scheme));
	}
	print_kind(literal);
	if (literal->zone[0] != '\0')
		print_zone(subject);
	print_numbers(literal);
	if (subject->with_port)
		print_port(subject);
	print_row(LABEL_REVERSE, "%s", facts_reverse(literal, reverse));
	if (subject->host != NULL)
		print_accepted(subject);
}

void describe_text(const struct describe_subject *subject)
{
	if (subject->addr.generic.sa_family == AF_UNIX)
		print_unix(subject);
	else
		print_ip(subject);
	print_sockaddr(subject);
}
