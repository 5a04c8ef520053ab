/*
 * Addresses as text, and the small questions about them. Reading text is addr_parse.c's.
 *
 * A v4-mapped address (RFC 4291 2.5.5.2) is only how a dual-stack socket spells an IPv4 peer, so it
 * is shown, compared and counted as IPv4 everywhere. Unix names follow unix(7): the length decides,
 * and a first byte of 0 makes the name abstract.
 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/quote.h"
#include "net/literal.h"

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

static const struct {
	const char *name;
	int type;
} schemes[] = {
	[ADDR_TCP] = { "tcp", SOCK_STREAM },
	[ADDR_UDP] = { "udp", SOCK_DGRAM },
	[ADDR_UNIX] = { "unix", SOCK_STREAM },
	[ADDR_UNIXGRAM] = { "unixgram", SOCK_DGRAM },
	[ADDR_TLS] = { "tls", SOCK_STREAM },
};

int addr_socket_type(enum addr_scheme scheme)
{
	return schemes[scheme].type;
}

const char *addr_scheme_name(enum addr_scheme scheme)
{
	return schemes[scheme].name;
}

static const char *format_path(enum addr_scheme scheme, bool abstract, const char *path,
	size_t length, char *buffer, size_t size)
{
	const char *start = abstract ? "@" : "";

	/* What addr_parse would take for something else is written so that it does not. */
	if (!abstract && length >= 2 && memcmp(path, "//", 2) == 0) {
		start = "//";
	} else if (!abstract && length > 0 && *path == '@') {
		start = "\\x40";
		path++;
		length--;
	}

	int used = snprintf(buffer, size, "%s:%s", schemes[scheme].name, start);

	if (used > 0 && (size_t)used < size)
		quote_bytes(path, length, buffer + used, size - (size_t)used);
	return buffer;
}

/* The bytes of a unix name without the 0 that ends a path or starts an abstract name. */
static size_t unix_name(const struct addr *addr, const char **ret_name, bool *ret_abstract)
{
	size_t length = addr->length > PATH_OFFSET ? addr->length - PATH_OFFSET : 0;

	*ret_abstract = length > 0 && addr->un.sun_path[0] == '\0';
	*ret_name = addr->un.sun_path + *ret_abstract;
	return *ret_abstract ? length - 1 : strnlen(addr->un.sun_path, length);
}

static void format_zone(uint32_t scope_id, char *zone, size_t size)
{
	char name[IF_NAMESIZE];

	if (scope_id == 0)
		*zone = '\0';
	else if (if_indextoname(scope_id, name) != NULL)
		snprintf(zone, size, "%%%s", name);
	else
		snprintf(zone, size, "%%%u", scope_id);
}

const char *addr_format(const struct addr *addr, char *buffer, size_t size)
{
	const char *scheme = schemes[addr->scheme].name;
	struct addr plain = *addr;
	char digits[INET6_ADDRSTRLEN], zone[IF_NAMESIZE + 1];

	addr_unmap(&plain);
	if (plain.generic.sa_family == AF_INET) {
		inet_ntop(AF_INET, &plain.in.sin_addr, digits, sizeof(digits));
		snprintf(buffer, size, "%s://%s:%u", scheme, digits, addr_port(&plain));
	} else if (plain.generic.sa_family == AF_INET6 && plain.dual_stack) {
		/* [::] would name IPv6 alone. */
		snprintf(buffer, size, "%s://*:%u", scheme, addr_port(&plain));
	} else if (plain.generic.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &plain.in6.sin6_addr, digits, sizeof(digits));
		format_zone(plain.in6.sin6_scope_id, zone, sizeof(zone));
		snprintf(buffer, size, "%s://[%s%s]:%u", scheme, digits, zone, addr_port(&plain));
	} else {
		const char *name;
		bool abstract;
		size_t length = unix_name(addr, &name, &abstract);

		format_path(addr->scheme, abstract, name, length, buffer, size);
	}
	return buffer;
}

const char *addr_spec_format(const struct addr_spec *spec, char *buffer, size_t size)
{
	struct literal literal;
	char text[LITERAL_TEXT_SIZE];
	const char *host = spec->any ? "*" : spec->host, *open = "", *close = "";
	/* A literal has its family in itself. */
	const char *family = spec->family == AF_INET ? "4" : spec->family == AF_INET6 ? "6" : "";

	if (spec->family == AF_UNIX)
		return format_path(
			spec->scheme, spec->abstract, spec->path, spec->path_length, buffer, size);
	if (!spec->any && (strchr(host, ':') != NULL || literal_is_meant(host)) &&
		literal_parse(host, &literal, NULL) == 0) {
		family = "";
		if (literal_is_mapped(&literal)) {
			literal.family = AF_INET;
			literal.zone[0] = '\0';
			memmove(literal.octets, literal.octets + 12, 4);
		}
		host = literal_format(&literal, text, sizeof(text));
		if (literal.family == AF_INET6) {
			open = "[";
			close = "]";
		}
	}
	snprintf(buffer, size, "%s%s://%s%s%s:%u", schemes[spec->scheme].name, family, open, host,
		close, spec->port);
	return buffer;
}

uint16_t addr_port(const struct addr *addr)
{
	switch (addr->generic.sa_family) {
	case AF_INET: return ntohs(addr->in.sin_port);
	case AF_INET6: return ntohs(addr->in6.sin6_port);
	default: return 0;
	}
}

void addr_set_port(struct addr *addr, uint16_t port)
{
	if (addr->generic.sa_family == AF_INET)
		addr->in.sin_port = htons(port);
	else if (addr->generic.sa_family == AF_INET6)
		addr->in6.sin6_port = htons(port);
}

void addr_unmap(struct addr *addr)
{
	if (addr->generic.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr))
		return;

	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = addr->in6.sin6_port };

	memcpy(&in.sin_addr, addr->in6.sin6_addr.s6_addr + 12, sizeof(in.sin_addr));
	addr->in = in;
	addr->length = sizeof(in);
	addr->dual_stack = false;
}

bool addr_lacks_zone(const struct addr *addr)
{
	return addr->generic.sa_family == AF_INET6 && addr->in6.sin6_scope_id == 0 &&
		IN6_IS_ADDR_LINKLOCAL(&addr->in6.sin6_addr);
}

bool addr_equal(const struct addr *one, const struct addr *other)
{
	struct addr left = *one, right = *other;

	addr_unmap(&left);
	addr_unmap(&right);
	if (left.generic.sa_family != right.generic.sa_family)
		return false;
	if (left.generic.sa_family == AF_INET)
		return left.in.sin_port == right.in.sin_port &&
			left.in.sin_addr.s_addr == right.in.sin_addr.s_addr;
	if (left.generic.sa_family == AF_INET6)
		return left.in6.sin6_port == right.in6.sin6_port &&
			left.in6.sin6_scope_id == right.in6.sin6_scope_id &&
			IN6_ARE_ADDR_EQUAL(&left.in6.sin6_addr, &right.in6.sin6_addr);

	const char *left_name, *right_name;
	bool left_abstract, right_abstract;
	size_t left_length = unix_name(&left, &left_name, &left_abstract);
	size_t right_length = unix_name(&right, &right_name, &right_abstract);

	return left_abstract == right_abstract && left_length == right_length &&
		memcmp(left_name, right_name, left_length) == 0;
}
