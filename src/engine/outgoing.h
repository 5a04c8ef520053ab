/*
 * Outgoing connections: opening the socket, connecting, and the outcome. How an engine learns that
 * the socket is writable is its own part. For engine/ only; one thread.
 */
#pragma once

#include "engine/core.h"

/*
 * Opens a socket, takes a slot and connects. Afterwards the connection is CONN_CONNECTING, and
 * either WRITABLE (go on with outgoing_finish), or lost (conn->error), or waits: for its socket to
 * be writable, or, if outgoing_waits_for_backlog(), for outgoing_retry(). -errno: no socket, no
 * slot; nothing is left.
 */
int outgoing_begin(struct engine *engine, const struct engine_connect_options *options,
	struct conn **ret_conn);

/*
 * A unix stream whose peer has a full backlog: connect(2) fails with EAGAIN, and there is nothing
 * to wait for. It is repeated from time to time, and the engine's `connect` is called when it has
 * had an outcome.
 */
bool outgoing_waits_for_backlog(const struct conn *conn);
/* Once a round: connects those again, if it is time (core.outgoing_retry_ns). */
void outgoing_connect_again(struct engine *engine);
static inline void outgoing_retry(struct engine *engine)
{
	if (engine->outgoing_retry_ns <= engine->now_ns)
		outgoing_connect_again(engine);
}

/*
 * The socket is writable: 0 if it is connected, and the host has sent what it had to; otherwise -errno, which is
 * conn->error too.
 */
int outgoing_finish(struct engine *engine, struct conn *conn);

/* Forgets the connections that wait for a backlog. */
void outgoing_fini(struct engine *engine);
