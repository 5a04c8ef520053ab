/*
 * Receiving where the urgent byte is reported as such. For engine/uring/ only; one thread.
 */
#pragma once

#include "engine/uring/uring_core.h"

/*
 * Receives what is there, in one turn of bounded length, and reports it. Returns the result of the
 * receive that ended the turn: 0: the end of stream, -errno: nothing came; above 0: the turn was
 * over.
 */
int uring_marked_receive(struct uring_engine *engine, struct conn *conn);
