/*
 * Connections, by orders. Of each there is at most one receive and one send (uring_send.c) under way. A
 * connection that is to end calls its orders off, and is closed when all of them have been answered. So
 * the kernel never has a buffer or a descriptor that we no longer have.
 *
 * Credit: a receive is ordered for no more than the room. One order that receives many times ("multishot")
 * stops once its total is reached, which the last receive may pass: so the total is smaller than the
 * room by one receive less a byte. Should the protocol lower its room meanwhile, what has been received
 * is held until there is room again.
 */
#include "engine/uring/uring_engine.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "engine/drive.h"
#include "net/call.h"
#include "net/socket.h"

/* The kernel had no memory for one connection: so long it is left alone, and the others go on. */
#define SHORT_RETRY_NS (1 * CLOCK_NS_PER_MS)

#define ORDERED (CONN_RECEIVING | CONN_SENDING | CONN_WATCHING)

static void enqueue(struct uring_engine *engine, struct conn *conn)
{
	conn_enqueue(&engine->core.conns, conn);
}

void uring_stream_note_lost(struct conn *conn, int error)
{
	if (conn->error == 0)
		conn->error = error;
}

void uring_stream_note_short(struct uring_engine *engine, struct conn *conn)
{
	conn->flags |= CONN_SHORT;
	engine->short_until_ns = engine->core.now_ns + SHORT_RETRY_NS;
}

bool uring_stream_must_end(const struct conn *conn)
{
	return conn->error != 0 || conn->flags & (CONN_RESET_WANTED | CONN_CUT_WANTED);
}

/* Nothing more is to be told: what comes in is dropped. */
static bool is_deaf(const struct uring_engine *engine, const struct conn *conn)
{
	return uring_stream_must_end(conn) || conn->flags & CONN_CLOSE_WANTED || engine->cutting;
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

static uint64_t receive_token(const struct conn *conn, bool large)
{
	return uring_engine_token(
		large ? URING_KIND_RECEIVE_LARGE : URING_KIND_RECEIVE_SMALL, conn_token(conn));
}

void uring_stream_order_receive(
	struct uring_engine *engine, struct conn *conn, struct io_uring_sqe *sqe, bool large)
{
	if (large)
		conn->flags |= CONN_RECEIVING_LARGE;
	else
		conn->flags &= ~(uint32_t)CONN_RECEIVING_LARGE;
	uring_engine_order(engine, sqe, receive_token(conn, large));
	conn->flags |= CONN_RECEIVING;
}

void uring_stream_tell(
	struct uring_engine *engine, struct conn *conn, const struct protocol_event *event)
{
	struct protocol_answer answer;

	drive_tell(&engine->core, conn, event, &answer);
	uring_send_keep(engine, conn, &answer);
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

/*
 * One receive, and before it, linked, a poll that waits for something to be there. A receive that
 * waits by itself is also tried when urgent bytes have been announced that have not come, and after
 * 128 times in vain it goes to a thread of the kernel's: one for each peer who does that (seen in
 * Linux 6.18).
 *
 * Both have one name and one answer: of the poll none, unless it fails, and then there is none of the
 * receive.
 */
static struct io_uring_sqe *place_single(struct uring_engine *engine, struct conn *conn, bool large)
{
	struct io_uring_sqe *sqe;

	if (!uring_engine_has_places(engine, 2))
		return NULL;
	sqe = uring_engine_place(engine);
	io_uring_prep_poll_add(sqe, conn->fd, POLLIN);
	sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(sqe, receive_token(conn, large));
	return uring_engine_place(engine);
}

static void order_receive(struct uring_engine *engine, struct conn *conn)
{
	bool large = conn->flags & CONN_LARGE && uring_group_count(&engine->large) > 0;
	struct uring_group *group = large ? &engine->large : &engine->small;
	uint32_t size = large ? BUFFER_LARGE_BYTES : BUFFER_SMALL_BYTES;
	uint32_t once = size < conn->room ? size : conn->room;
	uint32_t most = large || conn->room < BUFFER_CONN_BYTES ? conn->room : BUFFER_CONN_BYTES;
	bool many = engine->probe.receive_multishot && !is_tight(engine) && most > once;
	struct io_uring_sqe *sqe = NULL;

	if (uring_group_count(group) > 0)
		sqe = many ? uring_engine_place(engine) : place_single(engine, conn, large);
	if (sqe == NULL) {
		engine->memory_short = true;
		enqueue(engine, conn);
		return;
	}
	if (many) {
		io_uring_prep_recv_multishot(sqe, conn->fd, NULL, once, 0);
		uring_abi_set_receive_total(sqe, most - once + 1);
	} else {
		io_uring_prep_recv(sqe, conn->fd, NULL, once, MSG_DONTWAIT);
	}
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = group->id;
	uring_stream_order_receive(engine, conn, sqe, large);
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
		uring_stream_note_short(engine, conn);
	/* ENOBUFS: the group was empty for a moment, and is filled before it is ordered again. */
	else if (result != -EAGAIN && result != -EINTR && result != -ECANCELED &&
		result != -ENOBUFS)
		uring_stream_note_lost(conn, result);
}

/* Received beyond the room, or behind what was. */
static void hold(struct conn *conn, const struct protocol_span *span)
{
	int r = conn->held == NULL ? output_new(&conn->held) : 0;

	if (r == 0)
		r = output_push(conn->held, span, false);
	if (r < 0)
		uring_stream_note_lost(conn, r);
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

/* ---- the watch: a socket that takes more again, a loss that no order would find ---- */

static void order_watch(struct uring_engine *engine, struct conn *conn)
{
	struct io_uring_sqe *sqe = uring_engine_place(engine);

	if (sqe == NULL) {
		enqueue(engine, conn);
		return;
	}
	/* Told at each change, so that the peer's half-close, told too, does not end the watch. */
	io_uring_prep_poll_multishot(sqe, conn->fd, POLLOUT | POLLERR);
	order(engine, conn, sqe, URING_KIND_WATCH, CONN_WATCHING);
}

static void note_watch(
	struct uring_engine *engine, struct conn *conn, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		conn->flags &= ~(uint32_t)CONN_WATCHING;
	if (cqe->res < 0 && cqe->res != -ECANCELED)
		uring_stream_note_short(engine, conn); /* watched anew a little later */
	if (cqe->res > 0 && cqe->res & (POLLOUT | POLLERR | POLLHUP))
		conn->flags |= CONN_WRITABLE;
	/* Where an order is under way, it will find the error, and tell it in its place. */
	if (cqe->res > 0 && cqe->res & POLLERR && !(conn->flags & (CONN_RECEIVING | CONN_SENDING)))
		uring_stream_note_lost(conn, socket_take_error(conn->fd));
}

static bool may_send(struct uring_engine *engine, struct conn *conn)
{
	if (conn->flags & CONN_FLOW)
		return uring_connect_may_send(engine, conn);
	if (!(conn->flags & (CONN_WRITABLE | CONN_WATCHING)))
		order_watch(engine, conn);
	return conn->flags & CONN_WRITABLE;
}

/* ---- life ---- */

static void close_conn(
	struct uring_engine *engine, struct conn *conn, enum engine_close_reason reason)
{
	int fd = conn->fd;

	if (drive_ends_with_reset(&engine->core, conn, reason))
		socket_set_reset_on_close(fd);
	drive_close(&engine->core, conn, reason);
	call_close(fd);
	accept_retry_soon(&engine->core);
}

static bool call_off(
	struct uring_engine *engine, const struct conn *conn, enum uring_engine_kind kind)
{
	struct io_uring_sqe *sqe = uring_engine_place(engine);

	if (sqe == NULL)
		return false;
	io_uring_prep_cancel64(sqe, uring_engine_token(kind, conn_token(conn)), 0);
	uring_engine_order(engine, sqe, uring_engine_token(URING_KIND_CANCEL, 0));
	return true;
}

/*
 * Each order by its name: by descriptor the kernel looks through all orders of the ring, and 10,000
 * connections that end together would cost it 100 million looks. A send never waits. False: no place
 * in the ring; what has been called off already may be so again.
 */
static bool call_all_off(struct uring_engine *engine, const struct conn *conn)
{
	bool is_flow = conn->flags & CONN_FLOW, ok = true;

	if (conn->flags & CONN_RECEIVING)
		ok = call_off(engine, conn,
			is_marked(engine, conn) && !is_flow          ? URING_KIND_MARKED
				: conn->flags & CONN_RECEIVING_LARGE ? URING_KIND_RECEIVE_LARGE
								     : URING_KIND_RECEIVE_SMALL);
	if (ok && conn->flags & CONN_WATCHING && !(conn->flags & CONN_CONNECTING))
		ok = call_off(engine, conn, URING_KIND_WATCH);
	/* A flow waits for either. */
	if (ok && conn->flags & CONN_WATCHING && conn->flags & (CONN_CONNECTING | CONN_FLOW))
		ok = call_off(engine, conn, URING_KIND_CONNECTED);
	return ok;
}

/* Closes, once the kernel has answered all orders. */
static void end(struct uring_engine *engine, struct conn *conn)
{
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
	if (call_all_off(engine, conn))
		conn->flags |= CONN_CANCELLED;
	else
		enqueue(engine, conn);
}

/*
 * Nothing hangs on knowing at once that all has left: more may be received meanwhile, and what is received
 * tells us to look. So it costs no answer, and no call that fetches it.
 */
static bool sent_may_wait(const struct uring_engine *engine, const struct conn *conn)
{
	return engine->quiet_sends &&
		!(conn->flags & (CONN_FLOW | CONN_FINISH_WANTED | CONN_CLOSE_WANTED)) &&
		conn->room >= BUFFER_LARGE_BYTES &&
		(conn->flags & CONN_RECEIVING || may_receive(engine, conn));
}

/* All that one connection may do in one round. */
static void take_turn(struct uring_engine *engine, struct conn *conn)
{
	if (conn->flags & CONN_SHORT && !uring_stream_must_end(conn)) {
		if (engine->core.now_ns < engine->short_until_ns) {
			engine->memory_short = true;
			enqueue(engine, conn);
			return;
		}
		conn->flags &= ~(uint32_t)CONN_SHORT;
	}
	tell_held(engine, conn);
	if (uring_stream_must_end(conn) ||
		(conn->flags & CONN_CLOSE_WANTED && output_is_empty(conn->output))) {
		end(engine, conn);
		return;
	}
	if (conn->flags & CONN_CONNECTING) {
		uring_connect_take_turn(engine, conn);
		return;
	}
	if (!output_is_empty(conn->output)) {
		if (!(conn->flags & CONN_SENDING) && may_send(engine, conn))
			uring_send_order(engine, conn, sent_may_wait(engine, conn));
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
		case URING_KIND_SEND: uring_send_done(engine, conn, cqe->res); break;
		case URING_KIND_WATCH: note_watch(engine, conn, cqe); break;
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
		socket_set_reset_on_close(fd);
		call_close(fd);
		return r;
	}
	conn->flags |= CONN_WRITABLE;
	drive_open(core, conn, &answer);
	uring_send_keep(engine, conn, &answer);
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

	uring_send_keep(engine, conn, answer);
	enqueue(engine, conn);
}

void uring_stream_timers(struct uring_engine *engine)
{
	drive_timers(&engine->core, touch_by_timer);
}

unsigned uring_stream_cut(struct uring_engine *engine, engine_condemn_fn *condemned, void *context)
{
	struct conn_table *table = &engine->core.conns;
	unsigned count = 0;

	for (uint32_t slot = 0; slot < table->used_slots; slot++) {
		struct conn *conn = conn_at(table, slot);

		if (conn != NULL && drive_is_condemned(conn, condemned, context)) {
			conn->flags |= CONN_CUT_WANTED;
			enqueue(engine, conn);
			count++;
		}
	}
	return count;
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
