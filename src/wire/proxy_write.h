/*
 * Writing a header of the PROXY protocol (wire/proxy.h), for a client that speaks to a service which expects one.
 * Pure; any thread; nothing is allocated.
 */
#pragma once

#include "wire/proxy.h"

/*
 * Writes a header for a client at `source` that connected to `destination`, and returns its length, at most
 * PROXY_WRITE_SIZE. Two IP addresses of different families are both written as IPv6, an IPv4 address in its
 * mapped form. What version 1 has no words for (unix) is UNKNOWN there; an IP address and a unix one together
 * are UNKNOWN in both. Version 2 ends with a checksum (CRC-32C).
 */
size_t proxy_write(enum proxy_version version, const struct addr *source,
	const struct addr *destination, unsigned char buffer[static PROXY_WRITE_SIZE]);

/* A header of version 2 that says LOCAL. */
size_t proxy_write_local(unsigned char buffer[static PROXY_WRITE_SIZE]);
