/*
 * Sending, with io_uring. For engine/uring/ only; one thread.
 */
#pragma once

#include "engine/uring/uring_core.h"

/* Queues what an answer holds. The connection is lost if there is no memory. */
void uring_send_keep(
	struct uring_engine *engine, struct conn *conn, const struct protocol_answer *answer);

/* Reports an event to the protocol, and queues what it answers. */
void uring_send_answer(
	struct uring_engine *engine, struct conn *conn, const struct protocol_event *event);

/*
 * Orders a send of what waits, as far as the kernel takes it at once. `may_wait`: the protocol need
 * not hear of it soon, so that it may be quiet (see uring_send.c).
 */
void uring_send_order(struct uring_engine *engine, struct conn *conn, bool may_wait);

/* A send has completed. */
void uring_send_done(struct uring_engine *engine, struct conn *conn, int result);

/* So many of the first bytes that wait have left. */
void uring_send_left(struct uring_engine *engine, struct conn *conn, size_t count);

/* Before the completions of a round are noted: concludes the quiet sends. */
void uring_send_conclude(struct uring_engine *engine);

/* A quiet send has a completion: it has not sent everything. */
void uring_send_note_exception(struct uring_engine *engine, const struct io_uring_cqe *cqe);
