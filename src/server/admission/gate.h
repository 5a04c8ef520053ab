/*
 * The admission of one worker: asks the lists (access.h) and the limits (limits.h) whether a peer may connect,
 * remembers what to give back at the end, counts, and logs without flooding the log. One thread, the worker's.
 */
#pragma once

#include <stdbool.h>

#include "base/log_limit.h"
#include "engine/engine.h"
#include "protocol/guard.h"
#include "server/admission/access.h"
#include "server/admission/limits.h"
#include "server/admission/peer_rule.h"
#include "server/admission/slot_table.h"
#include "stats/counters.h"

/* Why a peer was refused, or a connection ended; each reason has its own line in the log. */
enum gate_reason {
	GATE_BY_ACCESS,
	GATE_BY_COUNT,
	GATE_BY_MEMORY,
	GATE_BY_SOURCE,
	GATE_BY_RATE,
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
	struct counters *counters;
	struct slot_table sources; /* struct limits_source; empty where sources are not counted */
	struct limits_source
		*entered_source; /* of the connection that was admitted and is not open yet */
	bool entered;
	struct log_limit log_limits[GATE_REASONS];
};

/* What is pointed to stays the caller's. */
void gate_init(struct gate *gate, struct limits *limits, const struct access *access,
	struct counters *counters);
/* Gives back what is still held. */
void gate_fini(struct gate *gate);

/* For the engine's host, of the same names. */
bool gate_admit(struct gate *gate, int fd, enum addr_scheme scheme);
bool gate_admit_datagram(struct gate *gate, const struct engine_datagram *datagram);
void gate_opened(struct gate *gate, const struct engine_conn *conn);
void gate_closed(struct gate *gate, const struct engine_conn *conn, enum guard_ending ending);

/*
 * Only logged, for they are counted where they are noticed: a connection is not read from because of its
 * rate; a datagram from this port (-1: to a group) is not answered, for the answer could come back.
 */
void gate_slowed(struct gate *gate);
void gate_looped(struct gate *gate, int32_t peer_port);

/* Under new lists: whether a connection must go, which is then counted and logged. */
bool gate_condemns(struct gate *gate, const struct engine_conn *conn);
