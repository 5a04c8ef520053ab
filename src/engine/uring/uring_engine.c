/*
 * The loop: hand over the orders and wait for answers in one call, note the answers, run what was
 * posted, go on with the connections that have something to do. Orders are only ever written in that
 * last step, for connections that are open; so no order can name a descriptor that has since been
 * closed and given to another.
 *
 * The ring lives in run() and belongs to its thread alone. What the kernel has been given to do holds on
 * to sockets and buffers until it answers, so run() does not return before everything is answered;
 * and a ring that another thread had made would interrupt that thread's calls when it goes.
 */
#include "engine/uring/uring_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/lookout.h"
#include "engine/outgoing.h"
#include "engine/uring/uring_ring.h"
#include "net/call.h"

#define ORDERS_A_ROUND 512
/* How long to wait for memory that other connections, or other programs, may give back. */
#define MEMORY_RETRY_NS (10 * CLOCK_NS_PER_MS)

#define SMALL_GROUP 1
#define SMALL_BUFFERS (BUFFER_READY_BYTES / BUFFER_SMALL_BYTES)
#define LARGE_GROUP 2
#define LARGE_BUFFERS 16

/* ---- orders ---- */

/* True when the kernel has taken all that was written. */
static bool submit(struct uring_engine *engine)
{
	io_uring_submit(&engine->ring);
	if (io_uring_sq_ready(&engine->ring) > 0)
		return false;
	engine->message_count = 0;
	return true;
}

struct io_uring_sqe *uring_engine_place(struct uring_engine *engine)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&engine->ring);

	if (sqe == NULL && submit(engine))
		sqe = io_uring_get_sqe(&engine->ring);
	if (sqe == NULL)
		engine->memory_short = true;
	return sqe;
}

bool uring_engine_has_places(struct uring_engine *engine, unsigned count)
{
	return io_uring_sq_space_left(&engine->ring) >= count ||
		(submit(engine) && io_uring_sq_space_left(&engine->ring) >= count);
}

void uring_engine_order(struct uring_engine *engine, struct io_uring_sqe *sqe, uint64_t token)
{
	io_uring_sqe_set_data64(sqe, token);
	engine->ordered_count++;
}

struct io_uring_sqe *uring_engine_place_message(
	struct uring_engine *engine, struct uring_message **ret_message)
{
	struct io_uring_sqe *sqe = NULL;

	if (engine->message_count < URING_ENGINE_MESSAGES || submit(engine))
		sqe = uring_engine_place(engine);
	else
		engine->memory_short = true;
	/* Only now: to find a place, all may have been submitted. */
	*ret_message = &engine->messages[engine->message_count];
	return sqe;
}

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
	r = lookout_open(&engine->knock_fd);
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
	static const struct engine_host nobody;

	core->host = &nobody;
	core->draining = true;
	uring_datagram_close_all(engine);
	uring_stream_close_all(engine);
	for (unsigned i = 0; i < engine->spare_output_count; i++)
		output_free(engine->spare_outputs[i]);
	close(engine->knock_fd);
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

static int uring_adopt(struct engine *core, int fd, enum addr_scheme scheme)
{
	return uring_stream_open((struct uring_engine *)core, fd, scheme);
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
	struct io_uring_sqe *sqe = engine->wake_ordered ? NULL : uring_engine_place(engine);

	if (sqe == NULL)
		return;
	io_uring_prep_read(sqe, engine->core.wake_fd, &engine->wake_value, sizeof(uint64_t), 0);
	uring_engine_order(engine, sqe, uring_engine_token(URING_KIND_WAKE, 0));
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
	enum uring_engine_kind kind = (enum uring_engine_kind)(
		cqe->user_data >> CONN_TOKEN_KIND_SHIFT);

	if (!(cqe->flags & IORING_CQE_F_MORE) && kind != URING_KIND_SEND_QUIET)
		engine->ordered_count--;
	switch (kind) {
	case URING_KIND_RECEIVE_SMALL:
	case URING_KIND_RECEIVE_LARGE:
	case URING_KIND_SEND:
	case URING_KIND_WATCH:
	case URING_KIND_CONNECTED:
	case URING_KIND_MARKED: uring_stream_done(engine, cqe); break;
	case URING_KIND_SEND_QUIET: uring_send_note_exception(engine, cqe); break;
	case URING_KIND_KNOCK:
		engine->received_count++;
		uring_accept_knocked(engine);
		break;
	case URING_KIND_DATAGRAM:
		engine->received_count++;
		uring_datagram_done(engine, (unsigned)which);
		break;
	case URING_KIND_WAKE:
		engine->wake_ordered = false;
		engine->woken = true;
		break;
	case URING_KIND_CANCEL: break;
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

/* Calls off whatever is under way, and waits until the kernel has let go of everything. */
static int settle(struct uring_engine *engine)
{
	bool called_off = false;

	engine->cutting = true;
	while (engine->ordered_count > 0) {
		struct io_uring_sqe *sqe = called_off ? NULL : uring_engine_place(engine);
		int r;

		if (sqe != NULL) {
			io_uring_prep_cancel64(
				sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
			uring_engine_order(engine, sqe, uring_engine_token(URING_KIND_CANCEL, 0));
			called_off = true;
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
 * The ring fails, and nothing can be waited for. Everything is called off in another way, and what has been
 * cannot come to pass any more; before Linux 6.0 there is none, and the buffers are left to the kernel.
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
	/* The large buffers that wait in the kernel must leave most of a small pool to others. */
	size_t large = engine->core.options.pool_bytes / BUFFER_LARGE_BYTES / 4;
	int r = uring_ring_open(ORDERS_A_ROUND, &engine->ring, &engine->probe.task_work_deferred);

	if (r < 0)
		return r;
	/* Saves a look-up a call; there is nothing to do where it cannot be had. */
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
	/* Whoever watches the calls wants to see each when it is made. */
	engine->quiet_sends = engine->probe.send_quiet && core->protocol->sent_can_wait &&
		!call_is_watched();
	for (;;) {
		work_a_round(engine);
		/* Only now: the last connection may have ended in this round, and nobody would wake us. */
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
