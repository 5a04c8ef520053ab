/*
 * Connections that we ask for, and flows. The call itself is our own (outgoing.c): an ordered one would wait
 * in a thread of the kernel's where a unix backlog is full. What is ordered is to be told when the socket
 * has become writable.
 *
 * Of a flow, too, one receive and one send are under way at a time: each is one whole message, and the
 * next receive goes out with the round's other orders.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "engine/drive.h"
#include "engine/outgoing.h"
#include "engine/uring/uring_engine.h"
#include "net/call.h"

/* ---- connecting ---- */

void uring_connect_begin(struct uring_engine *engine, struct conn *conn)
{
	if (!outgoing_waits_for_backlog(conn))
		conn_enqueue(&engine->core.conns, conn);
}

static void order_watch(struct uring_engine *engine, struct conn *conn)
{
	struct io_uring_sqe *sqe = uring_engine_place(engine);

	if (sqe == NULL) {
		conn_enqueue(&engine->core.conns, conn);
		return;
	}
	io_uring_prep_poll_add(sqe, conn->fd, POLLOUT);
	uring_engine_order(engine, sqe, uring_engine_token(URING_KIND_CONNECTED, conn_token(conn)));
	conn->flags |= CONN_WATCHING;
}

void uring_connect_take_turn(struct uring_engine *engine, struct conn *conn)
{
	struct protocol_answer answer;

	if (conn->flags & CONN_WATCHING)
		return;
	if (!(conn->flags & CONN_WRITABLE)) {
		order_watch(engine, conn);
		return;
	}
	if (outgoing_finish(conn) == 0) {
		drive_open(&engine->core, conn, &answer);
		uring_send_keep(engine, conn, &answer);
	}
	/* Being open, or being lost, is for a turn of its own. */
	conn_enqueue(&engine->core.conns, conn);
}

void uring_connect_done(struct conn *conn, const struct io_uring_cqe *cqe)
{
	conn->flags &= ~(uint32_t)CONN_WATCHING;
	if (cqe->res > 0)
		conn->flags |= CONN_WRITABLE;
	else if (cqe->res < 0 && cqe->res != -ECANCELED && conn->error == 0)
		conn->error = cqe->res;
}

/* ---- flows ---- */

/*
 * We are told when there is a place: sends do not wait (uring_send.c). Of a unix datagram, one that did would
 * have taken the bytes by then, and what leaves the second time is an empty one (seen in Linux 6.18).
 */
bool uring_connect_may_send(struct uring_engine *engine, struct conn *conn)
{
	if (!(conn->flags & CONN_FLOW) || conn->flags & CONN_WRITABLE)
		return true;
	if (!(conn->flags & CONN_WATCHING))
		order_watch(engine, conn);
	return false;
}

void uring_connect_order_message(struct uring_engine *engine, struct conn *conn)
{
	bool large = conn->room > BUFFER_SMALL_BYTES && uring_group_count(&engine->large) > 0;
	struct uring_group *group = large ? &engine->large : &engine->small;
	uint32_t most = large ? BUFFER_LARGE_BYTES : BUFFER_SMALL_BYTES;
	struct io_uring_sqe *sqe = NULL;

	if (uring_group_count(group) > 0)
		sqe = uring_engine_place(engine);
	if (sqe == NULL) {
		engine->memory_short = true;
		conn_enqueue(&engine->core.conns, conn);
		return;
	}
	/*
	 * The whole buffer, although the room may be less: it is cut when it is there, since the protocol may have
	 * changed its mind by then. The result is the length of the message, also where it is longer.
	 */
	io_uring_prep_recv(sqe, conn->fd, NULL, most, MSG_TRUNC);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = group->id;
	uring_stream_order_receive(engine, conn, sqe, large);
}

void uring_connect_note_message(
	struct uring_engine *engine, struct conn *conn, struct buffer *buffer, int result)
{
	struct protocol_event event = { .kind = PROTOCOL_BYTES };

	if (result >= 0 && buffer != NULL) {
		uint32_t most = buffer->capacity < conn->room ? buffer->capacity : conn->room;

		event.truncated = (uint32_t)result > most;
		event.span.bytes = buffer->bytes;
		event.span.length = event.truncated ? most : (uint32_t)result;
		event.span.buffer = buffer;
		buffer->filled = event.span.length;
	} else if (result == -ENOMEM) {
		uring_stream_note_short(engine, conn);
		return;
	} else if (result < 0 && result != -EAGAIN && result != -EINTR && result != -ECANCELED &&
		result != -ENOBUFS) {
		event.kind = PROTOCOL_FAULT;
		event.error = result;
	} else if (result < 0) {
		return; /* it will be ordered again */
	}
	uring_stream_tell(engine, conn, &event);
}
