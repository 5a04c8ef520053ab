/*
 * Sending. Of a connection at most one send is under way: two would be carried out in any order.
 * The bytes stay in the output, with their buffers, until the send has completed.
 *
 * No send waits in the kernel. A send that waits is tried again whenever the socket changes in any
 * way, the peer's half-close included, which never passes: so it is tried again at once, over and
 * over, then goes to a thread of the kernel's or comes back undone (seen in Linux 6.18). So a send
 * takes what it can at once, and if that is nothing, a poll waits until the socket takes more
 * (uring_stream.c, the watch).
 *
 * Quiet sends have no completion if all leaves at once. That we may take silence for success rests
 * on this:
 *
 *   1. MSG_DONTWAIT: a send is carried out while it is submitted, by the thread that submits it. It
 *      is never put off: neither a poll nor a thread of the kernel's carries it out later.
 *   2. MSG_WAITALL: less than everything is a failure, and failures always complete, with the count
 *      that has left or the error. uring_probe.c tries both on this kernel, and without them no send
 *      is quiet.
 *   3. So once the send has been submitted (the submission queue is empty), its completion is in the
 *      completion queue, or there will be none. is_undecided() covers the two exceptions: a queue
 *      that is not empty, and a completion queue that has overflowed.
 *
 * If 1 did not hold, a send that is still under way would be taken for done, and its buffer be used
 * again.
 */
#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/drive.h"
#include "engine/uring/uring_send.h"
#include "net/call.h"

#define NO_TOKEN UINT64_MAX /* the token of no connection */

/* A span up to this size is copied behind what waits, so that it does not hold a whole buffer. */
#define PACK_MOST_BYTES (BUFFER_LARGE_BYTES / 4)

static int open_output(struct uring_engine *engine, struct conn *conn)
{
	if (conn->output != NULL)
		return 0;
	if (engine->spare_output_count == 0)
		return output_new(&conn->output);
	conn->output = engine->spare_outputs[--engine->spare_output_count];
	return 0;
}

/* Every echo needs one for a moment: empty ones are kept for the next. */
static void close_output(struct uring_engine *engine, struct conn *conn)
{
	if (engine->spare_output_count < URING_CORE_SPARE_OUTPUTS)
		engine->spare_outputs[engine->spare_output_count++] = conn->output;
	else
		output_free(conn->output);
	conn->output = NULL;
}

/* Copies a span behind the last that waits, if it fits there. */
static void pack(const struct conn *conn, struct protocol_span *span)
{
	struct buffer *tail = output_tail(conn->output);

	if (tail == NULL || span->buffer == NULL || span->bytes == NULL || tail == span->buffer ||
		span->length > PACK_MOST_BYTES || span->length > tail->capacity - tail->filled)
		return;

	unsigned char *place = tail->bytes + tail->filled;

	memcpy(place, span->bytes, span->length);
	tail->filled += span->length;
	span->bytes = place;
	span->buffer = tail;
}

void uring_send_keep(
	struct uring_engine *engine, struct conn *conn, const struct protocol_answer *answer)
{
	struct protocol_span span = answer->send;
	int r;

	if (span.length == 0 || conn->error != 0)
		return;
	/*
	 * A flow's message, like an urgent byte, goes by itself and is never joined with a
	 * neighbour.
	 */
	bool alone = answer->send_urgent || conn->flags & CONN_FLOW;

	if (!alone)
		pack(conn, &span);
	r = open_output(engine, conn);
	if (r == 0)
		r = output_push(conn->output, &span, alone);
	if (r < 0)
		conn_lose(conn, r); /* bytes must not be dropped in silence */
}

void uring_send_answer(
	struct uring_engine *engine, struct conn *conn, const struct protocol_event *event)
{
	struct protocol_answer answer;

	drive_report(&engine->core, conn, event, &answer);
	uring_send_keep(engine, conn, &answer);
}

/* See the head of this file for what this rests on. */
static void order_quietly(struct uring_engine *engine, struct conn *conn, struct io_uring_sqe *sqe)
{
	uint64_t token = conn_token(conn);

	assert(sqe->msg_flags & MSG_DONTWAIT && !(sqe->flags & IOSQE_ASYNC));
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->msg_flags |= MSG_WAITALL;
	io_uring_sqe_set_data64(sqe, uring_core_token(URING_CORE_SEND_QUIET, token));
	engine->quiet[engine->quiet_count++] = token;
}

void uring_send_order(struct uring_engine *engine, struct conn *conn, bool may_wait)
{
	struct uring_message *message;
	struct io_uring_sqe *sqe = uring_core_place_message(engine, &message);
	unsigned count, flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	bool urgent;

	if (sqe == NULL) {
		conn_enqueue(&engine->core.conns, conn);
		return;
	}
	count = output_peek(conn->output, message->vectors, &urgent);
	if (urgent && !(conn->flags & CONN_FLOW))
		flags |= MSG_OOB;
	conn->sending_bytes = 0;
	for (unsigned i = 0; i < count; i++)
		conn->sending_bytes += (uint32_t)message->vectors[i].iov_len;
	if (count == 1) {
		io_uring_prep_send(sqe, conn->fd, message->vectors[0].iov_base,
			message->vectors[0].iov_len, (int)flags);
	} else {
		message->header = (struct msghdr){
			.msg_iov = message->vectors,
			.msg_iovlen = count,
		};
		engine->message_count++;
		io_uring_prep_sendmsg(sqe, conn->fd, &message->header, flags);
	}
	conn->flags |= CONN_SENDING;
	if (may_wait && count == conn->output->count && engine->quiet_count < URING_CORE_QUIET) {
		order_quietly(engine, conn, sqe);
		return;
	}
	uring_core_order(engine, sqe, uring_core_token(URING_CORE_SEND, conn_token(conn)));
	engine->send_count++;
}

static void report_sent(const struct conn *conn, int result)
{
	struct iovec vectors[OUTPUT_BATCH];
	struct msghdr message = { .msg_iov = vectors };
	uint32_t rest = conn->sending_bytes;
	bool urgent;
	unsigned count = output_peek(conn->output, vectors, &urgent);
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT |
		(urgent && !(conn->flags & CONN_FLOW) ? MSG_OOB : 0);

	/* The last span may have grown, and others been queued, since. */
	for (unsigned i = 0; i < count && rest > 0; i++) {
		if (vectors[i].iov_len > rest)
			vectors[i].iov_len = rest;
		rest -= (uint32_t)vectors[i].iov_len;
		message.msg_iovlen++;
	}
	if (message.msg_iovlen == 1)
		call_report_send(conn->fd, vectors[0].iov_base, vectors[0].iov_len, flags, result);
	else
		call_report_sendmsg(conn->fd, &message, flags, result);
}

/* The kernel does not send this message of a flow. */
static void note_fault(struct uring_engine *engine, struct conn *conn, int error)
{
	struct protocol_event event = {
		.kind = PROTOCOL_FAULT,
		.error = error,
		.count = conn->sending_bytes,
	};

	output_advance(conn->output, event.count);
	if (output_is_empty(conn->output))
		close_output(engine, conn);
	if (!conn_must_end(conn) && !engine->cutting)
		uring_send_answer(engine, conn, &event);
}

static void note_failure(struct uring_engine *engine, struct conn *conn, int error)
{
	switch (call_judge(error)) {
	case CALL_NOT_NOW: conn_clear(conn, CONN_WRITABLE); break;
	case CALL_SHORT: uring_core_note_short(engine, conn); break;
	case CALL_AGAIN: break;
	case CALL_FATAL:
		if (conn->flags & CONN_FLOW)
			note_fault(engine, conn, error);
		else
			conn_lose(conn, error);
		break;
	}
}

void uring_send_left(struct uring_engine *engine, struct conn *conn, size_t count)
{
	struct protocol_event event = { .kind = PROTOCOL_SENT, .count = count };

	output_advance(conn->output, count);
	if (output_is_empty(conn->output)) {
		close_output(engine, conn);
		conn_clear(conn, CONN_PIPED);
	} else if (!output_starts_unseen(conn->output)) {
		conn_clear(conn, CONN_PIPED);
	}
	if (!conn_must_end(conn) && !engine->cutting)
		uring_send_answer(engine, conn, &event);
}

void uring_send_done(struct uring_engine *engine, struct conn *conn, int result)
{
	conn_clear(conn, CONN_SENDING);
	if (call_is_watched())
		report_sent(conn, result);
	if (result > 0)
		uring_send_left(engine, conn, (size_t)result);
	else if (result < 0)
		note_failure(engine, conn, result);
}

/* ---- quiet sends ---- */

void uring_send_note_exception(struct uring_engine *engine, const struct io_uring_cqe *cqe)
{
	uint64_t token = cqe->user_data & ((1ull << CONN_TOKEN_KIND_SHIFT) - 1);
	struct conn *conn = conn_from_token(&engine->core.conns, token);

	for (unsigned i = 0; conn != NULL && i < engine->quiet_count; i++) {
		if (engine->quiet[i] == token) {
			engine->quiet[i] = NO_TOKEN;
			uring_send_done(engine, conn, cqe->res);
			conn_enqueue(&engine->core.conns, conn);
			return;
		}
	}
}

/* Some may not have been submitted yet, or a completion may wait behind a full queue. */
static bool is_undecided(const struct uring_engine *engine)
{
	unsigned flags = IO_URING_READ_ONCE(*engine->ring.sq.kflags);

	return io_uring_sq_ready(&engine->ring) > 0 || (flags & IORING_SQ_CQ_OVERFLOW) != 0;
}

void uring_send_conclude(struct uring_engine *engine)
{
	struct io_uring_cqe *cqe;
	unsigned head;

	if (engine->quiet_count == 0 || is_undecided(engine))
		return;
	io_uring_for_each_cqe(&engine->ring, head, cqe)
	{
		if (cqe->user_data >> CONN_TOKEN_KIND_SHIFT == URING_CORE_SEND_QUIET)
			uring_send_note_exception(engine, cqe);
	}
	for (unsigned i = 0; i < engine->quiet_count; i++) {
		struct conn *conn = conn_from_token(&engine->core.conns, engine->quiet[i]);

		if (conn != NULL) {
			uring_send_done(engine, conn, (int)conn->sending_bytes);
			conn_enqueue(&engine->core.conns, conn);
		}
	}
	engine->quiet_count = 0;
}
