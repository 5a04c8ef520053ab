/*
 * Connections in bulk, whose bytes move by a pipe (engine/bulk.h). For engine/uring/ only; one
 * thread.
 */
#pragma once

#include "engine/uring/uring_core.h"

/*
 * In the turn of a connection in bulk that may receive: moves what is there, or has the ring report
 * when something is. False: a receive is to be ordered, as for any other connection.
 */
bool uring_bulk_take_turn(struct uring_engine *engine, struct conn *conn);

/* The ring reports that something is there. */
void uring_bulk_polled(struct conn *conn, const struct io_uring_cqe *cqe);

/* The output begins in a pipe (CONN_PIPED), and the socket may take more. */
void uring_bulk_flush(struct uring_engine *engine, struct conn *conn);
