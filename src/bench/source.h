/*
 * Where a load generator connects from, as --source takes it: one address, a range or a prefix, each with
 * or without ports, several with commas. One source address has 28,000 ephemeral ports for one target
 * (ip_local_port_range), and 64,000 when ports are given; more connections need more addresses.
 *
 *	192.0.2.7  127.0.0.2-127.0.0.9  127.0.1.0/24  10.0.0.1:1024-65535  [fd00::1-fd00::8]:2000-2999
 *	fe80::1%eth0  fe80::1%eth0-fe80::9  fe80::%eth0/64  [fe80::1%2]:2000
 *
 * Of an IPv4 prefix the first and the last address are left out, of an IPv6 prefix the first (RFC 1122
 * 3.2.1.3, RFC 4291 2.6.1). A zone (RFC 4007) is an interface's name or index; the last address of a range
 * may repeat it. Of several generators each may take a share of its own (source_split). Resolves names of interfaces; otherwise pure. Any thread; nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

#define SOURCE_MOST_RANGES 32

struct source_range {
	int family;
	unsigned __int128 first; /* the address as a number */
	uint64_t address_count; /* at most 2^32 of a range are used */
	uint32_t scope_id; /* 0: no zone */
	uint16_t first_port; /* 0: the kernel chooses */
	uint32_t port_count;
};

struct source {
	size_t count; /* at least 1 */
	struct source_range ranges[SOURCE_MOST_RANGES];
	uint32_t rank, size; /* source_split(); size 0: all are this generator's */
};

/*
 * -EINVAL: not sources; `ret_column` (from 0) and `ret_why`, a translated sentence without a full stop,
 * then say where and why.
 */
int source_parse(
	const char *text, struct source *ret_source, size_t *ret_column, const char **ret_why);

/*
 * From now on the source is the share of generator `rank` (from 0) of `size`: consecutive ones, so that no two
 * generators have one in common. Where there are fewer than generators, each has one.
 */
void source_split(struct source *source, uint32_t rank, uint32_t size);

/* How many different sources there are for a family, all generators' together. */
uint64_t source_count(const struct source *source, int family);

/*
 * The one of this generator with `index` (taken modulo the count of its own) for a target of this scheme and family: addresses
 * change first, then ports. False: there is none of the family.
 */
bool source_at(const struct source *source, uint64_t index, enum addr_scheme scheme, int family,
	struct addr *ret_addr);
