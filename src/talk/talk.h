/*
 * The verb talk: resolves, dials, and carries on the conversation in the way that fits: by hand
 * when both standard input and output are a terminal (prompt.h), otherwise as a pipe (pipe.h for
 * streams, lockstep.h for datagrams). Says what failed, once. Main thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/send_proxy.h"
#include "net/addr.h"

#define TALK_TIMEOUT_NS 10000000000ull

struct talk_options {
	struct addr_spec target;
	struct tls_context *tls; /* where the target is of tls://; the caller's */
	bool source_given;
	struct addr_spec source;
	const struct send_proxy *proxy; /* --send-proxy; NULL: none */
	bool verbose;
	bool verify; /* pipe only */
	size_t size_bytes; /* of a datagram in a pipe; 0: LOCKSTEP_SIZE_DEFAULT */
	uint64_t
		timeout_ns; /* connecting, and silence while something is due; 0: the default of each */
};

/* True when the conversation would be by hand. */
bool talk_is_by_hand(void);

/*
 * 0: fine; more: the number of the signal that ended it; -errno: it failed, and the reason has
 * been logged.
 */
int talk(const struct talk_options *options);
