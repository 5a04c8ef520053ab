/*
 * The loop: wait, note what is ready, run what was posted, go on with the connections that have
 * something to do. Noting and doing are apart, so that a connection is handled once a round however
 * many events it has, and a busy one takes its turn behind the others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/epoll/epoll_abi.h"
#include "engine/epoll/epoll_accept.h"
#include "engine/epoll/epoll_datagram.h"
#include "engine/epoll/epoll_explain.h"
#include "engine/epoll/epoll_stream.h"
#include "engine/outgoing.h"

#define EVENTS_A_ROUND 256
/*
 * Polls of network cards: the longest time, since timers and other connections wait; the kernel's
 * own budget.
 */
#define CARD_POLL_MOST_NS (50 * CLOCK_NS_PER_US)
#define CARD_PACKETS 8
/* While one connection itself is polled, one poll of so many is of all. */
#define POLLS_OF_ALL 8
/* How long to wait for memory that other connections, or other programs, may give back. */
#define MEMORY_RETRY_NS (10 * CLOCK_NS_PER_MS)

static int epoll_probe(char *why, size_t size)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0) {
		int error = errno;

		snprintf(why, size, "epoll_create1: %s", strerror(error));
		return -error;
	}
	close(fd);
	return 0;
}

/*
 * Best effort: without the permission, such a card or such a kernel, only the sockets are polled.
 */
static void poll_cards(const struct epoll_engine *engine, uint64_t busy_poll_ns)
{
	struct epoll_abi_card_poll settings = { .budget = CARD_PACKETS };

	if (busy_poll_ns == 0 || busy_poll_ns == ENGINE_BUSY_POLL_AUTO)
		return;
	settings.time_us = (uint32_t)((busy_poll_ns < CARD_POLL_MOST_NS ? busy_poll_ns
									: CARD_POLL_MOST_NS) /
		CLOCK_NS_PER_US);
	ioctl(engine->epoll_fd, EPOLL_ABI_SET_CARD_POLL, &settings);
}

static int epoll_create_engine(const struct engine_options *options, struct engine **ret_engine)
{
	struct epoll_engine *engine = calloc(1, sizeof(*engine));
	int r;

	if (engine == NULL)
		return -ENOMEM;
	r = core_init(&engine->core, options);
	if (r < 0)
		goto fail_core;
	engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (engine->epoll_fd < 0) {
		r = -errno;
		goto fail_epoll;
	}
	r = epoll_core_watch(engine, EPOLL_CTL_ADD, engine->core.wake_fd, EPOLLIN,
		epoll_core_token(EPOLL_CORE_WAKE, 0));
	if (r < 0)
		goto fail_watch;
	poll_cards(engine, options->busy_poll_ns);
	*ret_engine = &engine->core;
	return 0;

fail_watch:
	close(engine->epoll_fd);
fail_epoll:
	core_fini(&engine->core);
fail_core:
	free(engine);
	return r;
}

static void epoll_destroy(struct engine *core)
{
	struct epoll_engine *engine = (struct epoll_engine *)core;
	static const struct engine_host silent;

	core->host = &silent;
	core->draining = true;
	epoll_datagram_close_all(engine, false);
	conn_cut_all(&core->conns);
	epoll_stream_cut(engine, NULL, NULL);
	free(engine->datagrams);
	close(engine->epoll_fd);
	core_fini(core);
	free(engine);
}

static int epoll_listen(struct engine *core, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct epoll_engine *engine = (struct epoll_engine *)core;

	if (addr_socket_type(scheme) == SOCK_STREAM)
		return epoll_accept_add(engine, fd, scheme, tag);
	return epoll_datagram_add(engine, fd, scheme, tag);
}

static int epoll_adopt(struct engine *core, int fd, enum addr_scheme scheme, unsigned tag)
{
	return epoll_stream_open((struct epoll_engine *)core, fd, scheme, tag);
}

static void epoll_connect(struct engine *core, struct conn *conn)
{
	epoll_stream_connect((struct epoll_engine *)core, conn);
}

static void epoll_nudge(struct engine *core, struct conn *conn)
{
	epoll_stream_nudge((struct epoll_engine *)core, conn);
}

static void epoll_stop_listening(struct engine *core)
{
	struct epoll_engine *engine = (struct epoll_engine *)core;

	epoll_accept_close_all(engine, true);
	epoll_datagram_close_all(engine, true);
}

static void epoll_recheck(struct engine *core)
{
	epoll_accept_recheck((struct epoll_engine *)core);
}

static unsigned epoll_cut(struct engine *core, engine_condemn_fn *condemned, void *context)
{
	struct epoll_engine *engine = (struct epoll_engine *)core;

	if (condemned == NULL)
		epoll_accept_close_all(engine, false); /* those that a drain has kept */
	return epoll_stream_cut(engine, condemned, context);
}

/* When run() has something to do that no event announces; 0: at once. */
static uint64_t next_due_ns(const struct epoll_engine *engine)
{
	const struct engine *core = &engine->core;
	uint64_t next_ns = core_next_ns(core);

	if (!conn_queue_is_empty(&core->conns)) {
		uint64_t soon_ns = engine->memory_short && !engine->busy
			? core->now_ns + MEMORY_RETRY_NS
			: 0;

		if (soon_ns < next_ns)
			next_ns = soon_ns;
	}
	return next_ns;
}

/* To the nanosecond, where the kernel can (Linux 5.11). */
static int wait_exactly(struct epoll_engine *engine, struct epoll_event *events, uint64_t due_ns)
{
	uint64_t now_ns = due_ns == CLOCK_NEVER || due_ns == 0 ? 0 : clock_now_ns();
	uint64_t rest_ns = due_ns > now_ns ? due_ns - now_ns : 0;
	struct timespec limit = {
		.tv_sec = (time_t)(rest_ns / CLOCK_NS_PER_S),
		.tv_nsec = (long)(rest_ns % CLOCK_NS_PER_S),
	};
	int count = epoll_pwait2(engine->epoll_fd, events, EVENTS_A_ROUND,
		due_ns == CLOCK_NEVER ? NULL : &limit, NULL);

	/* EPERM: a container that does not know the call either. */
	if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
		engine->coarse = true;
		count = 0;
	}
	return count;
}

static int poll_events(struct epoll_engine *engine, struct epoll_event *events, int timeout_ms)
{
	return epoll_wait(engine->epoll_fd, events, EVENTS_A_ROUND, timeout_ms);
}

/*
 * Polls until events come or polling is no longer worth it. A connection that was alone in its
 * round is polled itself, which saves epoll_wait(2): if something has come, it is queued, and 0
 * returned.
 */
static int search(struct epoll_engine *engine, struct epoll_event *events, uint64_t due_ns)
{
	struct engine *core = &engine->core;
	bool alone = engine->turn_count == 1, found = false;
	int count = 0;

	do {
		/*
		 * Counted over many searches: a connection that is always ready would hide all
		 * others.
		 */
		if (alone && ++engine->polls % POLLS_OF_ALL != 0)
			found = epoll_stream_poll(engine);
		else
			count = poll_events(engine, events, 0);
	} while (!found && count == 0 && spin_goes_on(&core->spin, due_ns));
	spin_ended(&core->spin, found || count > 0);
	if (found)
		spin_note_traffic(&core->spin, core->now_ns);
	return count;
}

/*
 * Polls, if that is worth it; then sleeps until something comes or is due. Returns as
 * epoll_wait(2).
 */
static int wait_for_events(struct epoll_engine *engine, struct epoll_event *events)
{
	struct engine *core = &engine->core;
	uint64_t due_ns = next_due_ns(engine);

	if (due_ns != 0 && spin_begins(&core->spin)) {
		int count = search(engine, events, due_ns);

		if (count != 0)
			return count;
		if (!conn_queue_is_empty(&core->conns))
			return 0;
	}
	if (core->pace_ns != CLOCK_NEVER && !engine->coarse)
		return wait_exactly(engine, events, due_ns);
	/* A round may have been long: without deadlines the clock need not be read again. */
	return poll_events(engine, events,
		clock_poll_ms(due_ns == CLOCK_NEVER || due_ns == 0 ? core->now_ns : clock_now_ns(),
			due_ns));
}

static void note_event(struct epoll_engine *engine, const struct epoll_event *event)
{
	uint64_t token = event->data.u64;
	uint64_t which = token & ((1ull << CONN_TOKEN_KIND_SHIFT) - 1);
	uint64_t posted;

	switch ((enum epoll_core_kind)(token >> CONN_TOKEN_KIND_SHIFT)) {
	case EPOLL_CORE_STREAM: epoll_stream_ready(engine, token, event->events); break;
	case EPOLL_CORE_LISTENER: epoll_accept_ready(engine, (unsigned)which); break;
	case EPOLL_CORE_DATAGRAM: epoll_datagram_ready(engine, (unsigned)which); break;
	case EPOLL_CORE_WAKE:
		while (read(engine->core.wake_fd, &posted, sizeof(posted)) < 0 && errno == EINTR)
			;
		break;
	}
}

static int epoll_run(struct engine *core)
{
	struct epoll_engine *engine = (struct epoll_engine *)core;
	struct epoll_event events[EVENTS_A_ROUND];

	core_begin_pacing(core);
	while (!core_is_done(core)) {
		int count = wait_for_events(engine, events);

		if (count < 0 && errno != EINTR)
			return -errno;
		core->now_ns = clock_now_ns();
		if (count > 0)
			spin_note_traffic(&core->spin, core->now_ns);
		for (int i = 0; i < count; i++)
			note_event(engine, &events[i]);
		core_run_tasks(core);
		core_pace(core);
		outgoing_retry(core);
		if (core->accept.retry_ns <= core->now_ns)
			epoll_accept_resume(engine);
		epoll_stream_timers(engine);
		epoll_stream_round(engine);
	}
	return 0;
}

const struct engine_ops epoll_engine_ops = {
	.name = "epoll",
	.probe = epoll_probe,
	.explain = epoll_explain,
	.create = epoll_create_engine,
	.destroy = epoll_destroy,
	.listen = epoll_listen,
	.adopt = epoll_adopt,
	.connect = epoll_connect,
	.nudge = epoll_nudge,
	.run = epoll_run,
	.stop_listening = epoll_stop_listening,
	.recheck = epoll_recheck,
	.cut = epoll_cut,
};
