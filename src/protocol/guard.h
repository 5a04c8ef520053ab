/*
 * A protocol around another one: it ends connections that are silent or old, and takes their bytes no
 * faster than a rate. It is put there only where such a limit was asked for; without one, nobody knows
 * of it. One struct guard serves all connections of one thread.
 */
#pragma once

#include "protocol/protocol.h"
#include "stats/counters.h"

/* The most that a rate may be: beyond it the sums would not fit. */
#define GUARD_MOST_RATE_BYTES (64ull << 30)

struct guard_options {
	uint64_t idle_ns; /* neither received nor sent for so long: ended; CLOCK_NEVER: no limit */
	uint64_t lifetime_ns; /* open for so long: ended; CLOCK_NEVER: no limit */
	uint64_t rate_bytes; /* of one connection, received in a second, at most; 0: no limit */
	uint64_t (*now_ns)(void); /* clock_now_ns, or a test's own */
	/* A connection is not read from because of the rate, and has been counted; may be NULL. */
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

/* `inner` and `counters` stay the caller's and must outlive the guard. */
void guard_init(struct guard *guard, struct protocol *inner, struct counters *counters,
	const struct guard_options *options);
/* Forgets the connections that were never told as closed. */
void guard_fini(struct guard *guard);

/*
 * Other limits from now on, for the connections that are there as well: each must be nudged once
 * (engine_nudge_all), since one that is silent is told of nothing else. The rest of `options` is not looked at.
 */
void guard_set_limits(struct guard *guard, const struct guard_options *options);

/* The inner protocol's memory of a connection; NULL where there was no memory for one. */
const struct protocol_conn *guard_inner(const struct protocol_conn *conn);

/* Why the guard has ended a connection. */
enum guard_ending guard_ending(const struct protocol_conn *conn);

/* To be told at the end of every connection: the last that is heard of it. */
void guard_forget(const struct protocol_conn *conn);
