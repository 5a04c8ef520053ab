/*
 * Flows move whole messages: a receive is one message, and a message that the kernel does not take
 * now waits whole. An error belongs to a message and not to the flow. ECONNREFUSED, which a send or
 * receive reports for an earlier message (ICMP, udp(7)), does not end the flow: the service may
 * come back.
 */
#include "engine/epoll/epoll_flow.h"

#include "engine/drive.h"
#include "net/call.h"

/* A turn ends after so many messages: then the other connections have theirs. */
#define MESSAGES_A_TURN 64
#define MESSAGES_A_CALL MESSAGES_A_TURN

/* ---- sending ---- */

/* False if the kernel takes nothing now; otherwise `ret_event` is what became of the message. */
static bool send_message(struct epoll_engine *engine, struct conn *conn, const void *bytes,
	size_t length, struct protocol_event *ret_event)
{
	ssize_t n = call_send(conn->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	*ret_event = (struct protocol_event){ .kind = PROTOCOL_SENT, .count = length };
	if (n >= 0)
		return true;
	switch (call_judge((int)n)) {
	case CALL_NOT_NOW: epoll_core_note_full(engine, conn); return false;
	case CALL_SHORT: engine->memory_short = true; return false;
	case CALL_AGAIN: return false;
	case CALL_FATAL: break;
	}
	ret_event->kind = PROTOCOL_FAULT;
	ret_event->error = (int)n;
	return true;
}

static void keep(struct conn *conn, const struct protocol_span *span)
{
	int r = conn->output == NULL ? output_new(&conn->output) : 0;

	/* As if it were urgent: an urgent span is sent alone, and never joined with a neighbour. */
	if (r == 0)
		r = output_push(conn->output, span, true);
	if (r < 0)
		conn_lose(conn, r);
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
		drive_report(&engine->core, conn, &event, answer);
	}
}

static void report(
	struct epoll_engine *engine, struct conn *conn, const struct protocol_event *event)
{
	struct protocol_answer answer;

	drive_report(&engine->core, conn, event, &answer);
	epoll_flow_carry_out(engine, conn, &answer);
}

/* Sends the first message that waits. True if it no longer waits. */
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
	report(engine, conn, &event);
	return true;
}

/* ---- receiving ---- */

static struct buffer *buffer_for(struct epoll_engine *engine, const struct conn *conn)
{
	struct buffer *buffer = NULL;

	if (conn->credit > BUFFER_SMALL_BYTES)
		buffer = buffer_get_large(&engine->core.pool);
	if (buffer == NULL)
		buffer = buffer_get_small(&engine->core.pool);
	if (buffer == NULL)
		engine->memory_short = true;
	return buffer;
}

static void report_message(struct epoll_engine *engine, struct conn *conn, struct buffer *buffer,
	const struct mmsghdr *message)
{
	struct protocol_event event = {
		.kind = PROTOCOL_BYTES,
		.span = {
			.bytes = message->msg_hdr.msg_iov->iov_base,
			.length = message->msg_len,
			.buffer = buffer,
		},
		.truncated = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0,
	};

	report(engine, conn, &event);
}

/* Nothing was received, for this reason. */
static void note_nothing(struct epoll_engine *engine, struct conn *conn, int error)
{
	struct protocol_event event = { .kind = PROTOCOL_FAULT, .error = error };

	switch (call_judge(error)) {
	case CALL_NOT_NOW: conn_clear(conn, CONN_READABLE); break;
	case CALL_SHORT: engine->memory_short = true; break;
	case CALL_AGAIN: break;
	case CALL_FATAL: report(engine, conn, &event); break;
	}
}

/*
 * Receives what is there, some messages at a time: fewer than asked for means that there are no
 * more, which saves a call that would only return EAGAIN. Returns how many came; 0 also on an
 * error.
 */
static unsigned receive(struct epoll_engine *engine, struct conn *conn)
{
	struct buffer *buffer = buffer_for(engine, conn);
	struct mmsghdr messages[MESSAGES_A_CALL];
	struct iovec places[MESSAGES_A_CALL];
	uint32_t most_bytes, count;
	int n;

	if (buffer == NULL)
		return 0;
	most_bytes = conn->credit < buffer->capacity ? conn->credit : buffer->capacity;
	count = buffer->capacity / most_bytes;
	if (count > MESSAGES_A_CALL)
		count = MESSAGES_A_CALL;
	for (uint32_t i = 0; i < count; i++) {
		places[i] = (struct iovec){ buffer->bytes + i * most_bytes, most_bytes };
		messages[i] = (struct mmsghdr){
			.msg_hdr = { .msg_iov = &places[i], .msg_iovlen = 1 },
		};
	}
	n = call_recvmmsg(conn->fd, messages, count, MSG_DONTWAIT);
	buffer->filled = count * most_bytes;
	if (n > 0 && (uint32_t)n < count)
		conn_clear(conn, CONN_READABLE);
	for (int i = 0; i < n && !(conn->flags & (CONN_CLOSE_WANTED | CONN_CUT)); i++)
		report_message(engine, conn, buffer, &messages[i]);
	if (n < 0)
		note_nothing(engine, conn, n);
	buffer_unref(buffer);
	return n > 0 ? (unsigned)n : 0;
}

static bool may_flush(const struct conn *conn)
{
	return conn->flags & CONN_WRITABLE && !output_is_empty(conn->output);
}

static bool may_receive(const struct conn *conn)
{
	return conn->flags & CONN_READABLE && conn->credit > 0 &&
		!(conn->flags & CONN_CLOSE_WANTED);
}

bool epoll_flow_take_turn(struct epoll_engine *engine, struct conn *conn)
{
	unsigned received = 0;
	bool progress = true;

	while (received < MESSAGES_A_TURN && progress) {
		progress = false;
		if (conn_must_end(conn))
			return false;
		if (may_flush(conn))
			progress = flush(engine, conn);
		if (may_receive(conn)) {
			unsigned count = receive(engine, conn);

			received += count;
			progress = progress || count > 0;
		}
	}
	return may_flush(conn) || may_receive(conn);
}
