/*
 * A run of ping from the first probe to the trailer: the schedule, the signals, and what each reply
 * means. An open loop as in ping(8): a reply that is late does not hold up the next probe.
 *
 * One thread with a poll loop and no engine: at most some hundred sockets, nearly always idle, and
 * what is measured is one round trip; so nothing stands between the kernel and the clock. Main
 * thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/channel.h"
#include "client/send_proxy.h"
#include "net/addr.h"
#include "ping/ping_event.h"

#define PING_RUN_PORTS_MOST 512
/* Exchanges under way with a connection for each; when there are more, the oldest is given up. */
#define PING_RUN_EXCHANGES_MOST 512
/* Without a rate of its own, a flood sends with each reply, and at least this often. */
#define PING_RUN_FLOOD_NS 10000000u

struct ping_run_options {
	struct ping_event_manner manner;
	const struct ping_event_printer *printer;
	struct channel_tls tls; /* without a context: no TLS */
	const struct addr *source; /* NULL: the kernel's choice */
	const char *device; /* NULL: any */
	const struct send_proxy *proxy; /* has been sent on connected_fd; NULL: none */
	size_t ports; /* 1 or more conversations at a time, each from a port of its own */
	uint64_t count; /* 0: no end */
	uint64_t interval_ns; /* 0: a flood's rate */
	uint64_t deadline_ns; /* for the whole run; 0: none */
	/* Spinning for a reply, at most; DURATION_AUTO: where it pays. */
	uint64_t busy_ns;
	bool show_waiting; /* -O */
	bool kernel; /* --tcp-info */
	int connected_fd; /* a connection to begin with, closed by a run that began; or -1 */
	uint64_t connected_ns; /* what it took */
};

/* What became of it, as far as exit statuses go. */
struct ping_run_outcome {
	uint64_t received, damaged;
	bool away; /* at the end no source port got answers any more: probes had been lost to a gap */
};

/*
 * -errno when it could not begin (nothing has been printed then, and connected_fd is still
 * open).
 */
int ping_run(const struct ping_run_options *options, struct ping_run_outcome *ret_outcome);
