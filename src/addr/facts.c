/*
 * The sums behind `meari addr`. Byte order is done by hand, octet by octet, so that the result is
 * the same on every machine; only facts_fields shows memory as this machine lays it out.
 */
#include "addr/facts.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

struct addr facts_sockaddr(const struct literal *literal, enum addr_scheme scheme, uint16_t port)
{
	struct addr addr = { .scheme = scheme };

	if (literal->family == AF_INET) {
		addr.length = sizeof(addr.in);
		addr.in.sin_family = AF_INET;
		memcpy(&addr.in.sin_addr, literal->octets, 4);
	} else {
		addr.length = sizeof(addr.in6);
		addr.in6.sin6_family = AF_INET6;
		memcpy(&addr.in6.sin6_addr, literal->octets, 16);
	}
	addr_set_port(&addr, port);
	return addr;
}

struct literal facts_literal(const struct addr *addr)
{
	struct literal literal = { .family = addr->generic.sa_family };

	if (literal.family == AF_INET)
		memcpy(literal.octets, &addr->in.sin_addr, 4);
	else
		memcpy(literal.octets, &addr->in6.sin6_addr, 16);
	return literal;
}

size_t facts_octet_count(const struct literal *literal)
{
	return literal->family == AF_INET ? 4 : 16;
}

static uint8_t octet_at(const uint8_t *octets, size_t count, bool little_endian, size_t index)
{
	return octets[little_endian ? count - 1 - index : index];
}

const char *facts_decimal(const uint8_t *octets, size_t count, bool little_endian,
	char buffer[static FACTS_NUMBER_SIZE])
{
	uint8_t number[16];
	char *at = buffer + FACTS_NUMBER_SIZE - 1;
	bool more = true;

	for (size_t i = 0; i < count; i++)
		number[i] = octet_at(octets, count, little_endian, i);
	/*
	 * Neither printf nor every compiler has 128 bits: by hand, octet by octet, divided by
	 * ten.
	 */
	*at = '\0';
	while (more) {
		unsigned rest = 0;

		more = false;
		for (size_t i = 0; i < count; i++) {
			unsigned part = rest << 8 | number[i];

			number[i] = (uint8_t)(part / 10);
			rest = part % 10;
			more = more || number[i] != 0;
		}
		*--at = (char)('0' + (int)rest);
	}
	return memmove(buffer, at, (size_t)(buffer + FACTS_NUMBER_SIZE - at));
}

const char *facts_hexadecimal(const uint8_t *octets, size_t count, bool little_endian,
	char buffer[static FACTS_NUMBER_SIZE])
{
	size_t used = (size_t)snprintf(buffer, FACTS_NUMBER_SIZE, "0x");

	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(buffer + used, FACTS_NUMBER_SIZE - used, "%02x",
			octet_at(octets, count, little_endian, i));
	return buffer;
}

const char *facts_reverse(const struct literal *literal, char buffer[static FACTS_REVERSE_SIZE])
{
	const uint8_t *octets = literal->octets;
	size_t used = 0;

	if (literal->family == AF_INET) {
		snprintf(buffer, FACTS_REVERSE_SIZE, "%u.%u.%u.%u.in-addr.arpa", octets[3],
			octets[2], octets[1], octets[0]);
		return buffer;
	}
	for (size_t i = 16; i-- > 0;)
		used += (size_t)snprintf(buffer + used, FACTS_REVERSE_SIZE - used, "%x.%x.",
			octets[i] & 0xf, octets[i] >> 4);
	snprintf(buffer + used, FACTS_REVERSE_SIZE - used, "ip6.arpa");
	return buffer;
}

const char *facts_hex(const void *bytes, size_t count, char *buffer, size_t size)
{
	const uint8_t *octets = bytes;
	size_t used = 0;

	*buffer = '\0';
	for (size_t i = 0; i < count && used + 4 <= size; i++)
		used += (size_t)snprintf(
			buffer + used, size - used, i == 0 ? "%02x" : " %02x", octets[i]);
	return buffer;
}

struct facts_accepted facts_accepted(const char *host, int family)
{
	struct facts_accepted accepted;
	struct in_addr in;
	struct in6_addr in6;
	struct addrinfo *found = NULL;
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };

	accepted.inet_addr = inet_addr(host) != INADDR_NONE;
	accepted.inet_aton = inet_aton(host, &in) != 0;
	accepted.inet_pton = family == AF_INET ? inet_pton(AF_INET, host, &in) == 1
					       : inet_pton(AF_INET6, host, &in6) == 1;
	accepted.getaddrinfo = getaddrinfo(host, NULL, &hints, &found) == 0;
	if (accepted.getaddrinfo)
		freeaddrinfo(found);
	return accepted;
}

#define FIELD(type, member)                                                                        \
	{                                                                                          \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member)         \
	}

static const struct facts_field in_fields[] = {
	FIELD(sockaddr_in, sin_family),
	FIELD(sockaddr_in, sin_port),
	FIELD(sockaddr_in, sin_addr),
	FIELD(sockaddr_in, sin_zero),
};

static const struct facts_field in6_fields[] = {
	FIELD(sockaddr_in6, sin6_family),
	FIELD(sockaddr_in6, sin6_port),
	FIELD(sockaddr_in6, sin6_flowinfo),
	FIELD(sockaddr_in6, sin6_addr),
	FIELD(sockaddr_in6, sin6_scope_id),
};

static const struct facts_field un_fields[] = {
	FIELD(sockaddr_un, sun_family),
	FIELD(sockaddr_un, sun_path),
};

size_t facts_fields(
	const struct addr *addr, struct facts_field ret_fields[static 5], const char **ret_type)
{
	switch (addr->generic.sa_family) {
	case AF_INET:
		*ret_type = "struct sockaddr_in";
		memcpy(ret_fields, in_fields, sizeof(in_fields));
		return sizeof(in_fields) / sizeof(in_fields[0]);
	case AF_INET6:
		*ret_type = "struct sockaddr_in6";
		memcpy(ret_fields, in6_fields, sizeof(in6_fields));
		return sizeof(in6_fields) / sizeof(in6_fields[0]);
	default:
		*ret_type = "struct sockaddr_un";
		memcpy(ret_fields, un_fields, sizeof(un_fields));
		/*
		 * Only what the length covers is the name; the rest of sun_path is not looked
		 * at.
		 */
		ret_fields[1].size = addr->length - ret_fields[1].offset;
		return sizeof(un_fields) / sizeof(un_fields[0]);
	}
}
