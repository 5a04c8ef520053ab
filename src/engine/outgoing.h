/*
 * Connections that we ask for: opening the socket, calling, and what came of it. When to look is the
 * engine's own. For engine/ only; one thread.
 */
#pragma once

#include "engine/core.h"

/*
 * Opens a socket, takes a slot and calls. Afterwards the connection is CONN_CONNECTING, and either
 * WRITABLE (go on with outgoing_finish), or lost (conn->error), or waits: for its socket to be writable,
 * or, where outgoing_waits_for_backlog(), for outgoing_retry().
 */
int outgoing_begin(struct engine *engine, const struct engine_connect_options *options,
	struct conn **ret_conn);

/*
 * A unix stream whose peer has a full backlog: the kernel says EAGAIN, and gives nothing to wait for. It is
 * called again by and by, and the engine's `connect` told when that has had an outcome.
 */
bool outgoing_waits_for_backlog(const struct conn *conn);
/* Once a round: calls those again, if it is time; core.outgoing_retry_ns says when it is. */
void outgoing_call_again(struct engine *engine);
static inline void outgoing_retry(struct engine *engine)
{
	if (engine->outgoing_retry_ns <= engine->now_ns)
		outgoing_call_again(engine);
}

/* The socket is writable: 0 if it is connected, otherwise -errno, which is conn->error too. */
int outgoing_finish(struct conn *conn);

/* Forgets who waits. */
void outgoing_fini(struct engine *engine);
