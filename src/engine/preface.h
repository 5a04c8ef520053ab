/*
 * The preface of a connection: bytes in front of its stream, which the host reads and the protocol never gets (see
 * struct engine_host). Until it has come, the connection is CONN_PREFACE, has no credit, and no event of it is
 * reported to the protocol.
 *
 * All that has come is peeked at each time, and stays in the kernel's buffer until the preface is whole; then
 * exactly the preface is received. So the stream begins with its first byte, in whatever way an engine receives,
 * and a connection that waits holds no memory of ours.
 *
 * For engine/ only; one thread, the engine's.
 */
#pragma once

#include "engine/core.h"

/*
 * Of an accepted connection, before drive_open(): asks the host. True: it is CONN_PREFACE now, and its time limit is
 * set; its owner calls preface_advance() at once, and then whenever more has come or the time is over.
 */
bool preface_begin(struct engine *engine, struct conn *conn, unsigned tag);

enum preface_outcome {
	PREFACE_WAITS, /* for more, or for the end of the stream */
	PREFACE_SHORT, /* the system has no memory: to be tried again a little later */
	PREFACE_OPEN, /* it is open, as after drive_open(): `ret_answer` is the protocol's */
	PREFACE_ENDS, /* it is lost or cut */
};

enum preface_outcome preface_advance(
	struct engine *engine, struct conn *conn, struct protocol_answer *ret_answer);
