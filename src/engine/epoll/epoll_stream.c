/*
 * Connections, edge-triggered: the kernel reports a change once, and the flags READABLE and
 * WRITABLE remember it until a call comes back empty. So pausing and resuming a reader costs no
 * system call, and an echo costs two: recv and send.
 *
 * The traps of edge-triggering, and where they are closed:
 * - A short receive usually means "no more" and saves a call that would return EAGAIN. Not so when
 *   the kernel stopped for another reason: at an urgent mark, at a descriptor passed over a unix
 *   socket, or before the end of stream. Then EXHAUST is set and receiving goes on until EAGAIN.
 * - A connection that stops with work in hand (its turn was long, or memory was short) gets no new
 *   edge: it stays queued.
 */
#include "engine/epoll/epoll_stream.h"

#include <sys/epoll.h>

#include "engine/bulk.h"
#include "engine/drive.h"
#include "engine/epoll/epoll_flow.h"
#include "engine/intake.h"
#include "engine/outgoing.h"
#include "net/call.h"
#include "net/socket.h"

/* A turn ends after so many bytes received: then the other connections have theirs. */
#define TURN_BYTES (4 * BUFFER_LARGE_BYTES)

static void enqueue(struct epoll_engine *engine, struct conn *conn)
{
	conn_enqueue(&engine->core.conns, conn);
}

static uint64_t token_of(const struct conn *conn)
{
	return epoll_core_token(EPOLL_CORE_STREAM, conn_token(conn));
}

/* ---- sending ---- */

/* Bytes taken by the kernel; 0 when it takes none now, or the connection is lost. */
static size_t sent_count(struct epoll_engine *engine, struct conn *conn, ssize_t result)
{
	if (result >= 0)
		return (size_t)result;
	switch (call_judge((int)result)) {
	case CALL_NOT_NOW: epoll_core_note_full(engine, conn); break;
	case CALL_SHORT: engine->memory_short = true; break; /* still writable: tried again soon */
	case CALL_AGAIN: break;
	case CALL_FATAL: conn_lose(conn, (int)result); break;
	}
	return 0;
}

/* Queues what could not be sent at once. */
static void keep(struct conn *conn, const struct protocol_span *span, bool urgent)
{
	int r = conn->output == NULL ? output_new(&conn->output) : 0;

	if (r == 0)
		r = output_push(conn->output, span, urgent);
	if (r < 0)
		conn_lose(conn, r); /* bytes must not be dropped in silence: the connection goes */
}

/* Sends at once what nothing waits before; queues the rest. Returns what has left. */
static size_t transmit(
	struct epoll_engine *engine, struct conn *conn, const struct protocol_answer *answer)
{
	struct protocol_span rest = answer->send;
	size_t sent = 0;

	if (output_is_empty(conn->output) && conn->flags & CONN_WRITABLE) {
		int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (answer->send_urgent ? MSG_OOB : 0);

		sent = sent_count(
			engine, conn, call_send(conn->fd, rest.bytes, rest.length, flags));
		rest.bytes += sent;
		rest.length -= (uint32_t)sent;
	}
	if (rest.length > 0 && conn->error == 0)
		keep(conn, &rest, answer->send_urgent);
	return sent;
}

/* Sends what an answer holds; reports what has left, and carries out the answer to that. */
static void carry_out(
	struct epoll_engine *engine, struct conn *conn, struct protocol_answer *answer)
{
	while (answer->send.length > 0 && conn->error == 0) {
		struct protocol_event event = { .kind = PROTOCOL_SENT };

		event.count = transmit(engine, conn, answer);
		if (event.count == 0)
			return;
		drive_report(&engine->core, conn, &event, answer);
	}
}

/* The same for a stream or a flow. */
static void carry_out_either(
	struct epoll_engine *engine, struct conn *conn, struct protocol_answer *answer)
{
	if (conn->flags & CONN_FLOW)
		epoll_flow_carry_out(engine, conn, answer);
	else
		carry_out(engine, conn, answer);
}

static void report(
	struct epoll_engine *engine, struct conn *conn, const struct protocol_event *event)
{
	struct protocol_answer answer;

	drive_report(&engine->core, conn, event, &answer);
	carry_out(engine, conn, &answer);
}

/* One call for what waits first. */
static ssize_t send_first(const struct conn *conn)
{
	struct iovec vectors[OUTPUT_BATCH];
	bool urgent;
	struct msghdr message = { .msg_iov = vectors };

	if (conn->flags & CONN_PIPED)
		return bulk_send(conn, output_first(conn->output));
	message.msg_iovlen = output_peek(conn->output, vectors, &urgent);
	return call_sendmsg(
		conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT | (urgent ? MSG_OOB : 0));
}

/* Sends what waits. True if anything left. */
__attribute__((noinline)) static bool flush(struct epoll_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_SENT };

	event.count = sent_count(engine, conn, send_first(conn));
	if (event.count == 0)
		return false;
	output_advance(conn->output, event.count);
	if (!output_starts_unseen(conn->output))
		conn_clear(conn, CONN_PIPED);
	if (output_is_empty(conn->output)) {
		output_free(conn->output);
		conn->output = NULL;
	}
	report(engine, conn, &event);
	return true;
}

/* ---- receiving ---- */

/*
 * One receive. Sets `ret_partial` when the kernel may have stopped before its queue was empty,
 * though it gave less than asked for.
 */
static ssize_t receive_some(struct conn *conn, void *bytes, size_t size, bool *ret_partial)
{
	if (conn->scheme != ADDR_UNIX)
		return call_recv(conn->fd, bytes, size, MSG_DONTWAIT);

	/*
	 * Without a buffer for control data the kernel closes the descriptors that a peer passes,
	 * sets MSG_CTRUNC, and ends the receive there (unix(7)).
	 */
	struct iovec vector = { .iov_base = bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
	ssize_t n = call_recvmsg(conn->fd, &message, MSG_DONTWAIT);

	/* Never cleared: before the end of stream, the caller has set it already. */
	if (message.msg_flags & MSG_CTRUNC)
		*ret_partial = true;
	return n;
}

static void note_end(struct epoll_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_END };

	conn->flags |= CONN_END_SEEN;
	report(engine, conn, &event);
}

/* Nothing was received, for this reason. */
static void note_nothing(struct epoll_engine *engine, struct conn *conn, int error)
{
	switch (call_judge(error)) {
	case CALL_NOT_NOW: conn_clear(conn, CONN_READABLE | CONN_EXHAUST | CONN_FILLED); break;
	case CALL_SHORT: engine->memory_short = true; break; /* still readable: tried again soon */
	case CALL_AGAIN: break;
	case CALL_FATAL: conn_lose(conn, error); break;
	}
}

/* ---- in bulk (bulk.h) ---- */

/* Sends an answer whose bytes are in a pipe; what does not leave at once waits there. */
static void carry_out_unseen(
	struct epoll_engine *engine, struct conn *conn, struct protocol_answer *answer)
{
	while (protocol_span_is_unseen(&answer->send) && conn->error == 0) {
		struct protocol_span rest = answer->send;
		struct protocol_event event = { .kind = PROTOCOL_SENT };

		if (conn->flags & CONN_WRITABLE && output_is_empty(conn->output))
			event.count = sent_count(engine, conn, bulk_send(conn, &rest));
		rest.length -= (uint32_t)event.count;
		if (rest.length > 0 && conn->error == 0) {
			keep(conn, &rest, false);
			conn->flags |= CONN_PIPED;
		}
		if (event.count == 0)
			return;
		drive_report(&engine->core, conn, &event, answer);
	}
	carry_out(engine, conn, answer);
}

/*
 * Moves bytes instead of receiving them, and reports that: how many, or 0. -1: not now, or a
 * receive is to find out why nothing came.
 */
__attribute__((noinline, cold)) static ssize_t move(struct epoll_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_BYTES };
	struct protocol_answer answer;
	ssize_t n = bulk_may_move(&engine->core, conn)
		? bulk_receive(&engine->core, conn, &event.span)
		: 0;

	if (n == 0)
		return -1;
	if (n > 0) {
		drive_report(&engine->core, conn, &event, &answer);
		carry_out_unseen(engine, conn, &answer);
		bulk_pipe_unref(event.span.buffer);
	} else {
		note_nothing(engine, conn, (int)n);
	}
	return n > 0 ? n : 0;
}

/* Receives once and reports it. Returns the bytes that came; 0 also for the end, or when lost. */
static size_t receive(struct epoll_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_BYTES };
	struct buffer *buffer = intake_buffer(&engine->core, conn, &engine->memory_short);
	bool partial = (conn->flags & CONN_EXHAUST) != 0;
	uint32_t wanted;

	if (buffer == NULL)
		return 0;
	wanted = buffer->capacity - buffer->filled;
	if (wanted > conn->credit)
		wanted = conn->credit;

	unsigned char *start = buffer->bytes + buffer->filled;
	ssize_t n = 1;

	/* Two kinds, and one test on the way of a small echo. */
	if (__builtin_expect((conn->flags & (CONN_MARKED | CONN_BULK)) != 0, 0)) {
		ssize_t moved = conn->flags & CONN_BULK ? move(engine, conn) : -1;

		if (moved >= 0) {
			buffer_unref(buffer);
			return (size_t)moved;
		}
		partial = (conn->flags & (CONN_MARKED | CONN_EXHAUST)) != 0;
		if (conn->flags & CONN_MARKED)
			n = intake_find_mark(conn->fd, start, &wanted, &event.kind);
	}
	if (n > 0)
		n = receive_some(conn, start, wanted, &partial);
	if (n > 0) {
		buffer->filled += (uint32_t)n;
		if ((size_t)n < wanted && !partial)
			conn_clear(conn, CONN_READABLE | CONN_FILLED);
		else if (n == BUFFER_LARGE_BYTES)
			bulk_note_filled(&engine->core, conn);
		event.span.bytes = start;
		event.span.length = (uint32_t)n;
		event.span.buffer = buffer;
		report(engine, conn, &event);
	} else if (n == 0) {
		note_end(engine, conn);
	} else {
		note_nothing(engine, conn, (int)n);
	}
	buffer_unref(buffer);
	return n > 0 ? (size_t)n : 0;
}

/* ---- life ---- */

static bool may_flush(const struct conn *conn)
{
	return conn->flags & CONN_WRITABLE && !output_is_empty(conn->output);
}

static bool may_receive(const struct conn *conn)
{
	return conn->flags & CONN_READABLE && conn->credit > 0 &&
		!(conn->flags & (CONN_END_SEEN | CONN_CLOSE_WANTED));
}

static void close_conn(struct epoll_engine *engine, struct conn *conn)
{
	int fd = conn->fd;

	if (drive_ends_with_reset(&engine->core, conn))
		socket_set_reset_on_close(fd);
	drive_close(&engine->core, conn);
	call_close(fd);
	accept_retry_soon(&engine->core);
}

static bool is_ending(const struct conn *conn)
{
	return conn_must_end(conn) || conn->flags & (CONN_CLOSE_WANTED | CONN_FINISH_WANTED);
}

/* Ends what is to end. True if the connection is gone. */
static bool settle(struct epoll_engine *engine, struct conn *conn)
{
	if (!conn_must_end(conn) && !output_is_empty(conn->output))
		return false;
	if (conn_must_end(conn) || conn->flags & CONN_CLOSE_WANTED) {
		close_conn(engine, conn);
		return true;
	}
	if (conn->flags & CONN_FINISH_WANTED && !(conn->flags & CONN_FINISHED)) {
		conn->flags |= CONN_FINISHED;
		call_shutdown(conn->fd, SHUT_WR);
	}
	return false;
}

/* All that one connection may do in one round. */
static void take_turn(struct epoll_engine *engine, struct conn *conn)
{
	size_t received = 0;
	bool progress = true;

	while (progress && received < TURN_BYTES && !conn_must_end(conn)) {
		progress = false;
		if (may_flush(conn))
			progress = flush(engine, conn);
		if (may_receive(conn) && !conn_must_end(conn)) {
			size_t n = receive(engine, conn);

			received += n;
			progress = progress || n > 0;
		}
	}
	if (is_ending(conn) && settle(engine, conn))
		return;
	/*
	 * A connection that cannot go on now is woken by its own edge (not READABLE, not WRITABLE)
	 * or by its own output leaving (no credit, no buffer); all others must be queued here.
	 */
	if (may_flush(conn) || (may_receive(conn) && (progress || output_is_empty(conn->output)))) {
		engine->busy = engine->busy || progress;
		enqueue(engine, conn);
	}
}

static uint32_t marked(const struct epoll_engine *engine, const struct conn *conn)
{
	return engine->core.options.mark_urgent && conn->scheme == ADDR_TCP ? CONN_MARKED : 0;
}

/* A connecting socket may be connected, or have failed. True if it is open now. */
static bool open_outgoing(struct epoll_engine *engine, struct conn *conn)
{
	struct protocol_answer answer;

	if (!conn_must_end(conn) && !(conn->flags & CONN_WRITABLE))
		return false;
	if (conn_must_end(conn) || outgoing_finish(&engine->core, conn) < 0) {
		close_conn(engine, conn);
		return false;
	}
	conn->flags |= marked(engine, conn);
	drive_open(&engine->core, conn, 0, &answer);
	carry_out_either(engine, conn, &answer);
	return true;
}

/* The turn of one whose preface is awaited. True if it is an open stream by now. */
static bool open_behind_preface(struct epoll_engine *engine, struct conn *conn)
{
	struct protocol_answer answer;

	switch (accept_preface_advance(&engine->core, conn, &answer)) {
	case ACCEPT_PREFACE_WAITS: return false;
	case ACCEPT_PREFACE_SHORT:
		engine->memory_short = true;
		enqueue(engine, conn);
		return false;
	case ACCEPT_PREFACE_ENDS: close_conn(engine, conn); return false;
	case ACCEPT_PREFACE_OPEN: break;
	}
	/* What is behind the preface may have come with it, and then gives no edge of its own. */
	conn->flags |= CONN_READABLE;
	carry_out(engine, conn, &answer);
	return true;
}

/* The turn of a connecting socket, a preface or a flow. True if it is an open stream by now. */
__attribute__((noinline, cold)) static bool take_special_turn(
	struct epoll_engine *engine, struct conn *conn)
{
	if (conn->flags & CONN_PREFACE)
		return open_behind_preface(engine, conn);
	if (conn->flags & CONN_CONNECTING && !open_outgoing(engine, conn))
		return false;
	if (!(conn->flags & CONN_FLOW))
		return true;
	bool more = epoll_flow_take_turn(engine, conn);

	if (!settle(engine, conn) && more)
		enqueue(engine, conn);
	return false;
}

void epoll_stream_round(struct epoll_engine *engine)
{
	uint32_t slot = conn_take_queue(&engine->core.conns);

	engine->memory_short = false;
	engine->busy = false;
	engine->turn_count = 0;
	while (slot != CONN_NO_SLOT) {
		struct conn *conn = conn_at(&engine->core.conns, slot);

		slot = conn->next_slot;
		conn_clear(conn, CONN_QUEUED);
		engine->last_token = conn_token(conn);
		engine->turn_count++;
		if (!(conn->flags & (CONN_UNTOLD | CONN_FLOW)) || take_special_turn(engine, conn))
			take_turn(engine, conn);
	}
}

bool epoll_stream_poll(struct epoll_engine *engine)
{
	struct conn *conn = conn_from_token(&engine->core.conns, engine->last_token);

	if (conn == NULL || conn->flags & (CONN_UNTOLD | CONN_FLOW) || conn->credit == 0 ||
		!output_is_empty(conn->output) ||
		conn->flags & (CONN_END_SEEN | CONN_CLOSE_WANTED) || conn_must_end(conn))
		return false;
	conn->flags |= CONN_READABLE;
	if (receive(engine, conn) == 0 && !(conn->flags & CONN_END_SEEN) && !conn_must_end(conn))
		return false;
	enqueue(engine, conn);
	return true;
}

void epoll_stream_ready(struct epoll_engine *engine, uint64_t token, uint32_t events)
{
	struct conn *conn = conn_from_token(&engine->core.conns, token);

	if (conn == NULL)
		return; /* closed earlier in this round; another connection may have its slot */
	if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		conn->flags |= CONN_READABLE;
	if (events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		conn->flags |= CONN_EXHAUST;
	/* On an error, sending is tried too: a paused reader must notice that its peer is gone. */
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		conn->flags |= CONN_WRITABLE;
	/* A connection that neither receives nor sends would not notice the error. */
	if (events & EPOLLERR && conn->credit == 0 && output_is_empty(conn->output) &&
		!(conn->flags & CONN_FLOW))
		conn_lose(conn, socket_take_error(conn->fd));
	enqueue(engine, conn);
}

int epoll_stream_open(struct epoll_engine *engine, int fd, enum addr_scheme scheme, unsigned tag)
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
	conn->flags |= CONN_WRITABLE | marked(engine, conn);
	r = epoll_core_watch(engine, EPOLL_CTL_ADD, fd, epoll_core_conn_events(), token_of(conn));
	if (r < 0) {
		conn_release(&core->conns, conn);
		socket_set_reset_on_close(fd);
		call_close(fd);
		return r;
	}
	if (accept_preface_begin(core, conn, tag)) {
		enqueue(engine, conn);
		return 0;
	}
	drive_open(core, conn, tag, &answer);
	carry_out(engine, conn, &answer);
	if (is_ending(conn))
		enqueue(engine, conn);
	return 0;
}

void epoll_stream_connect(struct epoll_engine *engine, struct conn *conn)
{
	if (outgoing_waits_for_backlog(conn))
		return;
	if (conn->error == 0) {
		/* Only now: before connect(2), epoll reports the socket as hung up. */
		int r = epoll_core_watch(engine, EPOLL_CTL_ADD, conn->fd,
			epoll_core_conn_events() | EPOLLOUT, token_of(conn));

		conn->flags |= CONN_WRITE_WATCHED;
		if (r < 0)
			conn_lose(conn, r);
	}
	if (conn->error != 0 || conn->flags & CONN_WRITABLE)
		enqueue(engine, conn);
}

void epoll_stream_nudge(struct epoll_engine *engine, struct conn *conn)
{
	struct protocol_event event = { .kind = PROTOCOL_NUDGED };
	struct protocol_answer answer;

	if (conn_must_end(conn) || conn->flags & CONN_CLOSE_WANTED)
		return;
	drive_report(&engine->core, conn, &event, &answer);
	carry_out_either(engine, conn, &answer);
	/*
	 * The answer may have given credit for bytes that have come already; and what was sent in part
	 * while the kernel takes more gets no edge.
	 */
	if (conn_must_end(conn) || may_flush(conn) ||
		conn->flags & (CONN_CLOSE_WANTED | CONN_FINISH_WANTED | CONN_READABLE))
		enqueue(engine, conn);
}

static void touch_by_timer(struct engine *core, struct conn *conn, struct protocol_answer *answer)
{
	struct epoll_engine *engine = (struct epoll_engine *)core;

	if (!(conn->flags & CONN_UNTOLD))
		carry_out_either(engine, conn, answer);
	enqueue(engine, conn);
}

void epoll_stream_timers(struct epoll_engine *engine)
{
	drive_timers(&engine->core, touch_by_timer);
}

unsigned epoll_stream_cut(struct epoll_engine *engine, engine_condemn_fn *condemned, void *context)
{
	struct conn_table *table = &engine->core.conns;
	unsigned count = 0;

	for (uint32_t slot = 0; slot < table->used_slots; slot++) {
		struct conn *conn = conn_at(table, slot);

		if (conn == NULL || !drive_is_condemned(conn, condemned, context))
			continue;
		/* A queued connection cannot be taken out of the queue: it ends in its turn. */
		conn->flags |= CONN_CUT;
		if (condemned == NULL || !(conn->flags & CONN_QUEUED))
			close_conn(engine, conn);
		count++;
	}
	if (condemned == NULL)
		conn_take_queue(table); /* all that were in it are closed */
	return count;
}
