/*
 * Connections, by requests. Each has at most one receive and one send (uring_send.c) under way. A
 * connection that is to end cancels its requests, and is closed when all of them have completed. So
 * the kernel never has a buffer or a descriptor that we no longer have.
 *
 * Credit: a receive is ordered for no more than the credit. A request that receives many times
 * ("multishot") stops once its total is reached, which the last receive may pass: so the total is
 * smaller than the credit by one receive less a byte. If the protocol lowers its credit meanwhile,
 * what has been received is held until there is credit again.
 */
#include "engine/uring/uring_stream.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "engine/bulk.h"
#include "engine/drive.h"
#include "engine/uring/uring_bulk.h"
#include "engine/uring/uring_connect.h"
#include "engine/uring/uring_marked.h"
#include "engine/uring/uring_send.h"
#include "net/call.h"
#include "net/socket.h"

#define ORDERED (CONN_RECEIVING | CONN_SENDING | CONN_WATCHING | CONN_AWAITING_WRITABLE)

static void enqueue(struct uring_engine *engine, struct conn *conn)
{
	conn_enqueue(&engine->core.conns, conn);
}

static bool is_marked(const struct uring_engine *engine, const struct conn *conn)
{
	return engine->core.options.mark_urgent && conn->scheme == ADDR_TCP;
}

static void order(struct uring_engine *engine, struct conn *conn, struct io_uring_sqe *sqe,
	enum uring_core_kind kind, enum conn_flag flag)
{
	uring_core_order(engine, sqe, uring_core_token(kind, conn_token(conn)));
	conn->flags |= flag;
}

/* ---- receiving ---- */

/* The buffers that connections hold have reached the cap: a connection that holds one waits. */
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
		conn->credit == 0 || conn->held != NULL)
		return false;
	/* It goes on when its own output leaves: it need not be queued. */
	if (!output_is_empty(conn->output) && is_tight(engine))
		return false;
	return true;
}

static void order_marked(struct uring_engine *engine, struct conn *conn)
{
	struct io_uring_sqe *sqe = uring_core_place(engine);

	if (sqe == NULL) {
		enqueue(engine, conn);
		return;
	}
	io_uring_prep_poll_add(sqe, conn->fd, POLLIN);
	order(engine, conn, sqe, URING_CORE_MARKED, CONN_RECEIVING);
}

/*
 * One receive, and before it, linked, a poll that waits for something to be there. A receive that
 * waits by itself is also tried when urgent bytes have been announced that have not come, and after
 * 128 times in vain it goes to a thread of the kernel's: one for each peer that does so (seen in
 * Linux 6.18).
 *
 * Both have one token and one completion: the poll has none, unless it fails, and then the receive
 * has none.
 */
static struct io_uring_sqe *place_single(struct uring_engine *engine, struct conn *conn, bool large)
{
	struct io_uring_sqe *sqe;

	if (!uring_core_has_places(engine, 2))
		return NULL;
	sqe = uring_core_place(engine);
	io_uring_prep_poll_add(sqe, conn->fd, POLLIN);
	sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(sqe, uring_core_receive_token(conn, large));
	return uring_core_place(engine);
}

static void order_receive(struct uring_engine *engine, struct conn *conn)
{
	bool large = conn->flags & CONN_LARGE && uring_group_count(&engine->large) > 0;
	struct uring_group *group = large ? &engine->large : &engine->small;
	uint32_t size = large ? BUFFER_LARGE_BYTES : BUFFER_SMALL_BYTES;
	uint32_t once = size < conn->credit ? size : conn->credit;
	uint32_t most = large || conn->credit < BUFFER_CONN_BYTES ? conn->credit
								  : BUFFER_CONN_BYTES;
	bool many = engine->probe.receive_multishot && !is_tight(engine) && most > once;
	struct io_uring_sqe *sqe = NULL;

	if (uring_group_count(group) > 0)
		sqe = many ? uring_core_place(engine) : place_single(engine, conn, large);
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
	uring_core_order_receive(engine, conn, sqe, large);
}

static void report_end(struct uring_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_END };

	conn->flags |= CONN_END_SEEN;
	uring_send_answer(engine, conn, &event);
}

/* Nothing was received: 0: the end of stream, or -errno. */
static void note_nothing(struct uring_engine *engine, struct conn *conn, int result)
{
	if (uring_core_discards_input(engine, conn))
		return;
	if (result == 0 && conn->held != NULL) {
		conn->flags |= CONN_END_HELD;
		return;
	}
	if (result == 0) {
		report_end(engine, conn);
		return;
	}
	switch (uring_core_judge_receive(result)) {
	case CALL_SHORT: uring_core_note_short(engine, conn); break;
	case CALL_NOT_NOW:
	case CALL_AGAIN: break; /* it will be ordered again */
	case CALL_FATAL: conn_lose(conn, result); break;
	}
}

/* Keeps what was received beyond the credit, or behind such bytes. */
static void hold(struct conn *conn, const struct protocol_span *span)
{
	int r = conn->held == NULL ? output_new(&conn->held) : 0;

	if (r == 0)
		r = output_push(conn->held, span, false);
	if (r < 0)
		conn_lose(conn, r);
}

/* Reports what is held as far as there is credit, and the end of stream behind it. */
static void report_held(struct uring_engine *engine, struct conn *conn)
{
	while (conn->held != NULL && conn->credit > 0 && !uring_core_discards_input(engine, conn)) {
		struct protocol_event event = { .kind = PROTOCOL_BYTES };
		struct buffer *buffer;

		event.span = *output_first(conn->held);
		if (event.span.length > conn->credit)
			event.span.length = conn->credit;
		buffer = event.span.buffer;
		buffer_ref(buffer);
		output_advance(conn->held, event.span.length);
		if (output_is_empty(conn->held)) {
			output_free(conn->held);
			conn->held = NULL;
		}
		uring_send_answer(engine, conn, &event);
		buffer_unref(buffer);
	}
	if (conn->held == NULL && conn->flags & CONN_END_HELD &&
		!uring_core_discards_input(engine, conn)) {
		conn_clear(conn, CONN_END_HELD);
		report_end(engine, conn);
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
	/* A full buffer means that more was there: the next receive is for a large one. */
	if (length == buffer->capacity) {
		conn->flags |= CONN_LARGE;
		if (length == BUFFER_LARGE_BYTES)
			bulk_note_filled(&engine->core, conn);
	} else if (length <= BUFFER_SMALL_BYTES / 2) {
		conn_clear(conn, CONN_LARGE | CONN_FILLED);
	}
	if (conn->held != NULL || length > conn->credit)
		hold(conn, &event.span);
	else
		uring_send_answer(engine, conn, &event);
}

static void note_received(struct uring_engine *engine, struct conn *conn, struct buffer *buffer,
	const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		conn_clear(conn, CONN_RECEIVING);
	if (call_is_watched() && cqe->res != -ENOBUFS && cqe->res != -ECANCELED)
		call_report_recv(conn->fd, buffer != NULL ? buffer->bytes : NULL,
			buffer != NULL ? buffer->capacity : BUFFER_SMALL_BYTES, 0, cqe->res);
	if (cqe->res > 0)
		engine->received_count++;
	if (conn->flags & CONN_FLOW && !uring_core_discards_input(engine, conn))
		uring_connect_note_message(engine, conn, buffer, cqe->res);
	else if (cqe->res > 0 && buffer != NULL && !uring_core_discards_input(engine, conn))
		note_bytes(engine, conn, buffer, (uint32_t)cqe->res);
	else if (cqe->res <= 0)
		note_nothing(engine, conn, cqe->res);
}

static void note_marked(struct uring_engine *engine, struct conn *conn)
{
	int result = uring_marked_receive(engine, conn);

	if (result <= 0)
		note_nothing(engine, conn, result);
}

/* ---- the watch: a socket that takes more again, a loss that no request would find ---- */

static void order_watch(struct uring_engine *engine, struct conn *conn)
{
	struct io_uring_sqe *sqe = uring_core_place(engine);

	if (sqe == NULL) {
		enqueue(engine, conn);
		return;
	}
	/* It completes at each change: the peer's half-close, which is one, does not end it. */
	io_uring_prep_poll_multishot(sqe, conn->fd, POLLOUT | POLLERR);
	order(engine, conn, sqe, URING_CORE_WATCH, CONN_WATCHING);
}

static void note_watch(
	struct uring_engine *engine, struct conn *conn, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		conn_clear(conn, CONN_WATCHING);
	if (cqe->res < 0 && cqe->res != -ECANCELED)
		uring_core_note_short(engine, conn); /* watched again a little later */
	if (cqe->res > 0 && cqe->res & (POLLOUT | POLLERR | POLLHUP))
		conn->flags |= CONN_WRITABLE;
	/* A receive or send that is under way will find the error, and report it in its place. */
	if (cqe->res > 0 && cqe->res & POLLERR && !(conn->flags & (CONN_RECEIVING | CONN_SENDING)))
		conn_lose(conn, socket_take_error(conn->fd));
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

static void close_conn(struct uring_engine *engine, struct conn *conn)
{
	int fd = conn->fd;

	if (drive_ends_with_reset(&engine->core, conn))
		socket_set_reset_on_close(fd);
	drive_close(&engine->core, conn);
	call_close(fd);
	accept_retry_soon(&engine->core);
}

static bool cancel(struct uring_engine *engine, const struct conn *conn, enum uring_core_kind kind)
{
	struct io_uring_sqe *sqe = uring_core_place(engine);

	if (sqe == NULL)
		return false;
	io_uring_prep_cancel64(sqe, uring_core_token(kind, conn_token(conn)), 0);
	uring_core_order(engine, sqe, uring_core_token(URING_CORE_CANCEL, 0));
	return true;
}

/*
 * Cancels each request by its token: by descriptor the kernel searches all requests of the ring,
 * and 10,000 connections that end together would cost it 100 million steps. A send never waits.
 * False: no place in the ring; what has been cancelled already may be cancelled again.
 */
static bool cancel_all(struct uring_engine *engine, const struct conn *conn)
{
	bool is_flow = conn->flags & CONN_FLOW, ok = true;

	if (conn->flags & CONN_RECEIVING)
		ok = cancel(engine, conn,
			conn->flags & CONN_RECEIVING_POLL             ? URING_CORE_BULK
				: is_marked(engine, conn) && !is_flow ? URING_CORE_MARKED
				: conn->flags & CONN_RECEIVING_LARGE  ? URING_CORE_RECEIVE_LARGE
								      : URING_CORE_RECEIVE_SMALL);
	if (ok && conn->flags & CONN_WATCHING)
		ok = cancel(engine, conn, URING_CORE_WATCH);
	if (ok && conn->flags & CONN_AWAITING_WRITABLE)
		ok = cancel(engine, conn, URING_CORE_WRITABLE);
	return ok;
}

/* Closes, once all requests have completed. */
static void end(struct uring_engine *engine, struct conn *conn)
{
	if (!(conn->flags & ORDERED)) {
		close_conn(engine, conn);
		return;
	}
	if (conn->flags & CONN_CANCELLED)
		return;
	if (cancel_all(engine, conn))
		conn->flags |= CONN_CANCELLED;
	else
		enqueue(engine, conn);
}

/*
 * The protocol need not hear of this send soon: it has credit for more, so that receiving goes on,
 * and the completion of a receive ends the wait. So the send may be quiet, and saves its completion
 * and the call that fetches it.
 */
static bool sent_may_wait(const struct uring_engine *engine, const struct conn *conn)
{
	return engine->quiet_sends &&
		!(conn->flags & (CONN_FLOW | CONN_FINISH_WANTED | CONN_CLOSE_WANTED | CONN_BULK)) &&
		conn->credit >= BUFFER_LARGE_BYTES &&
		(conn->flags & CONN_RECEIVING || may_receive(engine, conn));
}

/*
 * While a preface is awaited, a poll that stays looks for more; a poll that completes once would do so at each
 * turn, for what has been peeked is still there.
 */
static void order_more(struct uring_engine *engine, struct conn *conn)
{
	struct io_uring_sqe *sqe = uring_core_place(engine);

	if (sqe == NULL) {
		enqueue(engine, conn);
		return;
	}
	io_uring_prep_poll_multishot(sqe, conn->fd, POLLIN | POLLRDHUP | POLLOUT | POLLERR);
	order(engine, conn, sqe, URING_CORE_WATCH, CONN_WATCHING);
}

__attribute__((noinline, cold)) static void take_preface_turn(
	struct uring_engine *engine, struct conn *conn)
{
	struct protocol_answer answer;

	switch (accept_preface_advance(&engine->core, conn, &answer)) {
	case ACCEPT_PREFACE_WAITS:
		if (!(conn->flags & CONN_WATCHING))
			order_more(engine, conn);
		return;
	case ACCEPT_PREFACE_SHORT:
		uring_core_note_short(engine, conn);
		engine->memory_short = true;
		break;
	case ACCEPT_PREFACE_OPEN:
		uring_send_keep(engine, conn, &answer);
		/* Where this fails, it stays: it reports all that a watch does, and more often than it need. */
		if (conn->flags & CONN_WATCHING)
			cancel(engine, conn, URING_CORE_WATCH);
		break;
	case ACCEPT_PREFACE_ENDS: break;
	}
	enqueue(engine, conn); /* it is open or ends now, and has another turn as that */
}

static void receive_specially(struct uring_engine *engine, struct conn *conn)
{
	if (conn->flags & CONN_FLOW)
		uring_connect_order_message(engine, conn);
	else if (!uring_bulk_take_turn(engine, conn))
		order_receive(engine, conn);
}

/* All that one connection may do in one round. */
static void take_turn(struct uring_engine *engine, struct conn *conn)
{
	if (conn->flags & CONN_SHORT && !conn_must_end(conn)) {
		if (engine->core.now_ns < engine->short_until_ns) {
			engine->memory_short = true;
			enqueue(engine, conn);
			return;
		}
		conn_clear(conn, CONN_SHORT);
	}
	report_held(engine, conn);
	if (conn_must_end(conn) ||
		(conn->flags & CONN_CLOSE_WANTED && output_is_empty(conn->output))) {
		end(engine, conn);
		return;
	}
	if (conn->flags & CONN_UNTOLD) {
		if (conn->flags & CONN_PREFACE)
			take_preface_turn(engine, conn);
		else
			uring_connect_take_turn(engine, conn);
		return;
	}
	if (!output_is_empty(conn->output)) {
		if (!(conn->flags & (CONN_SENDING | CONN_PIPED))) {
			if (may_send(engine, conn))
				uring_send_order(engine, conn, sent_may_wait(engine, conn));
		} else if (conn->flags & CONN_PIPED && may_send(engine, conn)) {
			uring_bulk_flush(engine, conn);
		}
	} else if (conn->flags & CONN_FINISH_WANTED && !(conn->flags & CONN_FINISHED)) {
		conn->flags |= CONN_FINISHED;
		call_shutdown(conn->fd, SHUT_WR);
	}
	if (may_receive(engine, conn)) {
		if (conn->flags & (CONN_FLOW | CONN_BULK))
			receive_specially(engine, conn);
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
		conn_clear(conn, CONN_QUEUED);
		take_turn(engine, conn);
	}
}

void uring_stream_done(struct uring_engine *engine, const struct io_uring_cqe *cqe)
{
	enum uring_core_kind kind = (enum uring_core_kind)(cqe->user_data >> CONN_TOKEN_KIND_SHIFT);
	struct conn *conn = conn_from_token(&engine->core.conns, cqe->user_data);
	struct buffer *buffer = NULL;

	if (cqe->flags & IORING_CQE_F_BUFFER)
		buffer = uring_group_take(
			kind == URING_CORE_RECEIVE_LARGE ? &engine->large : &engine->small,
			cqe->flags);
	if (conn != NULL) {
		switch (kind) {
		case URING_CORE_SEND: uring_send_done(engine, conn, cqe->res); break;
		case URING_CORE_WATCH: note_watch(engine, conn, cqe); break;
		case URING_CORE_MARKED:
			conn_clear(conn, CONN_RECEIVING);
			if (!engine->cutting)
				note_marked(engine, conn);
			break;
		case URING_CORE_BULK: uring_bulk_polled(conn, cqe); break;
		case URING_CORE_WRITABLE: uring_connect_done(conn, cqe); break;
		default: note_received(engine, conn, buffer, cqe); break;
		}
		enqueue(engine, conn);
	}
	buffer_unref(buffer);
}

int uring_stream_open(struct uring_engine *engine, int fd, enum addr_scheme scheme, unsigned tag)
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
	if (accept_preface_begin(core, conn, tag)) {
		enqueue(engine, conn);
		return 0;
	}
	drive_open(core, conn, tag, &answer);
	uring_send_keep(engine, conn, &answer);
	enqueue(engine, conn);
	return 0;
}

void uring_stream_nudge(struct uring_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_NUDGED };

	if (uring_core_discards_input(engine, conn))
		return;
	uring_send_answer(engine, conn, &event);
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
			conn->flags |= CONN_CUT;
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
			close_conn(engine, conn);
	}
}
