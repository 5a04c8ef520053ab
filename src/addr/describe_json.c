/*
 * One address as a JSON object. 128 bits do not fit into JSON's numbers (RFC 8259 6), so the
 * integer of an IPv6 address is a text; that of an IPv4 address is a number.
 */
#include <stdlib.h>
#include <string.h>

#include "addr/describe.h"
#include "addr/facts.h"
#include "net/kind.h"

static json_t *json_sockaddr(const struct addr *addr)
{
	struct facts_field fields[5];
	const char *type;
	char hex[FACTS_HEX_SIZE];
	size_t count = facts_fields(addr, fields, &type);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const char *bytes = (const char *)&addr->generic + fields[i].offset;

		json_array_append_new(list,
			json_pack("{s:s, s:I, s:I, s:s}", "name", fields[i].name, "offset",
				(json_int_t)fields[i].offset, "size", (json_int_t)fields[i].size,
				"bytes", facts_hex(bytes, fields[i].size, hex, sizeof(hex))));
	}
	return json_pack("{s:s, s:I, s:s, s:o}", "type", type, "length", (json_int_t)addr->length,
		"bytes", facts_hex(&addr->generic, addr->length, hex, sizeof(hex)), "fields", list);
}

static json_t *json_integer_of(const struct literal *literal, bool little_endian)
{
	char decimal[FACTS_NUMBER_SIZE];
	size_t count = facts_octet_count(literal);

	facts_decimal(literal->octets, count, little_endian, decimal);
	return count == 4 ? json_integer((json_int_t)strtoull(decimal, NULL, 10))
			  : json_string(decimal);
}

static void add_numbers(json_t *object, const struct literal *literal)
{
	json_t *octets = json_array();

	for (size_t i = 0; i < facts_octet_count(literal); i++)
		json_array_append_new(octets, json_integer(literal->octets[i]));
	json_object_set_new(object, "octets", octets);
	json_object_set_new(object, "integer",
		json_pack("{s:o, s:o}", "network_order", json_integer_of(literal, false),
			"little_endian", json_integer_of(literal, true)));
}

static void add_kind(json_t *object, const struct literal *literal)
{
	const struct kind *kind = kind_of(literal->family, literal->octets);
	const char *scope = kind_scope(literal->family, literal->octets);
	char text[KIND_PREFIX_SIZE > LITERAL_TEXT_SIZE ? KIND_PREFIX_SIZE : LITERAL_TEXT_SIZE];
	struct literal inner = { .family = AF_INET };

	json_object_set_new(object, "kind", json_string(kind->name));
	json_object_set_new(object, "prefix", json_string(kind_prefix(kind, text, sizeof(text))));
	json_object_set_new(object, "rfc", json_string(kind->rfc));
	if (scope != NULL)
		json_object_set_new(object, "reaches", json_string(scope));
	if (kind_carried(literal->family, literal->octets, inner.octets))
		json_object_set_new(
			object, "carries", json_string(literal_format(&inner, text, sizeof(text))));
}

static void add_port(json_t *object, const struct addr *addr)
{
	unsigned port = addr_port(addr);
	char text[ADDR_TEXT_SIZE];

	json_object_set_new(object, "address", json_string(addr_format(addr, text, sizeof(text))));
	json_object_set_new(object, "port",
		json_pack("{s:I, s:I}", "number", (json_int_t)port, "byte_swapped",
			(json_int_t)((port & 0xff) << 8 | port >> 8)));
}

static void add_accepted(json_t *object, const char *host, int family)
{
	struct facts_accepted accepted = facts_accepted(host, family);

	json_object_set_new(object, "accepted_by",
		json_pack("{s:b, s:b, s:b, s:b}", "inet_addr", accepted.inet_addr, "inet_aton",
			accepted.inet_aton, "inet_pton", accepted.inet_pton, "getaddrinfo",
			accepted.getaddrinfo));
}

static void add_ip(json_t *object, const struct describe_subject *subject)
{
	const struct literal *literal = &subject->literal;
	char text[LITERAL_TEXT_SIZE], reverse[FACTS_REVERSE_SIZE];

	json_object_set_new(
		object, "family", json_string(literal->family == AF_INET ? "IPv4" : "IPv6"));
	json_object_set_new(
		object, "canonical", json_string(literal_format(literal, text, sizeof(text))));
	json_object_set_new(object, "classic", json_boolean(literal->classic));
	if (subject->meant != NULL)
		json_object_set_new(object, "meant", json_string(subject->meant));
	if (subject->with_port)
		add_port(object, &subject->addr);
	add_kind(object, literal);
	if (literal->zone[0] != '\0')
		json_object_set_new(object, "zone",
			json_pack("{s:s, s:I}", "text", literal->zone, "index",
				(json_int_t)subject->scope_id));
	add_numbers(object, literal);
	json_object_set_new(object, "reverse", json_string(facts_reverse(literal, reverse)));
	if (subject->host != NULL)
		add_accepted(object, subject->host, literal->family);
}

json_t *describe_json(const struct describe_subject *subject)
{
	const struct addr *addr = &subject->addr;
	char text[ADDR_TEXT_SIZE];
	json_t *object = json_object();

	if (addr->generic.sa_family == AF_UNIX) {
		json_object_set_new(object, "family", json_string("Unix"));
		json_object_set_new(
			object, "canonical", json_string(addr_format(addr, text, sizeof(text))));
		json_object_set_new(object, "abstract", json_boolean(addr->un.sun_path[0] == '\0'));
	} else {
		add_ip(object, subject);
	}
	if (subject->with_port)
		json_object_set_new(object, "socket_type",
			json_string(addr_socket_type(addr->scheme) == SOCK_STREAM ? "SOCK_STREAM"
										  : "SOCK_DGRAM"));
	json_object_set_new(object, "sockaddr", json_sockaddr(addr));
	return object;
}
