/*
 * Connecting to the first address that answers (RFC 8305, "happy eyeballs"): the addresses are
 * tried in turn, each with a head start of 250 ms on the next, families alternating, so that a dead
 * IPv6 path costs a quarter of a second and not two minutes. Any thread; says nothing by itself.
 *
 * A datagram socket connects without asking the peer. So where a list has several addresses for
 * datagrams, each gets one datagram of one byte, from a socket of its own: an ICMP error moves on
 * to the next address, an answer wins, and of those that stay silent the first is taken. A single
 * address is sent nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/send_proxy.h"
#include "net/addr.h"
#include "net/resolve.h"

struct dial_options {
	uint64_t
		timeout_ns; /* for all addresses together; CLOCK_NEVER: as long as the kernel tries */
	uint64_t stagger_ns; /* the head start; 0 means the RFC's 250 ms */
	const struct resolve_list *sources; /* bind to the one of the same family; NULL: kernel's */
	const char *device; /* SO_BINDTODEVICE; NULL: any */
	const struct send_proxy *proxy; /* sent on the stream that won; NULL: nothing is */
};

struct dial_attempt {
	struct addr addr;
	const char *call; /* what failed: "connect", "send"; NULL where nothing did */
	int error; /* -errno; 0 for the one that answered, and for those that lost the race */
};

/* Every address that was tried, in the order of trying. */
struct dial_report {
	size_t count;
	struct dial_attempt attempts[RESOLVE_MOST];
};

/*
 * Connects to one of `list`. The socket is made by socket_open_client and the caller's to close.
 * `report` is filled whatever comes of it. -ETIMEDOUT: no answer in time; -EADDRNOTAVAIL: no source
 * of a fitting family, too; otherwise the error of the address that failed last.
 */
int dial(const struct resolve_list *list, const struct dial_options *options,
	struct dial_report *report, int *ret_fd, struct addr *ret_addr);

/*
 * Puts the families in turns (RFC 8305 section 4), beginning with the first one's and keeping the
 * resolver's order within each.
 */
void dial_order(struct resolve_list *list);
