/*
 * The verb ping: finds the address and the source, connects where a name has several addresses
 * (RFC 8305), and lets the run begin (ping_run.h). Says what failed, once. Main thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/channel.h"
#include "client/send_proxy.h"
#include "net/addr.h"
#include "ping/ping_run.h"
#include "ping/probe.h"

#define PING_INTERVAL_NS 1000000000u
/* One retransmission of TCP's (1 s before there is a round-trip time) is late, not lost. */
#define PING_TIMEOUT_NS 2000000000u
/* Less than that towards other machines is for the super-user, as with ping(8). */
#define PING_INTERVAL_LEAST_NS 2000000u

struct ping_options {
	struct addr_spec target;
	struct tls_context *tls; /* where the target is of tls://; the caller's */
	bool source_given;
	struct addr_spec source;
	const char *device; /* NULL: any */
	const struct send_proxy *proxy; /* --send-proxy; NULL: none */
	bool connect, flood, quiet, show_waiting, wall_times, json, kernel;
	bool plots; /* text only */
	enum plot_style plot_style;
	size_t size_bytes;
	size_t ports; /* 0: one, and nothing is counted by port */
	uint64_t count; /* 0: no end */
	bool interval_given;
	uint64_t interval_ns, timeout_ns;
	uint64_t deadline_ns; /* 0: none */
	uint64_t busy_ns; /* see ping_run.h */
};

enum ping_verdict {
	PING_ANSWERED,
	PING_UNANSWERED, /* no answer, or no answer any more; with a count and a deadline: too few in time */
	PING_DAMAGED, /* something came back that was not what was sent; it has been reported */
};

/* -errno: it could not begin, and the reason has been logged. */
int ping(const struct ping_options *options, enum ping_verdict *ret_verdict);
