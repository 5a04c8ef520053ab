/*
 * Outgoing connections, and flows. We call connect(2) ourselves (outgoing.c): a requested one would
 * wait in a thread of the kernel's where a unix backlog is full. What is ordered is a poll that
 * completes when the socket is writable.
 *
 * Of a flow, too, one receive and one send are under way at a time: each is one whole message, and
 * the next receive is submitted with the round's other requests.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "engine/drive.h"
#include "engine/outgoing.h"
#include "engine/uring/uring_connect.h"
#include "engine/uring/uring_send.h"
#include "net/call.h"

/* ---- connecting ---- */

void uring_connect_begin(struct uring_engine *engine, struct conn *conn)
{
	if (!outgoing_waits_for_backlog(conn))
		conn_enqueue(&engine->core.conns, conn);
}

static void order_writable(struct uring_engine *engine, struct conn *conn)
{
	struct io_uring_sqe *sqe = uring_core_place(engine);

	if (sqe == NULL) {
		conn_enqueue(&engine->core.conns, conn);
		return;
	}
	io_uring_prep_poll_add(sqe, conn->fd, POLLOUT);
	uring_core_order(engine, sqe, uring_core_token(URING_CORE_WRITABLE, conn_token(conn)));
	conn->flags |= CONN_AWAITING_WRITABLE;
}

void uring_connect_take_turn(struct uring_engine *engine, struct conn *conn)
{
	struct protocol_answer answer;

	if (conn->flags & CONN_AWAITING_WRITABLE)
		return;
	if (!(conn->flags & CONN_WRITABLE)) {
		order_writable(engine, conn);
		return;
	}
	if (outgoing_finish(&engine->core, conn) == 0) {
		drive_open(&engine->core, conn, 0, &answer);
		uring_send_keep(engine, conn, &answer);
	}
	/* It is open or lost now, and has another turn as that. */
	conn_enqueue(&engine->core.conns, conn);
}

void uring_connect_done(struct conn *conn, const struct io_uring_cqe *cqe)
{
	conn_clear(conn, CONN_AWAITING_WRITABLE);
	if (cqe->res > 0)
		conn->flags |= CONN_WRITABLE;
	else if (cqe->res < 0 && cqe->res != -ECANCELED)
		conn_lose(conn, cqe->res);
}

/* ---- flows ---- */

/*
 * A poll waits for space, since sends do not wait (uring_send.c). A send of a unix datagram that
 * did would have consumed the bytes the first time, and send an empty datagram the second time
 * (seen in Linux 6.18).
 */
bool uring_connect_may_send(struct uring_engine *engine, struct conn *conn)
{
	if (!(conn->flags & CONN_FLOW) || conn->flags & CONN_WRITABLE)
		return true;
	if (!(conn->flags & CONN_AWAITING_WRITABLE))
		order_writable(engine, conn);
	return false;
}

void uring_connect_order_message(struct uring_engine *engine, struct conn *conn)
{
	bool large = conn->credit > BUFFER_SMALL_BYTES && uring_group_count(&engine->large) > 0;
	struct uring_group *group = large ? &engine->large : &engine->small;
	uint32_t most = large ? BUFFER_LARGE_BYTES : BUFFER_SMALL_BYTES;
	struct io_uring_sqe *sqe = NULL;

	if (uring_group_count(group) > 0)
		sqe = uring_core_place(engine);
	if (sqe == NULL) {
		engine->memory_short = true;
		conn_enqueue(&engine->core.conns, conn);
		return;
	}
	/*
	 * The whole buffer, although the credit may be less: it is cut when it is there, since the
	 * protocol may have changed its mind by then. The result is the length of the message, also
	 * where it is longer.
	 */
	io_uring_prep_recv(sqe, conn->fd, NULL, most, MSG_TRUNC);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = group->id;
	uring_core_order_receive(engine, conn, sqe, large);
}

void uring_connect_note_message(
	struct uring_engine *engine, struct conn *conn, struct buffer *buffer, int result)
{
	struct protocol_event event = { .kind = PROTOCOL_BYTES };

	if (result >= 0 && buffer != NULL) {
		uint32_t most = buffer->capacity < conn->credit ? buffer->capacity : conn->credit;

		event.truncated = (uint32_t)result > most;
		event.span.bytes = buffer->bytes;
		event.span.length = event.truncated ? most : (uint32_t)result;
		event.span.buffer = buffer;
		buffer->filled = event.span.length;
	} else if (result < 0) {
		switch (uring_core_judge_receive(result)) {
		case CALL_SHORT: uring_core_note_short(engine, conn); return;
		case CALL_NOT_NOW:
		case CALL_AGAIN: return; /* it will be ordered again */
		case CALL_FATAL: break;
		}
		event.kind = PROTOCOL_FAULT;
		event.error = result;
	}
	uring_send_answer(engine, conn, &event);
}
