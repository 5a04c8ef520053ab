/*
 * The shared part of all engines: beginning, end, and the tasks that other threads post.
 */
#include "engine/core.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/datagram.h"
#include "engine/outgoing.h"

int core_init(struct engine *engine, const struct engine_options *options)
{
	int r = -pthread_mutex_init(&engine->tasks_lock, NULL);

	if (r < 0)
		return r;
	/* Not non-blocking: io_uring would give up at once, instead of waiting for it. */
	engine->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (engine->wake_fd < 0) {
		r = -errno;
		pthread_mutex_destroy(&engine->tasks_lock);
		return r;
	}
	engine->options = *options;
	engine->tasks_last = &engine->tasks_first;
	engine->outgoing_last = &engine->outgoing_first;
	engine->outgoing_retry_ns = CLOCK_NEVER;
	engine->pace_ns = CLOCK_NEVER;
	engine->now_ns = clock_now_ns();
	buffer_pool_init(&engine->pool, options->pool_bytes);
	bulk_pipe_pool_init(&engine->pipes, &engine->pool, options->splice);
	conn_table_init(&engine->conns);
	timer_wheel_init(&engine->timers, engine->now_ns);
	spin_init(&engine->spin, options->busy_poll_ns);
	accept_init(&engine->accept);
	return 0;
}

void core_fini(struct engine *engine)
{
	datagram_batch_free(engine->datagram_batch);
	postponed_fini(&engine->postponed);
	outgoing_fini(engine);
	accept_fini(&engine->accept);
	conn_table_fini(&engine->conns);
	bulk_pipe_pool_fini(&engine->pipes);
	buffer_pool_fini(&engine->pool);
	close(engine->wake_fd);
	pthread_mutex_destroy(&engine->tasks_lock);
}

void core_block_sigpipe(struct engine *engine)
{
	sigset_t set;

	if (engine->pipes.off)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		engine->pipes.off = true;
}

void core_begin_pacing(struct engine *engine)
{
	if (engine->host->pace == NULL)
		return;
	engine->pace_ns = 0;
	/*
	 * A thread's waits may end 50 us late unless it asks for better: PR_SET_TIMERSLACK(2const).
	 */
	prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
}

void core_wake(struct engine *engine)
{
	uint64_t one = 1;

	/* Cannot fail otherwise: the counter holds far more than is ever posted. */
	while (write(engine->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void core_run_tasks(struct engine *engine)
{
	pthread_mutex_lock(&engine->tasks_lock);
	struct engine_task *list = engine->tasks_first;

	engine->tasks_first = NULL;
	engine->tasks_last = &engine->tasks_first;
	pthread_mutex_unlock(&engine->tasks_lock);

	while (list != NULL) {
		struct engine_task *task = list;

		list = task->next; /* the task is its owner's again as soon as it runs */
		task->run(engine, task);
	}
}

bool core_is_done(const struct engine *engine)
{
	/*
	 * A listener may be open even so: a connection is pending for which there is no descriptor.
	 */
	return engine->draining && engine->accept.open_count == 0 && engine->conns.open_count == 0;
}
