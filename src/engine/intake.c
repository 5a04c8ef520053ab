/*
 * A receive ends before the urgent mark; at the mark, the next byte is the urgent one. The mark may
 * come between that question and the receive, together with its byte: so only what was there before
 * the question is received after it.
 */
#include "engine/intake.h"

#include <sys/socket.h>

#include "net/call.h"

/* With less space than this in the last buffer, a fresh one is better. */
#define LEAST_TAIL_BYTES 1024

struct buffer *intake_buffer(
	struct engine *engine, const struct conn *conn, bool *reterr_memory_short)
{
	struct buffer *buffer = output_tail(conn->output);

	if (buffer != NULL && buffer->capacity - buffer->filled >= LEAST_TAIL_BYTES) {
		buffer_ref(buffer);
		return buffer;
	}
	buffer = buffer_get_large(&engine->pool);
	if (buffer == NULL && output_is_empty(conn->output)) {
		buffer = buffer_get_small(&engine->pool);
		if (buffer == NULL)
			*reterr_memory_short = true;
	}
	return buffer;
}

ssize_t intake_find_mark(int fd, void *bytes, uint32_t *wanted, enum protocol_event_kind *ret_kind)
{
	ssize_t there = call_recv(fd, bytes, *wanted, MSG_PEEK | MSG_DONTWAIT);

	if (there <= 0)
		return there;
	if (call_sockatmark(fd) == 1) {
		*ret_kind = PROTOCOL_URGENT;
		there = 1;
	}
	*wanted = (uint32_t)there;
	return there;
}
