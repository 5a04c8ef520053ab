/*
 * For engines that call recv(2) themselves: into which buffer to receive, and how to keep the
 * urgent byte apart from the others. For engine/ only; one thread.
 */
#pragma once

#include "engine/core.h"

/*
 * The buffer to receive into: the one behind what waits to be sent; else a large one; else, if the
 * connection holds none and the large ones are used up, a small one. NULL: not now;
 * `reterr_memory_short` is set, and never cleared, if the system has no memory. The caller gets a
 * reference.
 */
struct buffer *intake_buffer(
	struct engine *engine, const struct conn *conn, bool *reterr_memory_short);

/*
 * Finds what is next on a socket with urgent data inline. Sets how much to receive (at most
 * `wanted`), and as which event; returns that count; 0 at the end of stream, -errno if nothing can
 * be received.
 */
ssize_t intake_find_mark(int fd, void *bytes, uint32_t *wanted, enum protocol_event_kind *ret_kind);
