/*
 * Waiting until services are there: each address gets a probe every 100 ms, until one has come back exactly.
 * What scripts, entrypoints and init containers call before they begin. Prints nothing while it waits.
 *
 * A probe that has no answer yet does not hold up the next one: up to PING_WAIT_PROBES_MOST are under way for an
 * address, each with a socket of its own, and the oldest is given up for a new one. A name is looked up again and
 * again, so that it may come into being meanwhile; each address has a thread, because looking up blocks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/send_proxy.h"
#include "net/addr.h"

#define PING_WAIT_INTERVAL_NS 100000000u
#define PING_WAIT_PROBES_MOST 64
#define PING_WAIT_ADDRESSES_MOST 256

struct ping_wait_options {
	const struct addr_spec *targets; /* 1 to PING_WAIT_ADDRESSES_MOST */
	size_t count;
	struct tls_context *tls; /* for those of tls://; the caller's */
	size_t size_bytes; /* of a probe: 1 or more */
	uint64_t patience_ns; /* for all addresses together */
	const struct send_proxy *proxy; /* --send-proxy; NULL: none */
	uint64_t timeout_ns; /* a probe without an answer for so long is given up */
};

/*
 * 0: all have echoed exactly. -ETIMEDOUT: some have not; one line on standard error has named them, each with what
 * came of its last probe. -EINTR: a signal came that did not end the program. Otherwise -errno: it could not begin,
 * and that has been told. Main thread, once: a thread that the resolver holds up is left behind, with its memory.
 */
int ping_wait(const struct ping_wait_options *options);
