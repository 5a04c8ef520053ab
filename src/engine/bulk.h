/*
 * Moving the bytes of a connection in bulk without copying them: from its socket into a pipe of the
 * engine's, reported to the protocol as a span without content (protocol.h), and from the pipe into
 * its socket. For engine/ only; one thread.
 *
 * A connection is in bulk (CONN_BULK) from the second receive in a row that fills a large buffer,
 * until a piece is small. Bytes that the peer does not read yet stay in the pipe (CONN_PIPED), and
 * more is moved behind them; when the pipe is full, more is copied and waits behind it.
 *
 * What the kernel does with splice(2) of a socket, and what follows from it:
 * - Its own flag for "do not wait" is about the pipe only: the socket must be O_NONBLOCK.
 * - It has no MSG_NOSIGNAL: engine_run() blocks SIGPIPE in its thread.
 * - It stops before an urgent byte, and says "nothing there" or "end of stream" there. So neither
 *   is believed: a receive says why nothing came.
 * - It takes the error off the socket, like a receive: what it reports is final.
 */
#pragma once

#include <sys/types.h>

#include "engine/core.h"

/* A smaller piece ends the bulk: it is copied for less. */
#define BULK_LEAST_BYTES (16u << 10)

/*
 * Whether the next bytes of this connection may move so: it is in bulk, nothing that was copied
 * waits, and the protocol does not look at its bytes.
 */
bool bulk_may_move(const struct engine *engine, const struct conn *conn);

/*
 * One piece from the socket into a pipe, as far as there is credit. More than 0: so many bytes are
 * in `ret_span`, whose pipe has one reference more, the caller's. 0: a receive must say why nothing
 * came. -EAGAIN: nothing there, unless an urgent byte or a half-close has been noticed; else an
 * error.
 */
ssize_t bulk_receive(struct engine *engine, struct conn *conn, struct protocol_span *ret_span);

/* From the pipe of a span into the socket: what has left, or -errno. The span stays as it is. */
ssize_t bulk_send(const struct conn *conn, const struct protocol_span *span);

/*
 * Moves a byte from a socket into a socket here: 0 and the slots that a pipe has, or -errno, as of
 * bulk_pipe_open() and splice(2).
 */
int bulk_try(uint32_t *ret_slots);

/* A receive has filled a large buffer: the second in a row begins the bulk, if that can be here. */
void bulk_note_filled(struct engine *engine, struct conn *conn);
