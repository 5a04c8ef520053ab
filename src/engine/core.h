/*
 * The part of `struct engine` that all implementations share. For engine/ only; others see
 * engine.h.
 */
#pragma once

#include <pthread.h>

#include "engine/accept.h"
#include "engine/buffer.h"
#include "engine/bulk_pipe.h"
#include "engine/conn.h"
#include "engine/engine.h"
#include "engine/postponed.h"
#include "engine/spin.h"
#include "engine/timer.h"

struct datagram_batch;
struct outgoing;

struct engine {
	const struct engine_ops *ops;
	struct protocol *protocol;
	const struct engine_host *host;
	void *context;
	struct engine_options options;

	struct buffer_pool pool;
	struct bulk_pipe_pool pipes;
	struct conn_table conns;
	struct timer_wheel timers;
	struct spin spin;
	struct postponed postponed; /* answers to datagrams */
	struct datagram_batch *datagram_batch; /* for all datagram sockets; see datagram.h */
	struct accept accept;
	uint64_t now_ns; /* read once a round: cheap, and the same for all its events */

	bool draining;

	uint64_t pace_ns; /* when the pacer wants to be called; CLOCK_NEVER where there is none */
	/* Connections that wait for a place in a backlog, in order; see outgoing.h. */
	struct outgoing *outgoing_first, **outgoing_last;
	uint64_t outgoing_retry_ns;

	int wake_fd; /* eventfd(2): readable when something was posted */
	pthread_mutex_t tasks_lock;
	struct engine_task *tasks_first, **tasks_last;
};

/* For implementations: sets up and releases the shared part. core_init: -errno. */
int core_init(struct engine *engine, const struct engine_options *options);
void core_fini(struct engine *engine);

/* Before run(): a thread that splices must not die of a peer that is gone. */
void core_block_sigpipe(struct engine *engine);

/* At the begin of run(): the pacer is called in the first round, and waits end in time for it. */
void core_begin_pacing(struct engine *engine);
/* Once a round, after its events were noted and before connections have their turns. */
static inline void core_pace(struct engine *engine)
{
	if (__builtin_expect(engine->host->pace != NULL, 0))
		engine->pace_ns = engine->host->pace(engine->context, engine, engine->now_ns);
}
/* When something of the shared part is to be done next. */
static inline uint64_t core_next_ns(const struct engine *engine)
{
	uint64_t next_ns = timer_next_ns(&engine->timers);

	if (engine->pace_ns < next_ns)
		next_ns = engine->pace_ns;
	if (engine->outgoing_retry_ns < next_ns)
		next_ns = engine->outgoing_retry_ns;
	if (engine->accept.retry_ns < next_ns)
		next_ns = engine->accept.retry_ns;
	return next_ns;
}

/* Any thread: makes run() check for tasks. */
void core_wake(struct engine *engine);
/* Runs what was posted; wake_fd must have been read before, so that none posted after is missed. */
void core_run_tasks(struct engine *engine);

/* True when run() has nothing left to do. */
bool core_is_done(const struct engine *engine);
