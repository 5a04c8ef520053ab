/*
 * TLS in one worker: which connections get a stage, and what is counted and logged of it. Made only
 * where an address of tls:// is served. Thread: the worker's. Ownership: the owner calls
 * secure_opened() and secure_closed() for each connection.
 */
#pragma once

#include "base/log_limit.h"
#include "engine/engine.h"
#include "engine/staged/staged.h"
#include "server/admission/proxied.h"
#include "server/admission/slot_table.h"
#include "server/keys.h"
#include "server/listen/listener_list.h"
#include "stats/counters.h"

struct secure_options {
	struct keys *keys; /* the caller's, to outlive it; so are the next */
	const struct listener_list *listeners; /* a connection's tag is a place in it */
	uint64_t handshake_ns;
	size_t budget_bytes; /* see staged.h */
};

struct secure {
	struct staged staged;
	struct secure_options options;
	struct counters *counters; /* the caller's, of each listener by its tag */
	struct slot_table peers; /* names, of connections of tls:// */
	struct log_limit failures, truncations;
	uint32_t opening_slot; /* of the connection that is being opened */
};

/* Puts itself around the protocol, which is told plain bytes only; without keys not. -ENOMEM. */
int secure_around(struct secure *secure, struct protocol **protocol,
	const struct secure_options *options, struct counters *counters);
/* Zeroed is fine. */
void secure_fini(struct secure *secure);

/*
 * These do nothing where `secure` is zeroed: there is no TLS. `client`: as of gate_client(): what its proxy says of
 * it, or NULL.
 */
void secure_opened(
	struct secure *secure, const struct engine_conn *conn, const struct proxied_client *client);

/*
 * What the engine takes for a proper end may be a failure of the stage: reason and error become what it
 * really was. Gives the connection as the protocols inside know it, until secure_closed().
 */
struct engine_conn secure_judge(const struct secure *secure, const struct engine_conn *conn,
	enum engine_close_reason *reason, int *error);
/* The listener's tag of a connection with a stage, `tag` of any other: only the stage knows it where none has opened. */
unsigned secure_tag(const struct secure *secure, const struct engine_conn *conn, unsigned tag);
void secure_closed(struct secure *secure, const struct engine_conn *conn);
