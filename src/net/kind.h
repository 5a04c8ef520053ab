/*
 * The kind of an address, by the special-purpose registries of IANA (RFC 6890) and the
 * RFCs behind them. Any thread; nothing is allocated, what is returned stays valid for ever.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Size of any text of kind_prefix: "2001:db8::/32". */
#define KIND_PREFIX_SIZE 52

struct kind {
	int family; /* AF_INET or AF_INET6 */
	uint8_t octets[16]; /* the prefix, network order */
	uint8_t bits; /* its length */
	const char *name; /* N_("..."): English, to be passed through _() for people */
	const char *rfc; /* "RFC 1918", with the section where that helps */
};

/* The narrowest kind that the address (4 or 16 octets, network order) is of. Never NULL. */
const struct kind *kind_of(int family, const uint8_t *octets);

/* How far a multicast address reaches, as N_("..."); NULL for others and where no RFC says. */
const char *kind_scope(int family, const uint8_t *octets);

/* The IPv4 address that an IPv6 address carries (mapped, NAT64, 6to4, Teredo); false: none. */
bool kind_carried(int family, const uint8_t *octets, uint8_t ret_octets[static 4]);

/* Writes the kind's prefix, "127.0.0.0/8". Returns `buffer`. */
const char *kind_prefix(const struct kind *kind, char *buffer, size_t size);
