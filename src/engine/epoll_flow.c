/*
 * Flows: connected datagram sockets. What a stream may do piecemeal is done here message by message: a
 * receive is one message, and what the kernel does not take now waits whole. An error belongs to a message
 * and not to the flow; ECONNREFUSED, which a send or receive reports for an earlier one (ICMP, udp(7)), does
 * not end it: the service may come back.
 */
#include "engine/epoll_engine.h"

#include <errno.h>

#include "engine/drive.h"
#include "net/call.h"

/* A turn ends after so many messages: then it is the others' turn. */
#define MESSAGES_A_TURN 64

/* ---- sending ---- */

static bool is_shortage(ssize_t result)
{
	return result == -ENOBUFS || result == -ENOMEM;
}

/* False if the kernel takes nothing now; otherwise `ret_event` is what came of it. */
static bool send_message(struct epoll_engine *engine, struct conn *conn, const void *bytes,
	size_t length, struct protocol_event *ret_event)
{
	ssize_t n = call_send(conn->fd, bytes, length, MSG_NOSIGNAL);

	*ret_event = (struct protocol_event){ .kind = PROTOCOL_SENT, .count = length };
	if (n == -EAGAIN)
		epoll_stream_note_full(engine, conn);
	else if (is_shortage(n))
		engine->memory_short = true;
	if (n == -EAGAIN || is_shortage(n) || n == -EINTR)
		return false;
	if (n < 0) {
		ret_event->kind = PROTOCOL_FAULT;
		ret_event->error = (int)n;
	}
	return true;
}

static void keep(struct conn *conn, const struct protocol_span *span)
{
	int r = conn->output == NULL ? output_new(&conn->output) : 0;

	if (r == 0)
		r = output_push(conn->output, span, false);
	if (r < 0)
		epoll_stream_note_lost(conn, r);
}

void epoll_flow_carry_out(
	struct epoll_engine *engine, struct conn *conn, struct protocol_answer *answer)
{
	while (answer->send.length > 0 && conn->error == 0) {
		struct protocol_event event;

		if (!output_is_empty(conn->output) || !(conn->flags & CONN_WRITABLE) ||
			!send_message(
				engine, conn, answer->send.bytes, answer->send.length, &event)) {
			keep(conn, &answer->send);
			return;
		}
		drive_tell(&engine->core, conn, &event, answer);
	}
}

static void tell(struct epoll_engine *engine, struct conn *conn, const struct protocol_event *event)
{
	struct protocol_answer answer;

	drive_tell(&engine->core, conn, event, &answer);
	epoll_flow_carry_out(engine, conn, &answer);
}

/* Sends the first that waits. True if it is no longer there. */
static bool flush(struct epoll_engine *engine, struct conn *conn)
{
	const struct protocol_span *first = output_first(conn->output);
	struct protocol_event event;

	if (!send_message(engine, conn, first->bytes, first->length, &event))
		return false;
	output_advance(conn->output, first->length);
	if (output_is_empty(conn->output)) {
		output_free(conn->output);
		conn->output = NULL;
	}
	tell(engine, conn, &event);
	return true;
}

/* ---- receiving ---- */

static struct buffer *buffer_for(struct epoll_engine *engine, const struct conn *conn)
{
	struct buffer *buffer = NULL;

	if (conn->room > BUFFER_SMALL_BYTES)
		buffer = buffer_get_large(&engine->core.pool);
	if (buffer == NULL)
		buffer = buffer_get_small(&engine->core.pool);
	if (buffer == NULL)
		engine->memory_short = true;
	return buffer;
}

/* Receives one message and tells it. False when there is none. */
static bool receive(struct epoll_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_BYTES };
	struct buffer *buffer = buffer_for(engine, conn);
	size_t wanted;
	ssize_t n;

	if (buffer == NULL)
		return false;
	wanted = conn->room < buffer->capacity ? conn->room : buffer->capacity;
	/* The length is then that of the message, also where it is longer. */
	n = call_recv(conn->fd, buffer->bytes, wanted, MSG_TRUNC);
	if (n >= 0) {
		event.truncated = (size_t)n > wanted;
		event.span.bytes = buffer->bytes;
		event.span.length = (uint32_t)(event.truncated ? wanted : (size_t)n);
		event.span.buffer = buffer;
		buffer->filled = event.span.length;
		tell(engine, conn, &event);
	} else if (n == -EAGAIN) {
		conn->flags &= ~(uint32_t)CONN_READABLE;
	} else if (is_shortage(n)) {
		engine->memory_short = true;
	} else if (n != -EINTR) {
		event.kind = PROTOCOL_FAULT;
		event.error = (int)n;
		tell(engine, conn, &event);
	}
	buffer_unref(buffer);
	return n != -EAGAIN && !is_shortage(n);
}

static bool may_flush(const struct conn *conn)
{
	return conn->flags & CONN_WRITABLE && !output_is_empty(conn->output);
}

static bool may_receive(const struct conn *conn)
{
	return conn->flags & CONN_READABLE && conn->room > 0 && !(conn->flags & CONN_CLOSE_WANTED);
}

bool epoll_flow_take_turn(struct epoll_engine *engine, struct conn *conn)
{
	bool progress = true;

	for (unsigned i = 0; i < MESSAGES_A_TURN && progress; i++) {
		progress = false;
		if (conn->error != 0 || conn->flags & CONN_RESET_WANTED)
			return false;
		if (may_flush(conn))
			progress = flush(engine, conn);
		if (may_receive(conn))
			progress = receive(engine, conn) || progress;
	}
	return may_flush(conn) || may_receive(conn);
}
