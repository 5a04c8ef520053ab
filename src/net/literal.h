/*
 * Numeric addresses: text to octets and back, without any lookup. Any thread; nothing is allocated.
 *
 * Taken: IPv4 in dotted decimal; IPv4 in the classic forms of inet_aton(3): one to four parts, each
 * decimal, octal (leading 0) or hexadecimal (leading 0x), the last part filling all octets left;
 * IPv6 by RFC 4291 2.2, also with an embedded dotted IPv4 address and with a zone (RFC 4007 11). A
 * zone may begin with "%25", as URIs have it (RFC 6874): "fe80::1%25eth0" is fe80::1%eth0. "%25"
 * alone, and "%25" before digits, is the number of an interface.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

/* An interface's name has at most 15 bytes (IF_NAMESIZE); an index has at most 10 digits. */
#define LITERAL_ZONE_SIZE 16
/* Size of any text of literal_format. */
#define LITERAL_TEXT_SIZE (INET6_ADDRSTRLEN + LITERAL_ZONE_SIZE)

struct literal {
	int family; /* AF_INET or AF_INET6 */
	bool classic; /* IPv4 other than four decimal octets: inet_aton(3) takes it, inet_pton(3) not */
	uint8_t octets[16]; /* network order; the first 4 or all 16 */
	char zone[LITERAL_ZONE_SIZE]; /* as written after '%', not resolved; "" if none */
};

/* Size of any text of literal_port_meant: with brackets, a colon and five digits. */
#define LITERAL_MEANT_SIZE (LITERAL_TEXT_SIZE + 8)

/*
 * An IPv6 address without brackets whose last group could be meant as a port: "::1:5000" is the
 * address ::0.1.80.0. Writes what was probably meant, "[::1]:5000", and returns true; false: `text`
 * is not such an address. One digit is not taken for a port.
 */
bool literal_port_meant(const char *text, char buffer[static LITERAL_MEANT_SIZE]);

/*
 * Whether a host without ':' can only be meant as an IPv4 address. DNS has no top-level label that
 * is a number (RFC 1123 2.1), so a text whose last label is one, or that has four labels which all
 * start with a digit, is never a name: "300.0.0.1" is reported as a mistake, and never resolved.
 */
bool literal_is_meant(const char *text);

/*
 * A text with ':' is read as IPv6, every other as IPv4. -EINVAL: `reterr_fault` holds where and
 * why.
 */
int literal_parse(const char *text, struct literal *ret_literal, struct addr_fault *reterr_fault);

/* Canonical: dotted decimal, or IPv6 by RFC 5952 with its zone. Returns `buffer`. */
const char *literal_format(const struct literal *literal, char *buffer, size_t size);

/* An IPv4 address inside IPv6, ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
bool literal_is_mapped(const struct literal *literal);

/*
 * Fills `reterr_fault` (may be NULL) with a place and a translated sentence, and returns -EINVAL.
 */
int literal_fail(struct addr_fault *reterr_fault, size_t column, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
