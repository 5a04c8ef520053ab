/*
 * Blocks of addresses as text, "192.0.2.0/24", "2001:db8::/32" (RFC 4632, RFC 4291 2.3). An address
 * alone is a block of one. Any thread; nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"
#include "net/literal.h"

/* Size of any text of cidr_format. */
#define CIDR_TEXT_SIZE (INET6_ADDRSTRLEN + 4)

struct cidr {
	int family; /* AF_INET or AF_INET6 */
	unsigned bits;
	uint8_t octets[16]; /* network order; the first 4 or all 16; what is behind `bits` is 0 */
};

/*
 * Numbers only, no zone, and IPv4 as four decimal octets. Bits set behind the prefix are refused,
 * because one of the two is a mistake. ::ffff:a.b.c.d/120 is the IPv4 block a.b.c.d/24. -EINVAL:
 * `reterr_fault` (may be NULL) then holds where and why.
 */
int cidr_parse(const char *text, struct cidr *ret_cidr, struct addr_fault *reterr_fault);

/*
 * The same, and bits behind the prefix may be set: `ret_literal` is the address as written,
 * `ret_cidr` the block that it is in. For showing; lists use cidr_parse().
 */
int cidr_parse_loosely(const char *text, struct cidr *ret_cidr, struct literal *ret_literal,
	struct addr_fault *reterr_fault);

/* Whether `text` is an address and a slash, so that it must be meant as a block. */
bool cidr_is_meant(const char *text);

/* The first and the last address of the block; 4 or 16 octets of each are written. */
void cidr_range(const struct cidr *cidr, uint8_t *ret_first, uint8_t *ret_last);

/* Sets what is behind the first `bits` of 4 or 16 octets to 0. */
void cidr_mask(uint8_t *octets, size_t count, unsigned bits);

/* Canonical, always with its length: "192.0.2.0/24". Returns `buffer`. */
const char *cidr_format(const struct cidr *cidr, char *buffer, size_t size);
