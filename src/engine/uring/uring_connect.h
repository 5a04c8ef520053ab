/*
 * Outgoing connections and flows, with io_uring. For engine/uring/ only; one thread.
 */
#pragma once

#include "engine/uring/uring_core.h"

/* Goes on with a connecting socket; see engine_ops. */
void uring_connect_begin(struct uring_engine *engine, struct conn *conn);
/* The turn of a connecting socket. */
void uring_connect_take_turn(struct uring_engine *engine, struct conn *conn);
/* A poll for POLLOUT has completed: the socket is writable, or connecting has failed. */
void uring_connect_done(struct conn *conn, const struct io_uring_cqe *cqe);

/* False: the socket of this flow is full; a poll is ordered that waits for it. */
bool uring_connect_may_send(struct uring_engine *engine, struct conn *conn);
/* Orders the receive of a flow, and notes its result. */
void uring_connect_order_message(struct uring_engine *engine, struct conn *conn);
void uring_connect_note_message(
	struct uring_engine *engine, struct conn *conn, struct buffer *buffer, int result);
