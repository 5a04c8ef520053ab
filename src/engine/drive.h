/*
 * Between an engine and its protocol: tells events, and carries out of the answer all that needs no
 * socket. What remains (the bytes to send) is the engine's own. For engine/ only.
 */
#pragma once

#include "engine/core.h"

/*
 * Tells one event of a connection. Afterwards conn->room, the conn's wanted ends and its timer are up to
 * date, and `ret_answer` holds what is to be sent (length 0: nothing).
 */
void drive_tell(struct engine *engine, struct conn *conn, const struct protocol_event *event,
	struct protocol_answer *ret_answer);

/* The first event of a connection; the host is told, too. */
void drive_open(struct engine *engine, struct conn *conn, struct protocol_answer *ret_answer);

/* The same for what becomes of the answers to datagrams, which belong to no connection. */
void drive_tell_datagram(struct engine *engine, const struct protocol_event *event,
	struct protocol_answer *ret_answer);

/*
 * A datagram that has come. Its answer is empty, too, where the host does not let it in. Here,
 * so that it costs a host without an opinion nothing.
 */
static inline void drive_tell_arrival(struct engine *engine, const struct engine_datagram *datagram,
	const struct protocol_event *event, struct protocol_answer *ret_answer)
{
	if (engine->host->admit_datagram == NULL ||
		engine->host->admit_datagram(engine->context, datagram))
		drive_tell_datagram(engine, event, ret_answer);
	else
		*ret_answer = (struct protocol_answer){ 0 };
}

/* Tells DEADLINE to every connection whose time has come; `touched` is called with each. */
void drive_timers(struct engine *engine,
	void (*touched)(struct engine *engine, struct conn *conn, struct protocol_answer *answer));

/* Whether a connection is one of those to be cut; `condemned` NULL: all are. */
bool drive_is_condemned(const struct conn *conn, engine_condemn_fn *condemned, void *context);

/*
 * Whether it must be closed with RST: a plain close would look like the proper end of a stream that is not
 * complete, whether the rest waits here or with the protocol. Also one that is lost: it need not be the
 * peer that is gone, we may have had no memory.
 */
bool drive_ends_with_reset(
	const struct engine *engine, const struct conn *conn, enum engine_close_reason reason);

/*
 * The end of a connection: tells the protocol if it was lost, tells the host, releases slot, output
 * and timer. Does not touch the descriptor, which `conn` gives before the call.
 */
void drive_close(struct engine *engine, struct conn *conn, enum engine_close_reason reason);
