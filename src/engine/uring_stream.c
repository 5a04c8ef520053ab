/*
 * Connections, by orders. Of each there is at most one receive and one send under way: two sends would be
 * carried out in any order. What is to be sent stays in the output, with its buffers, until the kernel has
 * answered; and a connection that is to end calls its orders off, and is closed when all of them have
 * been answered. So the kernel never has a buffer or a descriptor that we no longer have.
 *
 * Credit: a receive is ordered for no more than the room. One order that receives many times ("multishot")
 * stops once its total is reached, which the last receive may pass: so the total is smaller than the
 * room by one receive less a byte. Should the protocol lower its room meanwhile, what has been received
 * is held until there is room again.
 */
#include "engine/uring_engine.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/drive.h"
#include "net/call.h"
#include "net/socket.h"

/* A connection on small buffers holds no more than this of them beyond what it was given the pool for. */
#define SMALL_ORDER_BYTES (2 * BUFFER_SMALL_BYTES)
/* What is so small is copied behind what waits, so that it does not hold a whole buffer. */
#define PACK_MOST_BYTES (BUFFER_LARGE_BYTES / 4)

#define ORDERED (CONN_RECEIVING | CONN_SENDING | CONN_WATCHING)

static void enqueue(struct uring_engine *engine, struct conn *conn)
{
	conn_enqueue(&engine->core.conns, conn);
}

static void note_lost(struct conn *conn, int error)
{
	if (conn->error == 0)
		conn->error = error;
}

static bool must_end(const struct conn *conn)
{
	return conn->error != 0 || conn->flags & (CONN_RESET_WANTED | CONN_CUT_WANTED);
}

/* Nothing more is to be told: what comes in is dropped. */
static bool is_deaf(const struct uring_engine *engine, const struct conn *conn)
{
	return must_end(conn) || conn->flags & CONN_CLOSE_WANTED || engine->cutting;
}

static bool is_marked(const struct uring_engine *engine, const struct conn *conn)
{
	return engine->core.options.mark_urgent && conn->scheme == ADDR_TCP;
}

static void order(struct uring_engine *engine, struct conn *conn, struct io_uring_sqe *sqe,
	enum uring_engine_kind kind, enum conn_flag flag)
{
	uring_engine_order(engine, sqe, uring_engine_token(kind, conn_token(conn)));
	conn->flags |= flag;
}

/* ---- what waits to be sent ---- */

static int open_output(struct uring_engine *engine, struct conn *conn)
{
	if (conn->output != NULL)
		return 0;
	if (engine->spare_output_count == 0)
		return output_new(&conn->output);
	conn->output = engine->spare_outputs[--engine->spare_output_count];
	return 0;
}

/* Every echo takes one for a moment: the empty ones are kept for the next. */
static void close_output(struct uring_engine *engine, struct conn *conn)
{
	if (engine->spare_output_count < URING_ENGINE_SPARE_OUTPUTS)
		engine->spare_outputs[engine->spare_output_count++] = conn->output;
	else
		output_free(conn->output);
	conn->output = NULL;
}

/* Copies a span behind the last that waits, if there is room for it. */
static void pack(const struct conn *conn, struct protocol_span *span)
{
	struct buffer *tail = output_tail_room(conn->output);

	if (tail == NULL || span->buffer == NULL || tail == span->buffer ||
		span->length > PACK_MOST_BYTES || span->length > tail->capacity - tail->filled)
		return;

	unsigned char *place = tail->bytes + tail->filled;

	memcpy(place, span->bytes, span->length);
	tail->filled += span->length;
	span->bytes = place;
	span->buffer = tail;
}

void uring_stream_keep(
	struct uring_engine *engine, struct conn *conn, const struct protocol_answer *answer)
{
	struct protocol_span span = answer->send;
	int r;

	if (span.length == 0 || conn->error != 0)
		return;
	if (!answer->send_urgent)
		pack(conn, &span);
	r = open_output(engine, conn);
	if (r == 0)
		r = output_push(conn->output, &span, answer->send_urgent);
	if (r < 0)
		note_lost(conn, r); /* bytes must not be dropped in silence: the connection goes */
}

void uring_stream_tell(
	struct uring_engine *engine, struct conn *conn, const struct protocol_event *event)
{
	struct protocol_answer answer;

	drive_tell(&engine->core, conn, event, &answer);
	uring_stream_keep(engine, conn, &answer);
}

static void order_send(struct uring_engine *engine, struct conn *conn)
{
	struct uring_message *message;
	struct io_uring_sqe *sqe = uring_engine_place_message(engine, &message);
	unsigned count, flags = MSG_NOSIGNAL;
	bool urgent;

	if (sqe == NULL) {
		enqueue(engine, conn);
		return;
	}
	count = output_peek(conn->output, message->vectors, &urgent);
	if (conn->flags & CONN_FLOW) {
		count = 1; /* a message is a send */
		flags |= MSG_DONTWAIT;
	}
	if (urgent)
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
	order(engine, conn, sqe, URING_KIND_SEND, CONN_SENDING);
	engine->send_count++;
}

static void report_sent(const struct conn *conn, int result)
{
	struct iovec vectors[OUTPUT_BATCH];
	struct msghdr message = { .msg_iov = vectors };
	uint32_t rest = conn->sending_bytes;
	bool urgent;
	unsigned count = output_peek(conn->output, vectors, &urgent);
	int flags = MSG_NOSIGNAL | (urgent ? MSG_OOB : 0);

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

/* A flow's message that the kernel does not send. */
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
	if (!must_end(conn) && !engine->cutting)
		uring_stream_tell(engine, conn, &event);
}

static void note_sent(struct uring_engine *engine, struct conn *conn, int result)
{
	struct protocol_event event = { .kind = PROTOCOL_SENT };

	conn->flags &= ~(uint32_t)CONN_SENDING;
	if (call_is_watched())
		report_sent(conn, result);
	if (result > 0) {
		event.count = (size_t)result;
		output_advance(conn->output, event.count);
		if (output_is_empty(conn->output))
			close_output(engine, conn);
		if (!must_end(conn) && !engine->cutting)
			uring_stream_tell(engine, conn, &event);
	} else if (result == -EAGAIN) {
		conn->flags &= ~(uint32_t)CONN_WRITABLE; /* see uring_connect_may_send() */
	} else if (result == -ENOBUFS || result == -ENOMEM) {
		engine->memory_short = true;
	} else if (result < 0 && result != -EINTR && result != -EAGAIN && result != -ECANCELED) {
		if (conn->flags & CONN_FLOW)
			note_fault(engine, conn, result);
		else
			note_lost(conn, result);
	}
}

/* ---- receiving ---- */

/* The buffers that connections hold have reached the cap: who holds something already waits. */
static bool is_tight(const struct uring_engine *engine)
{
	const struct buffer_pool *pool = &engine->core.pool;
	size_t ready_bytes = uring_group_count(&engine->large) * (size_t)BUFFER_LARGE_BYTES +
		uring_group_count(&engine->small) * (size_t)BUFFER_SMALL_BYTES;

	return pool->large_in_use_bytes + pool->small_in_use_bytes >= pool->cap_bytes + ready_bytes;
}

static bool may_receive(const struct uring_engine *engine, const struct conn *conn)
{
	if (conn->flags & (CONN_RECEIVING | CONN_END_SEEN | CONN_CLOSE_WANTED | CONN_END_HELD) ||
		conn->room == 0 || conn->held != NULL)
		return false;
	/* Its own output leaving lets it go on: it need not be remembered. */
	if (!output_is_empty(conn->output) && is_tight(engine))
		return false;
	return true;
}

static void order_marked(struct uring_engine *engine, struct conn *conn)
{
	struct io_uring_sqe *sqe = uring_engine_place(engine);

	if (sqe == NULL) {
		enqueue(engine, conn);
		return;
	}
	io_uring_prep_poll_add(sqe, conn->fd, POLLIN);
	order(engine, conn, sqe, URING_KIND_MARKED, CONN_RECEIVING);
}

static void order_receive(struct uring_engine *engine, struct conn *conn)
{
	bool tight = is_tight(engine);
	bool large = conn->flags & CONN_LARGE && uring_group_count(&engine->large) > 0;
	struct uring_group *group = large ? &engine->large : &engine->small;
	uint32_t once = large ? BUFFER_LARGE_BYTES : BUFFER_SMALL_BYTES;
	uint32_t most = large ? conn->room : SMALL_ORDER_BYTES;
	struct io_uring_sqe *sqe = NULL;

	if (uring_group_count(group) > 0)
		sqe = uring_engine_place(engine);
	if (sqe == NULL) {
		engine->memory_short = true;
		enqueue(engine, conn);
		return;
	}
	if (once > conn->room)
		once = conn->room;
	if (most > conn->room)
		most = conn->room;
	if (engine->probe.receive_multishot && !tight && most > once) {
		io_uring_prep_recv_multishot(sqe, conn->fd, NULL, once, 0);
		uring_abi_set_receive_total(sqe, most - once + 1);
	} else {
		io_uring_prep_recv(sqe, conn->fd, NULL, once, 0);
	}
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = group->id;
	order(engine, conn, sqe, large ? URING_KIND_RECEIVE_LARGE : URING_KIND_RECEIVE_SMALL,
		CONN_RECEIVING);
}

static void tell_end(struct uring_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_END };

	conn->flags |= CONN_END_SEEN;
	uring_stream_tell(engine, conn, &event);
}

void uring_stream_note_nothing(struct uring_engine *engine, struct conn *conn, int result)
{
	if (is_deaf(engine, conn))
		return;
	if (result == 0 && conn->held != NULL)
		conn->flags |= CONN_END_HELD;
	else if (result == 0)
		tell_end(engine, conn);
	else if (result == -ENOMEM)
		engine->memory_short = true;
	/* ENOBUFS: the group was empty for a moment, and is filled before it is ordered again. */
	else if (result != -EAGAIN && result != -EINTR && result != -ECANCELED &&
		result != -ENOBUFS)
		note_lost(conn, result);
}

/* Received beyond the room, or behind what was. */
static void hold(struct conn *conn, const struct protocol_span *span)
{
	int r = conn->held == NULL ? output_new(&conn->held) : 0;

	if (r == 0)
		r = output_push(conn->held, span, false);
	if (r < 0)
		note_lost(conn, r);
}

/* Tells what is held as far as there is room, and the end behind it. */
static void tell_held(struct uring_engine *engine, struct conn *conn)
{
	while (conn->held != NULL && conn->room > 0 && !is_deaf(engine, conn)) {
		struct protocol_event event = { .kind = PROTOCOL_BYTES };
		struct buffer *buffer;

		event.span = *output_first(conn->held);
		if (event.span.length > conn->room)
			event.span.length = conn->room;
		buffer = event.span.buffer;
		buffer_ref(buffer);
		output_advance(conn->held, event.span.length);
		if (output_is_empty(conn->held)) {
			output_free(conn->held);
			conn->held = NULL;
		}
		uring_stream_tell(engine, conn, &event);
		buffer_unref(buffer);
	}
	if (conn->held == NULL && conn->flags & CONN_END_HELD && !is_deaf(engine, conn)) {
		conn->flags &= ~(uint32_t)CONN_END_HELD;
		tell_end(engine, conn);
	}
}

static void note_bytes(
	struct uring_engine *engine, struct conn *conn, struct buffer *buffer, uint32_t length)
{
	struct protocol_event event = { .kind = PROTOCOL_BYTES };

	buffer->filled = length;
	event.span.bytes = buffer->bytes;
	event.span.length = length;
	event.span.buffer = buffer;
	/* The next order is for what comes: a full buffer means that more was there. */
	if (length == buffer->capacity)
		conn->flags |= CONN_LARGE;
	else if (length <= BUFFER_SMALL_BYTES / 2)
		conn->flags &= ~(uint32_t)CONN_LARGE;
	if (conn->held != NULL || length > conn->room)
		hold(conn, &event.span);
	else
		uring_stream_tell(engine, conn, &event);
}

static void note_received(struct uring_engine *engine, struct conn *conn, struct buffer *buffer,
	const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		conn->flags &= ~(uint32_t)CONN_RECEIVING;
	if (call_is_watched() && cqe->res != -ENOBUFS && cqe->res != -ECANCELED)
		call_report_recv(conn->fd, buffer != NULL ? buffer->bytes : NULL,
			buffer != NULL ? buffer->capacity : BUFFER_SMALL_BYTES, 0, cqe->res);
	if (cqe->res > 0)
		engine->received_count++;
	if (conn->flags & CONN_FLOW && !is_deaf(engine, conn))
		uring_connect_note_message(engine, conn, buffer, cqe->res);
	else if (cqe->res > 0 && buffer != NULL && !is_deaf(engine, conn))
		note_bytes(engine, conn, buffer, (uint32_t)cqe->res);
	else if (cqe->res <= 0)
		uring_stream_note_nothing(engine, conn, cqe->res);
}

/* ---- the loss of a connection that neither receives nor sends ---- */

static void order_watch(struct uring_engine *engine, struct conn *conn)
{
	struct io_uring_sqe *sqe = uring_engine_place(engine);

	if (sqe == NULL) {
		enqueue(engine, conn);
		return;
	}
	/* Told at each change, so that the peer's half-close, told too, does not end the watch. */
	io_uring_prep_poll_multishot(sqe, conn->fd, POLLERR);
	order(engine, conn, sqe, URING_KIND_WATCH, CONN_WATCHING);
}

static void note_watch(struct conn *conn, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		conn->flags &= ~(uint32_t)CONN_WATCHING;
	/* Where an order is under way, it will find the error, and tell it in its place. */
	if (cqe->res > 0 && cqe->res & POLLERR && !(conn->flags & (CONN_RECEIVING | CONN_SENDING)))
		note_lost(conn, socket_take_error(conn->fd));
}

/* ---- life ---- */

static void close_conn(
	struct uring_engine *engine, struct conn *conn, enum engine_close_reason reason)
{
	int fd = conn->fd;

	if (reason == ENGINE_CLOSE_CUT &&
		(conn->flags & CONN_RESET_WANTED || !output_is_empty(conn->output)))
		/* A plain close would look like the proper end of a stream that is not complete. */
		socket_set_reset_on_close(fd);
	drive_close(&engine->core, conn, reason);
	call_close(fd);
	accept_resume(&engine->core.accept);
}

/* Closes, once the kernel has answered all orders. */
static void end(struct uring_engine *engine, struct conn *conn)
{
	struct io_uring_sqe *sqe;

	if (!(conn->flags & ORDERED)) {
		close_conn(engine, conn,
			conn->error != 0 ? ENGINE_CLOSE_LOST
				: conn->flags & (CONN_RESET_WANTED | CONN_CUT_WANTED)
				? ENGINE_CLOSE_CUT
				: ENGINE_CLOSE_DONE);
		return;
	}
	if (conn->flags & CONN_CANCELLED)
		return;
	sqe = uring_engine_place(engine);
	if (sqe == NULL) {
		enqueue(engine, conn);
		return;
	}
	io_uring_prep_cancel_fd(sqe, conn->fd, IORING_ASYNC_CANCEL_ALL);
	uring_engine_order(engine, sqe, uring_engine_token(URING_KIND_CANCEL, 0));
	conn->flags |= CONN_CANCELLED;
}

/* All that one connection may do in one round. */
static void take_turn(struct uring_engine *engine, struct conn *conn)
{
	tell_held(engine, conn);
	if (must_end(conn) || (conn->flags & CONN_CLOSE_WANTED && output_is_empty(conn->output))) {
		end(engine, conn);
		return;
	}
	if (conn->flags & CONN_CONNECTING) {
		uring_connect_take_turn(engine, conn);
		return;
	}
	if (!output_is_empty(conn->output)) {
		if (!(conn->flags & CONN_SENDING) && uring_connect_may_send(engine, conn))
			order_send(engine, conn);
	} else if (conn->flags & CONN_FINISH_WANTED && !(conn->flags & CONN_FINISHED)) {
		conn->flags |= CONN_FINISHED;
		call_shutdown(conn->fd, SHUT_WR);
	}
	if (may_receive(engine, conn)) {
		if (conn->flags & CONN_FLOW)
			uring_connect_order_message(engine, conn);
		else if (is_marked(engine, conn))
			order_marked(engine, conn);
		else
			order_receive(engine, conn);
	}
	if (!(conn->flags & (ORDERED | CONN_QUEUED)))
		order_watch(engine, conn);
}

void uring_stream_round(struct uring_engine *engine)
{
	uint32_t slot = conn_take_queue(&engine->core.conns);

	while (slot != CONN_NO_SLOT) {
		struct conn *conn = conn_at(&engine->core.conns, slot);

		slot = conn->next_slot;
		conn->flags &= ~(uint32_t)CONN_QUEUED;
		take_turn(engine, conn);
	}
}

void uring_stream_done(struct uring_engine *engine, const struct io_uring_cqe *cqe)
{
	enum uring_engine_kind kind = (enum uring_engine_kind)(
		cqe->user_data >> CONN_TOKEN_KIND_SHIFT);
	struct conn *conn = conn_from_token(&engine->core.conns, cqe->user_data);
	struct buffer *buffer = NULL;

	if (cqe->flags & IORING_CQE_F_BUFFER)
		buffer = uring_group_take(
			kind == URING_KIND_RECEIVE_LARGE ? &engine->large : &engine->small,
			cqe->flags);
	if (conn != NULL) {
		switch (kind) {
		case URING_KIND_SEND: note_sent(engine, conn, cqe->res); break;
		case URING_KIND_WATCH: note_watch(conn, cqe); break;
		case URING_KIND_MARKED:
			conn->flags &= ~(uint32_t)CONN_RECEIVING;
			if (!engine->cutting)
				uring_marked_receive(engine, conn);
			break;
		case URING_KIND_CONNECTED: uring_connect_done(conn, cqe); break;
		default: note_received(engine, conn, buffer, cqe); break;
		}
		enqueue(engine, conn);
	}
	buffer_unref(buffer);
}

int uring_stream_open(struct uring_engine *engine, int fd, enum addr_scheme scheme)
{
	struct engine *core = &engine->core;
	struct protocol_answer answer;
	struct conn *conn;
	int r = conn_acquire(&core->conns, fd, scheme, &conn);

	if (r < 0) {
		call_close(fd);
		return r;
	}
	drive_open(core, conn, &answer);
	uring_stream_keep(engine, conn, &answer);
	enqueue(engine, conn);
	return 0;
}

void uring_stream_nudge(struct uring_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_NUDGED };

	if (is_deaf(engine, conn))
		return;
	uring_stream_tell(engine, conn, &event);
	enqueue(engine, conn);
}

static void touch_by_timer(struct engine *core, struct conn *conn, struct protocol_answer *answer)
{
	struct uring_engine *engine = (struct uring_engine *)core;

	uring_stream_keep(engine, conn, answer);
	enqueue(engine, conn);
}

void uring_stream_timers(struct uring_engine *engine)
{
	drive_timers(&engine->core, touch_by_timer);
}

unsigned uring_stream_cut(struct uring_engine *engine)
{
	struct conn_table *table = &engine->core.conns;

	for (uint32_t slot = 0; slot < table->used_slots; slot++) {
		struct conn *conn = conn_at(table, slot);

		if (conn != NULL) {
			conn->flags |= CONN_CUT_WANTED;
			enqueue(engine, conn);
		}
	}
	return table->open_count;
}

void uring_stream_close_all(struct uring_engine *engine)
{
	struct conn_table *table = &engine->core.conns;

	for (uint32_t slot = 0; slot < table->used_slots; slot++) {
		struct conn *conn = conn_at(table, slot);

		if (conn != NULL)
			close_conn(engine, conn, ENGINE_CLOSE_CUT);
	}
}
