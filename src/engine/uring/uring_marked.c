/*
 * Receiving where the urgent byte is told apart (--urgent urgent). The mark must be looked for before each
 * receive, and no byte behind it may have been taken by then: an order that is carried out later, or many
 * times, cannot do that. So the kernel is only asked to say when something is there, once for each turn.
 */
#include <errno.h>
#include <sys/socket.h>

#include "engine/intake.h"
#include "engine/uring/uring_engine.h"
#include "net/call.h"

/* Then it is the others' turn. */
#define TURN_BYTES (4 * BUFFER_LARGE_BYTES)

static bool may_receive(const struct conn *conn)
{
	return conn->room > 0 && conn->error == 0 &&
		!(conn->flags &
			(CONN_END_SEEN | CONN_CLOSE_WANTED | CONN_RESET_WANTED | CONN_CUT_WANTED));
}

/* Receives once and tells it: the bytes that came; 0 if there are none. */
static size_t receive(struct uring_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_BYTES };
	bool is_short = false;
	struct buffer *buffer = intake_buffer(&engine->core, conn, &is_short);
	uint32_t wanted;
	ssize_t n;

	if (is_short)
		uring_stream_note_short(engine, conn);
	if (buffer == NULL)
		return 0;
	wanted = buffer->capacity - buffer->filled;
	if (wanted > conn->room)
		wanted = conn->room;

	unsigned char *start = buffer->bytes + buffer->filled;

	n = intake_look_for_mark(conn->fd, start, &wanted, &event.kind);
	if (n > 0)
		n = call_recv(conn->fd, start, wanted, MSG_DONTWAIT);
	if (n > 0) {
		buffer->filled += (uint32_t)n;
		event.span.bytes = start;
		event.span.length = (uint32_t)n;
		event.span.buffer = buffer;
		uring_stream_tell(engine, conn, &event);
	} else {
		uring_stream_note_nothing(engine, conn, (int)n);
	}
	buffer_unref(buffer);
	return n > 0 ? (size_t)n : 0;
}

void uring_marked_receive(struct uring_engine *engine, struct conn *conn)
{
	size_t received = 0;

	while (received < TURN_BYTES && may_receive(conn)) {
		size_t n = receive(engine, conn);

		if (n == 0)
			break;
		received += n;
	}
}
