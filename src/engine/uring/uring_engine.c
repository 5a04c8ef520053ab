/*
 * The loop: submit the requests and wait for completions in one call, note the completions, run
 * what was posted, give each connection that has something to do a turn. Requests are only ever
 * written in that last step, for connections that are open; so no request can name a descriptor
 * that has since been closed and used again.
 *
 * The ring lives in run() and belongs to its thread alone. Requests hold on to sockets and buffers
 * until they complete, so run() does not return before all have completed; and a ring that another
 * thread had opened would interrupt that thread's system calls when it closes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/lookout.h"
#include "engine/outgoing.h"
#include "engine/uring/uring_accept.h"
#include "engine/uring/uring_connect.h"
#include "engine/uring/uring_datagram.h"
#include "engine/uring/uring_explain.h"
#include "engine/uring/uring_ring.h"
#include "engine/uring/uring_send.h"
#include "engine/uring/uring_stream.h"
#include "engine/uring/uring_wait.h"
#include "net/call.h"

#define REQUESTS_A_ROUND 512
/* How long to wait for memory that other connections, or other programs, may give back. */
#define MEMORY_RETRY_NS (10 * CLOCK_NS_PER_MS)

#define SMALL_GROUP 1
#define SMALL_BUFFERS (BUFFER_READY_BYTES / BUFFER_SMALL_BYTES)
#define LARGE_GROUP 2
#define LARGE_BUFFERS 16

/* ---- life ---- */

static int uring_probe_engine(char *why, size_t size)
{
	struct uring_probe probe;

	return uring_probe_all(&probe, why, size);
}

static int uring_create(const struct engine_options *options, struct engine **ret_engine)
{
	struct uring_engine *engine = calloc(1, sizeof(*engine));
	char why[200];
	int r;

	if (engine == NULL)
		return -ENOMEM;
	r = core_init(&engine->core, options);
	if (r < 0)
		goto fail_core;
	r = uring_probe_all(&engine->probe, why, sizeof(why));
	if (r < 0)
		goto fail_probe;
	r = lookout_open(&engine->pending_fd);
	if (r < 0)
		goto fail_probe;
	*ret_engine = &engine->core;
	return 0;

fail_probe:
	core_fini(&engine->core);
fail_core:
	free(engine);
	return r;
}

static void uring_destroy(struct engine *core)
{
	struct uring_engine *engine = (struct uring_engine *)core;
	static const struct engine_host silent;

	core->host = &silent;
	core->draining = true;
	uring_datagram_close_all(engine);
	conn_cut_all(&core->conns);
	uring_stream_close_all(engine);
	for (unsigned i = 0; i < engine->spare_output_count; i++)
		output_free(engine->spare_outputs[i]);
	close(engine->pending_fd);
	core_fini(core);
	free(engine);
}

static int uring_listen(struct engine *core, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct uring_engine *engine = (struct uring_engine *)core;

	if (addr_socket_type(scheme) == SOCK_STREAM)
		return uring_accept_add(engine, fd, scheme, tag);
	return uring_datagram_add(engine, fd, scheme, tag);
}

static int uring_adopt(struct engine *core, int fd, enum addr_scheme scheme, unsigned tag)
{
	return uring_stream_open((struct uring_engine *)core, fd, scheme, tag);
}

static void uring_connect(struct engine *core, struct conn *conn)
{
	uring_connect_begin((struct uring_engine *)core, conn);
}

static void uring_nudge(struct engine *core, struct conn *conn)
{
	uring_stream_nudge((struct uring_engine *)core, conn);
}

static void uring_stop_listening(struct engine *core)
{
	struct uring_engine *engine = (struct uring_engine *)core;

	uring_accept_stop(engine);
	uring_datagram_stop(engine);
}

static unsigned uring_cut(struct engine *core, engine_condemn_fn *condemned, void *context)
{
	struct uring_engine *engine = (struct uring_engine *)core;

	if (condemned == NULL) {
		engine->cutting = true;
		uring_accept_stop(engine); /* those that a drain has kept */
	}
	return uring_stream_cut(engine, condemned, context);
}

/* ---- the loop ---- */

static void order_wake(struct uring_engine *engine)
{
	struct io_uring_sqe *sqe = engine->wake_ordered ? NULL : uring_core_place(engine);

	if (sqe == NULL)
		return;
	io_uring_prep_read(sqe, engine->core.wake_fd, &engine->wake_value, sizeof(uint64_t), 0);
	uring_core_order(engine, sqe, uring_core_token(URING_CORE_WAKE, 0));
	engine->wake_ordered = true;
}

static uint64_t next_ns(const struct uring_engine *engine)
{
	uint64_t next = core_next_ns(&engine->core);

	if (engine->memory_short || !conn_queue_is_empty(&engine->core.conns)) {
		uint64_t soon = engine->core.now_ns + (engine->memory_short ? MEMORY_RETRY_NS : 0);

		if (soon < next)
			next = soon;
	}
	return next;
}

static void note_completion(struct uring_engine *engine, const struct io_uring_cqe *cqe)
{
	uint64_t which = cqe->user_data & ((1ull << CONN_TOKEN_KIND_SHIFT) - 1);
	enum uring_core_kind kind = (enum uring_core_kind)(cqe->user_data >> CONN_TOKEN_KIND_SHIFT);

	if (!(cqe->flags & IORING_CQE_F_MORE) && kind != URING_CORE_SEND_QUIET)
		engine->ordered_count--;
	switch (kind) {
	case URING_CORE_RECEIVE_SMALL:
	case URING_CORE_RECEIVE_LARGE:
	case URING_CORE_SEND:
	case URING_CORE_WATCH:
	case URING_CORE_WRITABLE:
	case URING_CORE_BULK:
	case URING_CORE_MARKED: uring_stream_done(engine, cqe); break;
	case URING_CORE_SEND_QUIET: uring_send_note_exception(engine, cqe); break;
	case URING_CORE_PENDING:
		engine->received_count++;
		uring_accept_pending(engine);
		break;
	case URING_CORE_DATAGRAM:
		engine->received_count++;
		uring_datagram_done(engine, (unsigned)which);
		break;
	case URING_CORE_WAKE:
		engine->wake_ordered = false;
		engine->woken = true;
		break;
	case URING_CORE_CANCEL: break;
	}
}

static void note_completions(struct uring_engine *engine)
{
	struct io_uring_cqe *cqe;
	unsigned head, count = 0;

	io_uring_for_each_cqe(&engine->ring, head, cqe)
	{
		note_completion(engine, cqe);
		count++;
	}
	io_uring_cq_advance(&engine->ring, count);
}

static bool is_done(const struct uring_engine *engine)
{
	return core_is_done(&engine->core) && engine->open_datagram_count == 0;
}

static void work_a_round(struct uring_engine *engine)
{
	engine->memory_short = false;
	uring_stream_timers(engine);
	uring_group_fill(&engine->small);
	uring_group_fill(&engine->large);
	uring_stream_round(engine);
	uring_accept_round(engine);
	uring_datagram_round(engine);
	order_wake(engine);
}

/* Cancels the requests that are under way, and waits until all have completed. */
static int settle(struct uring_engine *engine)
{
	bool cancelled = false;

	engine->cutting = true;
	while (engine->ordered_count > 0) {
		struct io_uring_sqe *sqe = cancelled ? NULL : uring_core_place(engine);
		int r;

		if (sqe != NULL) {
			io_uring_prep_cancel64(
				sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
			uring_core_order(engine, sqe, uring_core_token(URING_CORE_CANCEL, 0));
			cancelled = true;
		}
		engine->memory_short = true; /* never wait for ever */
		r = uring_wait(engine, next_ns(engine));
		if (r < 0)
			return r;
		uring_send_conclude(engine);
		note_completions(engine);
	}
	return 0;
}

/* ---- the ring ---- */

static void close_ring(struct uring_engine *engine)
{
	uring_ring_close(&engine->ring);
	uring_group_fini(&engine->large);
	uring_group_fini(&engine->small);
}

/*
 * The ring has failed, and cannot be waited for. Another call cancels all requests at once, so that
 * none is carried out any more; before Linux 6.0 there is no such call, and the buffers are left to
 * the kernel.
 */
static void abandon_ring(struct uring_engine *engine)
{
	struct io_uring_sync_cancel_reg everything = {
		.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
		.timeout = { .tv_sec = 1 },
	};
	int r = io_uring_register_sync_cancel(&engine->ring, &everything);

	if (r < 0 && r != -ENOENT) {
		uring_group_abandon(&engine->large);
		uring_group_abandon(&engine->small);
	}
	close_ring(engine);
}

/* By the thread that will use it, and no other. */
static int open_ring(struct uring_engine *engine)
{
	struct buffer_pool *pool = &engine->core.pool;
	/* The large buffers in the kernel must leave most of a small pool to connections. */
	size_t large = engine->core.options.pool_bytes / BUFFER_LARGE_BYTES / 4;
	int r = uring_ring_open(REQUESTS_A_ROUND, &engine->ring, &engine->probe.task_work_deferred);

	if (r < 0)
		return r;
	/* Saves a look-up a call; without it, all works as well. */
	io_uring_register_ring_fd(&engine->ring);
	large = large > LARGE_BUFFERS ? LARGE_BUFFERS : large > 0 ? large : 1;
	r = uring_group_init(
		&engine->small, &engine->ring, SMALL_GROUP, pool, buffer_get_small, SMALL_BUFFERS);
	if (r == 0)
		r = uring_group_init(&engine->large, &engine->ring, LARGE_GROUP, pool,
			buffer_get_large, (uint16_t)large);
	if (r < 0)
		close_ring(engine);
	return r;
}

static int uring_run(struct engine *core)
{
	struct uring_engine *engine = (struct uring_engine *)core;
	int r = open_ring(engine);

	if (r < 0)
		return r;
	core_begin_pacing(core);
	/* A trace of the calls shows each when it is made. */
	engine->quiet_sends = engine->probe.send_quiet && core->protocol->sent_can_wait &&
		!call_is_watched();
	for (;;) {
		work_a_round(engine);
		/*
		 * Only now: the last connection may have ended in this round, and nothing would
		 * wake us.
		 */
		if (is_done(engine))
			break;
		r = uring_wait(engine, next_ns(engine));
		if (r < 0)
			break;
		core->now_ns = clock_now_ns();
		uring_send_conclude(engine);
		note_completions(engine);
		if (engine->received_count > 0)
			spin_note_traffic(&core->spin, core->now_ns);
		if (engine->woken) {
			engine->woken = false;
			core_run_tasks(core);
		}
		core_pace(core);
		outgoing_retry(core);
	}
	if (r == 0)
		r = settle(engine);
	if (r == 0)
		close_ring(engine);
	else
		abandon_ring(engine);
	return r;
}

const struct engine_ops uring_engine_ops = {
	.name = "uring",
	.probe = uring_probe_engine,
	.explain = uring_explain,
	.create = uring_create,
	.destroy = uring_destroy,
	.listen = uring_listen,
	.adopt = uring_adopt,
	.connect = uring_connect,
	.nudge = uring_nudge,
	.run = uring_run,
	.stop_listening = uring_stop_listening,
	.cut = uring_cut,
};
