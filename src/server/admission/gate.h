/*
 * The admission of one worker: asks the lists (access.h) and the limits (limits.h) whether a peer may connect,
 * remembers what to give back at the end, counts, and logs without flooding the log. One thread, the worker's.
 *
 * Where a proxy stands in front (proxied.h), it is asked twice: at accept for the proxy, which takes a place; and
 * when the header has come, for the client, with the lists, its source's limit and the rate. A client that the
 * proxy does not name is the proxy itself.
 */
#pragma once

#include <stdbool.h>

#include "base/log_limit.h"
#include "engine/engine.h"
#include "protocol/guard.h"
#include "server/admission/access.h"
#include "server/admission/limits.h"
#include "server/admission/peer_rule.h"
#include "server/admission/proxied.h"
#include "server/admission/slot_table.h"
#include "stats/counters.h"

/* Why a peer was refused, or a connection ended; each reason has its own line in the log. */
enum gate_reason {
	GATE_BY_ACCESS,
	GATE_BY_COUNT,
	GATE_BY_MEMORY,
	GATE_BY_SOURCE,
	GATE_BY_RATE,
	GATE_PROXY_OUTSIDE,
	GATE_PROXY_MISSING,
	GATE_PROXY_WRONG,
	GATE_PROXY_LATE,
	GATE_PROXY_CUT_SHORT,
	GATE_DATAGRAM_ACCESS,
	GATE_DATAGRAM_RATE,
	GATE_NO_HOST,
	GATE_OWN_ADDRESS,
	GATE_FIXED_PORT,
	GATE_IDLE,
	GATE_OLD,
	GATE_NO_LONGER_ALLOWED,
	GATE_BY_BYTES,
	GATE_BY_LOOP,
	GATE_REASONS,
};

struct gate {
	struct limits *limits; /* of the whole server; NULL: none */
	const struct access *access; /* NULL: every peer */
	struct peer_rule *peer_rule; /* NULL: none; set by its owner after gate_init() */
	struct counters *all_counters; /* of each listener, by tag */
	struct counters *counters; /* of the listener that is spoken of */
	struct proxied proxied; /* no proxies, unless its owner sets it up after gate_init() */
	struct slot_table sources; /* struct limits_source; empty where sources are not counted */
	struct limits_source
		*entered_source; /* of the connection that was admitted and is not open yet */
	bool entered;
	bool awaits_header; /* the same: it is a proxy */
	struct proxy_header header; /* the last one; points into what the engine shows */
	struct log_limit log_limits[GATE_REASONS];
};

/* What is pointed to stays the caller's; `counters` are those of each listener, by its tag. */
void gate_init(struct gate *gate, struct limits *limits, const struct access *access,
	struct counters *counters);
/* Gives back what is still held. */
void gate_fini(struct gate *gate);

/*
 * What comes next concerns this listener. To be called before gate_closed(), gate_abandoned() and gate_condemns(); the
 * others are told.
 */
static inline void gate_speak_of(struct gate *gate, unsigned tag)
{
	gate->counters = &gate->all_counters[tag];
}

/* For the engine's host, of the same names. */
bool gate_admit(struct gate *gate, int fd, enum addr_scheme scheme, unsigned tag);
uint64_t gate_preface_limit(struct gate *gate, const struct engine_conn *conn, unsigned tag);
enum engine_preface_verdict gate_preface(struct gate *gate, const struct engine_conn *conn,
	unsigned tag, const struct engine_preface *preface, size_t *ret_length);
bool gate_admit_datagram(struct gate *gate, const struct engine_datagram *datagram);
void gate_opened(struct gate *gate, const struct engine_conn *conn);
void gate_closed(struct gate *gate, const struct engine_conn *conn, enum guard_ending ending);
/* In place of gate_closed() for a connection that was not opened: refused before, cut, or gone, as a check that only connects. */
void gate_abandoned(struct gate *gate, const struct engine_conn *conn);
/* Whether it waits for the header of its proxy: it is not open yet. */
bool gate_waits_for_header(const struct gate *gate, const struct engine_conn *conn);

/* The client of a connection as the proxy names it; NULL: it came by itself. */
const struct proxied_client *gate_client(const struct gate *gate, const struct engine_conn *conn);

/*
 * Only logged, for they are counted where they are noticed: a connection is not read from because of its
 * rate; a datagram from this port (-1: to a group) is not answered, for the answer could come back.
 */
void gate_slowed(struct gate *gate);
void gate_looped(struct gate *gate, int32_t peer_port);

/* Under new lists: whether a connection must go, which is then counted and logged. */
bool gate_condemns(struct gate *gate, const struct engine_conn *conn);
