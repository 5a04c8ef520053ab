/*
 * Receiving where the urgent byte is reported as such (--urgent urgent). The mark must be sought
 * before each receive, and no byte behind it may have been received by then: a request that is
 * carried out later, or many times, cannot do that. So the kernel only reports when something is
 * there, once for each turn.
 */
#include <errno.h>
#include <sys/socket.h>

#include "engine/intake.h"
#include "engine/uring/uring_marked.h"
#include "engine/uring/uring_send.h"
#include "net/call.h"

/* Then the other connections have their turns. */
#define TURN_BYTES (4 * BUFFER_LARGE_BYTES)

static bool may_receive(const struct conn *conn)
{
	return conn->credit > 0 && conn->error == 0 &&
		!(conn->flags & (CONN_END_SEEN | CONN_CLOSE_WANTED | CONN_CUT));
}

/* Receives once and reports it: how many bytes; 0: the end of stream; or -errno. */
static int receive(struct uring_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_BYTES };
	bool is_short = false;
	struct buffer *buffer = intake_buffer(&engine->core, conn, &is_short);
	uint32_t wanted;
	ssize_t n;

	if (buffer == NULL)
		return is_short ? -ENOMEM : -EAGAIN;
	wanted = buffer->capacity - buffer->filled;
	if (wanted > conn->credit)
		wanted = conn->credit;

	unsigned char *start = buffer->bytes + buffer->filled;

	n = intake_find_mark(conn->fd, start, &wanted, &event.kind);
	if (n > 0)
		n = call_recv(conn->fd, start, wanted, MSG_DONTWAIT);
	if (n > 0) {
		buffer->filled += (uint32_t)n;
		event.span.bytes = start;
		event.span.length = (uint32_t)n;
		event.span.buffer = buffer;
		uring_send_answer(engine, conn, &event);
	}
	buffer_unref(buffer);
	return (int)n;
}

int uring_marked_receive(struct uring_engine *engine, struct conn *conn)
{
	unsigned received = 0;

	while (received < TURN_BYTES && may_receive(conn)) {
		int n = receive(engine, conn);

		if (n <= 0)
			return n;
		received += (unsigned)n;
	}
	return 1;
}
