/*
 * Connections, with io_uring: opening, receiving, closing. For engine/uring/ only; one thread.
 */
#pragma once

#include "engine/uring/uring_core.h"

/*
 * Takes over `fd`, also on failure (-ENOMEM): then it is reset. `tag` is the listener's that
 * accepted it; 0 where there is none.
 */
int uring_stream_open(struct uring_engine *engine, int fd, enum addr_scheme scheme, unsigned tag);

/* A request of a connection has completed. */
void uring_stream_done(struct uring_engine *engine, const struct io_uring_cqe *cqe);

/* Gives each connection that has something to do a turn. */
void uring_stream_round(struct uring_engine *engine);
void uring_stream_timers(struct uring_engine *engine);
void uring_stream_nudge(struct uring_engine *engine, struct conn *conn);

/*
 * Marks the connections that are condemned, or all where `condemned` is NULL, to end; returns how
 * many.
 */
unsigned uring_stream_cut(struct uring_engine *engine, engine_condemn_fn *condemned, void *context);

/* Closes all at once, without a report; no request may be under way any more. */
void uring_stream_close_all(struct uring_engine *engine);
