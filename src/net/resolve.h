/*
 * From an address as written to addresses that can be bound or connected to; asks the resolver if
 * the host is a name. Any thread; may block on DNS.
 */
#pragma once

#include "net/addr.h"

/* More addresses than this behind one name are left out. */
#define RESOLVE_MOST 64

enum resolve_purpose {
	RESOLVE_LISTEN, /* "*" is the wildcard: one dual-stack [::], or 0.0.0.0 where there is no IPv6 */
	RESOLVE_CONNECT, /* "*" is this machine itself, by loopback */
};

struct resolve_list {
	size_t count;
	struct addr addrs[RESOLVE_MOST]; /* in the order to be tried (RFC 6724, by getaddrinfo) */
};

/*
 * Fills `ret_list` with at least one address. Numeric literals, also the classic forms "127.1" and
 * "0x7f000001", never touch the network.
 * -ENOENT: no such name; -EAGAIN: the resolver cannot answer now; -EADDRNOTAVAIL: the name has no
 * address of the wanted family; -ENODEV: no such zone (interface); -ENOMEM; -EIO: resolver failure.
 */
int resolve(
	const struct addr_spec *spec, enum resolve_purpose purpose, struct resolve_list *ret_list);

/* An error of resolve() in translated words. */
const char *resolve_strerror(int error);
