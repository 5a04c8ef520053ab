/*
 * A protocol around another one: it puts a stage (wire/stage.h), such as TLS, between the bytes of a
 * connection and the protocol inside, which sees plain bytes only. An engine that needs no stage is
 * given the inner protocol itself, so its path is the same as if this did not exist.
 *
 * The inner protocol gets OPENED when the stage has opened, END when the peer has finished properly,
 * SENT when the last byte on the wire that carries its bytes has left. Its answers FINISH and CLOSE
 * make the stage say so first. Urgent bytes have no place in a stage: they are bytes.
 *
 * Limits: received beyond the inner credit and held: one record and what one receive has brought;
 * unsent on the wire: what the inner protocol has sent, plus STAGED_MOST_OWN_BYTES of the stage's
 * own. Beyond `budget_bytes` of all connections together, one with unsent bytes is not read from.
 * Opening takes `opening_ns` at most, and is reset then. Failing: a connection without memory is lost.
 *
 * Thread: one; a struct staged serves all connections of its engine. Ownership: it holds
 * allocations for each connection until staged_forget() or staged_fini(). Before OPENED the
 * protocol's memory of a connection is handed on; its second word must be 0 (engine_connect).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/staged/staged_chunk.h"
#include "protocol/protocol.h"
#include "wire/stage.h"

/* What a stage sends by itself (alerts, new keys) and the peer does not take: then it is not read from. */
#define STAGED_MOST_OWN_BYTES (64u << 10)

/* For a peer that is told why it is refused: as long it may send before it is reset. */
#define STAGED_PARTING_NS (1000ull * 1000 * 1000)

struct staged_conn;

/* What is reported of a stage, each at most once. */
enum staged_news {
	STAGED_OPENED, /* the inner protocol gets OPENED next */
	STAGED_FAILED, /* it has not opened: see stage_why() */
	STAGED_BROKEN, /* it was open, and is over: see stage_why() */
	STAGED_SLOW, /* opening took too long */
	STAGED_GONE, /* the peer has left before it was open */
	STAGED_TRUNCATED, /* the peer's stream has ended without the stage's word: it may be incomplete */
};

struct staged_options {
	/*
	 * Makes the stage of a connection; `tag` is OPENED's. NULL with `reterr_plain` true: it has
	 * none; NULL otherwise: no memory.
	 */
	struct stage *(*make)(void *context, unsigned tag, bool *reterr_plain);
	/* May be NULL. */
	void (*report)(void *context, const struct stage *stage, enum staged_news news);
	void *context;
	uint64_t opening_ns; /* CLOCK_NEVER: no limit */
	uint64_t (*now_ns)(void); /* clock_now_ns, or a test's own */
	size_t budget_bytes; /* of unsent bytes on the wire; 0: no limit */
	/*
	 * A client's: it is the inner protocol that has connected, so it is told when opening
	 * fails; nothing but the stage says that we have finished (no FIN); and a peer's end without
	 * that word is an error. A server takes it as an end, and is told (STAGED_TRUNCATED).
	 */
	bool client;
};

struct staged {
	struct protocol protocol; /* what engines are given */
	struct protocol *inner;
	struct staged_options options;
	struct staged_conn *first;
	struct staged_chunk_store store;
	unsigned char *plain; /* what is read next */
};

/* `inner` stays the caller's and must outlive it. -ENOMEM. */
int staged_init(
	struct staged *staged, struct protocol *inner, const struct staged_options *options);
/* Forgets the connections for which staged_forget() was not called. */
void staged_fini(struct staged *staged);

/* The inner protocol's memory of a connection: never NULL. */
const struct protocol_conn *staged_inner(const struct protocol_conn *conn);

/* The stage of a connection; NULL: it has none. */
const struct stage *staged_stage(const struct protocol_conn *conn);

/* The stage has ended a connection, or kept it from being one: -errno; 0: it has not. */
int staged_error(const struct protocol_conn *conn);

/* To be called at the end of every connection, last. */
void staged_forget(struct staged *staged, const struct protocol_conn *conn);
