/*
 * Receiving by a call of one's own, for every engine that does so: into which buffer, and how to keep
 * the urgent byte apart from the others. For engine/ only.
 */
#pragma once

#include "engine/core.h"

/*
 * Where to receive: behind what waits to be sent, else a large buffer, else (nothing held, and the large
 * ones used up) a small one. NULL: not now; `ret_memory_short` is set where the system has no memory.
 * The caller gets a reference.
 */
struct buffer *intake_buffer(
	struct engine *engine, const struct conn *conn, bool *ret_memory_short);

/*
 * Asks what comes next on a socket with urgent data in line. Sets how much to receive (`wanted` at
 * most) and as what; returns that count; 0 at the end, -errno where nothing can be received.
 */
ssize_t intake_find_mark(int fd, void *bytes, uint32_t *wanted, enum protocol_event_kind *ret_kind);
