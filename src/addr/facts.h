/*
 * What can be said of one address, fact by fact, in any language: `meari addr` writes them as text
 * and as JSON. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"
#include "net/literal.h"

/* Size for any text of facts_reverse: 32 digits with their dots, and "ip6.arpa". */
#define FACTS_REVERSE_SIZE 80
/* Size for 128 bits in decimal or hexadecimal. */
#define FACTS_NUMBER_SIZE 48
/* Size for any text of facts_hex over a whole sockaddr. */
#define FACTS_HEX_SIZE (3 * sizeof(struct sockaddr_storage) + 1)

/* Which functions of the C library take a text. */
struct facts_accepted {
	bool inet_addr;
	bool inet_aton;
	bool inet_pton; /* with the family that the text is of */
	bool getaddrinfo; /* with AI_NUMERICHOST */
};

/* One member of a sockaddr. */
struct facts_field {
	const char *name;
	size_t offset;
	size_t size;
};

/* A literal and the address of a socket made of each other; the latter without unmapping. */
struct addr facts_sockaddr(const struct literal *literal, enum addr_scheme scheme, uint16_t port);
struct literal facts_literal(const struct addr *addr);

size_t facts_octet_count(const struct literal *literal); /* 4 or 16 */

/*
 * The octets as one unsigned number, read from the first octet on (network order) or from the last
 * on (what a little-endian machine sees in s_addr). Both return `buffer`.
 */
const char *facts_decimal(const uint8_t *octets, size_t count, bool little_endian,
	char buffer[static FACTS_NUMBER_SIZE]);
const char *facts_hexadecimal(const uint8_t *octets, size_t count, bool little_endian,
	char buffer[static FACTS_NUMBER_SIZE]);

/*
 * The name to ask DNS for the name of the address: in-addr.arpa (RFC 1035 3.5), ip6.arpa (RFC
 * 3596).
 */
const char *facts_reverse(const struct literal *literal, char buffer[static FACTS_REVERSE_SIZE]);

/* Bytes as "7f 00 00 01"; returns `buffer`. */
const char *facts_hex(const void *bytes, size_t count, char *buffer, size_t size);

/* Calls them all; nothing is looked up. */
struct facts_accepted facts_accepted(const char *host, int family);

/*
 * The members of the sockaddr in their order, up to its length, and its type ("struct
 * sockaddr_in").
 */
size_t facts_fields(
	const struct addr *addr, struct facts_field ret_fields[static 5], const char **ret_type);
