/*
 * Between an engine and its protocol: reports the events of connections, and carries out of each
 * answer all that needs no socket. What remains, the bytes to send, is the engine's own part. For
 * engine/ only; one thread, the engine's.
 */
#pragma once

#include "engine/core.h"

/*
 * Reports one event of a connection. Afterwards the connection's credit, wanted ends and timer are
 * up to date, and `ret_answer` holds what is to be sent (length 0: nothing).
 */
void drive_report(struct engine *engine, struct conn *conn, const struct protocol_event *event,
	struct protocol_answer *ret_answer);

/*
 * The first event of a connection, to the host and to the protocol. `tag` is that of the listener
 * which accepted it; 0 where there is none.
 */
void drive_open(
	struct engine *engine, struct conn *conn, unsigned tag, struct protocol_answer *ret_answer);

/* Reports DEADLINE to every connection whose time has come, then calls `touched` with it. */
void drive_timers(struct engine *engine,
	void (*touched)(struct engine *engine, struct conn *conn, struct protocol_answer *answer));

/* Whether a connection is one of those to be cut; `condemned` NULL: all are. */
bool drive_is_condemned(const struct conn *conn, engine_condemn_fn *condemned, void *context);

/*
 * Whether a connection that ends now must end with RST: after a plain close, a stream that is not
 * complete would look complete, whether the rest waits here or with the protocol. This includes a
 * lost connection: the peer may still be there, if it was we who had no memory.
 */
bool drive_ends_with_reset(const struct engine *engine, const struct conn *conn);

/*
 * The end of a connection: reports LOST to the protocol if it was lost, reports the end to the host
 * (conn_close_reason), and releases slot, output and timer. The descriptor stays the caller's,
 * which reads it from `conn` before the call.
 */
void drive_close(struct engine *engine, struct conn *conn);
