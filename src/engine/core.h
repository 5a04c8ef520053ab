/*
 * What every engine is made of: the part of `struct engine` that all implementations share. For
 * engine/ only; others see engine.h.
 */
#pragma once

#include <pthread.h>

#include "engine/buffer.h"
#include "engine/conn.h"
#include "engine/engine.h"
#include "engine/spin.h"
#include "engine/timer.h"

struct engine {
	const struct engine_ops *ops;
	struct protocol *protocol;
	const struct engine_host *host;
	void *context;
	struct engine_options options;

	struct buffer_pool pool;
	struct conn_table conns;
	struct timer_wheel timers;
	struct spin spin;
	uint64_t now_ns; /* taken once a round: cheap, and the same for all its events */

	bool draining;
	bool listening; /* while draining: somebody waits for whom there was no descriptor */

	pthread_mutex_t tasks_lock;
	struct engine_task *tasks_first, **tasks_last;
};

/* For implementations: fills and empties the shared part. */
int core_init(struct engine *engine, const struct engine_options *options);
void core_fini(struct engine *engine);

/* Runs what was posted. */
void core_run_tasks(struct engine *engine);

/* True when run() has nothing left to do. */
bool core_is_done(const struct engine *engine);
