/*
 * The ring's own splice would go to a thread of the kernel's, so splice(2) is called directly. It
 * never waits: bytes leave in the same turn in which they came, and only what the socket does not
 * take stays in the output, until the watch reports that it takes more (uring_stream.c). Where
 * nothing can be moved, though the ring says that something is there, a receive is ordered: an
 * urgent byte or the end of stream may be next, which a receive tells apart.
 */
#include "engine/uring/uring_bulk.h"

#include <poll.h>

#include "engine/bulk.h"
#include "engine/drive.h"
#include "engine/uring/uring_send.h"

/* What has left, or 0. */
static size_t send_piece(
	struct uring_engine *engine, struct conn *conn, const struct protocol_span *span)
{
	ssize_t n = bulk_send(conn, span);

	if (n > 0)
		return (size_t)n;
	switch (call_judge((int)n)) {
	case CALL_NOT_NOW: conn_clear(conn, CONN_WRITABLE); break;
	case CALL_SHORT: uring_core_note_short(engine, conn); break;
	case CALL_AGAIN: break;
	case CALL_FATAL: conn_lose(conn, (int)n); break;
	}
	return 0;
}

/* Sends an answer whose bytes are in a pipe; what does not leave at once waits there. */
static void carry_out(
	struct uring_engine *engine, struct conn *conn, struct protocol_answer *answer)
{
	struct protocol_event event = { .kind = PROTOCOL_SENT };
	bool unseen = protocol_span_is_unseen(&answer->send);

	if (unseen && output_is_empty(conn->output))
		event.count = send_piece(engine, conn, &answer->send);
	answer->send.length -= (uint32_t)event.count;
	if (unseen && answer->send.length > 0)
		conn->flags |= CONN_PIPED;
	uring_send_keep(engine, conn, answer);
	if (event.count > 0 && !conn_must_end(conn))
		uring_send_answer(engine, conn, &event);
}

static ssize_t move(struct uring_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_BYTES };
	struct protocol_answer answer;
	ssize_t n = bulk_receive(&engine->core, conn, &event.span);

	if (n > 0) {
		drive_report(&engine->core, conn, &event, &answer);
		carry_out(engine, conn, &answer);
		bulk_pipe_unref(event.span.buffer);
	}
	return n;
}

static void order_poll(struct uring_engine *engine, struct conn *conn)
{
	struct io_uring_sqe *sqe = uring_core_place(engine);

	if (sqe == NULL) {
		conn_enqueue(&engine->core.conns, conn);
		return;
	}
	io_uring_prep_poll_add(sqe, conn->fd, POLLIN);
	uring_core_order(engine, sqe, uring_core_token(URING_CORE_BULK, conn_token(conn)));
	conn->flags |= CONN_RECEIVING | CONN_RECEIVING_POLL;
}

void uring_bulk_polled(struct conn *conn, const struct io_uring_cqe *cqe)
{
	conn_clear(conn, CONN_RECEIVING | CONN_RECEIVING_POLL);
	if (cqe->res > 0)
		conn->flags |= CONN_READABLE;
}

bool uring_bulk_take_turn(struct uring_engine *engine, struct conn *conn)
{
	bool polled = (conn->flags & CONN_READABLE) != 0;
	ssize_t n;

	/* It completes as soon as it is submitted: what is copied leaves first. */
	if (conn->flags & CONN_SENDING)
		return true;
	conn_clear(conn, CONN_READABLE | CONN_EXHAUST);
	if (!bulk_may_move(&engine->core, conn))
		return false;
	n = move(engine, conn);
	if (n == 0 || (n == -EAGAIN && polled))
		return false;
	if (n == -EAGAIN) {
		order_poll(engine, conn);
		return true;
	}
	if (n > 0)
		spin_note_traffic(&engine->core.spin, engine->core.now_ns);
	else if (call_judge((int)n) == CALL_SHORT)
		uring_core_note_short(engine, conn);
	else if (call_judge((int)n) == CALL_FATAL)
		conn_lose(conn, (int)n);
	conn_enqueue(&engine->core.conns, conn); /* behind the others */
	return true;
}

void uring_bulk_flush(struct uring_engine *engine, struct conn *conn)
{
	while (conn->flags & CONN_PIPED && conn->flags & CONN_WRITABLE && !conn_must_end(conn)) {
		size_t sent = send_piece(engine, conn, output_first(conn->output));

		if (sent == 0)
			break;
		uring_send_left(engine, conn, sent);
	}
	conn_enqueue(&engine->core.conns, conn); /* to end, to go on, or to be watched */
}
