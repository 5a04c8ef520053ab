/*
 * A protocol around another one: it ends connections that are silent or old, and takes their bytes
 * no faster than a rate. It is used only where such a limit is set.
 *
 * Failing: a connection for which there is no memory is reset. Thread: one; a struct guard serves
 * all connections of its thread. Ownership: it holds one allocation for each connection, until
 * guard_forget() or guard_fini().
 */
#pragma once

#include "protocol/protocol.h"
#include "stats/counters.h"

/* The highest rate: beyond it the sums would not fit. */
#define GUARD_MOST_RATE_BYTES (64ull << 30)

struct guard_options {
	uint64_t idle_ns; /* ends when nothing has moved for so long; CLOCK_NEVER: no limit */
	uint64_t lifetime_ns; /* ends when it has been open for so long; CLOCK_NEVER: no limit */
	uint64_t rate_bytes; /* of one connection, received in a second, at most; 0: no limit */
	uint64_t (*now_ns)(void); /* clock_now_ns, or a test's own */
	/*
	 * Called when the rate has paused a connection, after that has been counted; may be NULL.
	 */
	void (*report_paused)(void *context);
	void *context;
};

/* Why a connection was ended. */
enum guard_ending { GUARD_NOT_ENDED, GUARD_IDLE, GUARD_OLD };

struct guard_conn;

struct guard {
	struct protocol protocol; /* what engines are given */
	struct protocol *inner;
	struct counters *counters;
	struct guard_options options;
	struct guard_conn *first;
};

/* `inner` and `counters`, one for each listener by its tag, stay the caller's and must outlive the guard. */
void guard_init(struct guard *guard, struct protocol *inner, struct counters *counters,
	const struct guard_options *options);
/* Forgets the connections for which guard_forget() was not called. */
void guard_fini(struct guard *guard);

/*
 * Sets other limits, for open connections as well: each must be nudged once (engine_nudge_all),
 * since a silent connection has no other event. Only the three limits of `options` are read.
 */
void guard_set_limits(struct guard *guard, const struct guard_options *options);

/* The inner protocol's memory of a connection; NULL where there was no memory for one. */
const struct protocol_conn *guard_inner(const struct protocol_conn *conn);

/* The tag of the listener, also where there was no memory. */
unsigned guard_tag(const struct protocol_conn *conn);

/* Why the guard has ended a connection. */
enum guard_ending guard_ending(const struct protocol_conn *conn);

/* To be called at the end of every connection, last. */
void guard_forget(const struct protocol_conn *conn);
