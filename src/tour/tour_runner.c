/*
 * A thread that waits is called off by a signal without a handler's work and without SA_RESTART: its call
 * fails with EINTR. The signal is sent again until the thread is idle, because it may come just before
 * the call.
 *
 * Whether a thread that has not returned really waits is asked of /proc/self/task/TID/syscall, which says
 * "running" of one that does not sleep. It waits only if the other workers sleep, too: what it waits for may be about
 * to be done by one that has no processor yet. Where that file is not there, the time alone decides.
 *
 * /proc/self/task/TID/schedstat says how long the workers were ready while the processors did something else: that
 * is the machine's time, and not the call's.
 */
#include "tour/tour_runner.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tour/tour_call.h"

#define CALL_OFF_SIGNAL SIGUSR1
#define LOOK_MS 10
/* A thread that runs all the while (a loop, a busy machine) is given so much longer. */
#define PATIENCE_FACTOR 40

enum state { IDLE, CALLING, RETURNED };

struct worker {
	struct tour_runner *runner;
	enum tour_who who;
	pthread_t thread;
	bool started;
	int syscall_file, schedstat_file; /* -1: not there */
	enum state state;
	bool waits; /* it was seen waiting */
	struct tour_call call;
	int64_t result;
	double ms, delay_ms;
};

struct tour_runner {
	struct tour_world *world;
	struct tour_log *log;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ends;
	struct worker workers[TOUR_WORKERS];
};

static void do_nothing(int number)
{
	(void)number;
}

static void set_up_signals(void)
{
	struct sigaction action = { .sa_handler = do_nothing }; /* no SA_RESTART */
	sigset_t mine;

	sigaction(CALL_OFF_SIGNAL, &action, NULL);
	/* Those of the terminal are for the main thread; SIGPIPE comes to the thread that sends. */
	sigfillset(&mine);
	sigdelset(&mine, CALL_OFF_SIGNAL);
	sigdelset(&mine, SIGPIPE);
	pthread_sigmask(SIG_SETMASK, &mine, NULL);
}

/* A file about the calling thread. */
static int open_thread_file(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/%s", (long)syscall(SYS_gettid), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? tour_world_move_up(fd) : -1;
}

/* All workers' together. */
static double read_delay_ms(const struct tour_runner *runner)
{
	double sum_ms = 0;

	for (size_t i = 0; i < TOUR_WORKERS; i++) {
		char text[128];
		int fd = runner->workers[i].schedstat_file;
		ssize_t length = fd >= 0 ? pread(fd, text, sizeof(text) - 1, 0) : -1;
		unsigned long long delay_ns;

		text[length > 0 ? length : 0] = '\0';
		if (sscanf(text, "%*u %llu", &delay_ns) == 1)
			sum_ms += (double)delay_ns / (double)CLOCK_NS_PER_MS;
	}
	return sum_ms;
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct tour_runner *runner = worker->runner;

	set_up_signals();
	tour_log_speak_as(runner->log, worker->who);
	pthread_mutex_lock(&runner->lock);
	worker->syscall_file = open_thread_file("syscall");
	worker->schedstat_file = open_thread_file("schedstat");
	worker->started = true;
	pthread_cond_broadcast(&runner->changed);
	for (;;) {
		while (!runner->ends && worker->state != CALLING)
			pthread_cond_wait(&runner->changed, &runner->lock);
		if (runner->ends)
			break;

		struct tour_call call = worker->call;

		pthread_mutex_unlock(&runner->lock);

		double delay_ms = read_delay_ms(runner);
		uint64_t start_ns = clock_now_ns();
		int64_t result = tour_call_make(runner->world, &call);
		double ms = (double)(clock_now_ns() - start_ns) / (double)CLOCK_NS_PER_MS;

		delay_ms = read_delay_ms(runner) - delay_ms;
		pthread_mutex_lock(&runner->lock);
		/* A loop of the other side may be waiting for just this. */
		if (worker->waits)
			atomic_store(&runner->world->drain_ends, true);
		worker->result = result;
		worker->ms = ms;
		worker->delay_ms = delay_ms;
		worker->state = RETURNED;
		pthread_cond_broadcast(&runner->changed);
	}
	pthread_mutex_unlock(&runner->lock);
	return NULL;
}

int tour_runner_new(struct tour_world *world, struct tour_log *log, struct tour_runner **ret_runner)
{
	struct tour_runner *runner = calloc(1, sizeof(*runner));
	pthread_condattr_t attributes;
	int r = 0;

	if (runner == NULL)
		return -ENOMEM;
	runner->world = world;
	runner->log = log;
	pthread_mutex_init(&runner->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&runner->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	/* One after the other: each opens a file, and the numbers must be free when the tour begins. */
	for (size_t i = 0; i < TOUR_WORKERS && r == 0; i++) {
		struct worker *worker = &runner->workers[i];

		*worker = (struct worker){ .runner = runner,
			.who = (enum tour_who)i,
			.syscall_file = -1,
			.schedstat_file = -1 };
		r = -pthread_create(&worker->thread, NULL, work, worker);
		pthread_mutex_lock(&runner->lock);
		while (r == 0 && !worker->started)
			pthread_cond_wait(&runner->changed, &runner->lock);
		pthread_mutex_unlock(&runner->lock);
	}
	if (r < 0) {
		tour_runner_free(runner);
		return r;
	}
	*ret_runner = runner;
	return 0;
}

void tour_runner_free(struct tour_runner *runner)
{
	if (runner == NULL)
		return;
	tour_runner_call_off(runner);
	pthread_mutex_lock(&runner->lock);
	runner->ends = true;
	pthread_cond_broadcast(&runner->changed);
	pthread_mutex_unlock(&runner->lock);
	for (size_t i = 0; i < TOUR_WORKERS; i++) {
		if (!runner->workers[i].started)
			continue;
		pthread_join(runner->workers[i].thread, NULL);
		if (runner->workers[i].syscall_file >= 0)
			close(runner->workers[i].syscall_file);
		if (runner->workers[i].schedstat_file >= 0)
			close(runner->workers[i].schedstat_file);
	}
	pthread_cond_destroy(&runner->changed);
	pthread_mutex_destroy(&runner->lock);
	free(runner);
}

/* With the lock held. */
static void wait_a_little(struct tour_runner *runner, uint64_t ms)
{
	uint64_t until_ns = clock_now_ns() + ms * CLOCK_NS_PER_MS;
	struct timespec until = { .tv_sec = (time_t)(until_ns / CLOCK_NS_PER_S),
		.tv_nsec = (long)(until_ns % CLOCK_NS_PER_S) };

	pthread_cond_timedwait(&runner->changed, &runner->lock, &until);
}

static bool sleeps_in_the_kernel(const struct worker *worker)
{
	char text[64];
	ssize_t length;

	if (worker->syscall_file < 0)
		return true;
	length = pread(worker->syscall_file, text, sizeof(text) - 1, 0);
	if (length <= 0)
		return true;
	text[length] = '\0';
	return strncmp(text, "running", strlen("running")) != 0;
}

/* With the lock held: no call of any worker can go on by itself. */
static bool all_sleep(const struct tour_runner *runner)
{
	for (size_t i = 0; i < TOUR_WORKERS; i++) {
		const struct worker *worker = &runner->workers[i];

		if (worker->state == CALLING && !sleeps_in_the_kernel(worker))
			return false;
	}
	return true;
}

/* With the lock held: false: it still calls when the time is over. */
static bool wait_for_return(struct tour_runner *runner, struct worker *worker, unsigned patience_ms)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t soon_ns = now_ns + patience_ms * CLOCK_NS_PER_MS;
	uint64_t late_ns = now_ns + patience_ms * PATIENCE_FACTOR * CLOCK_NS_PER_MS;

	while (worker->state == CALLING) {
		now_ns = clock_now_ns();
		if (now_ns >= late_ns || (now_ns >= soon_ns && all_sleep(runner)))
			return false;
		wait_a_little(runner, LOOK_MS);
	}
	return true;
}

/* With the lock held. */
static struct tour_outcome collect(struct worker *worker)
{
	worker->state = IDLE;
	worker->waits = false;
	return (struct tour_outcome){
		.result = worker->result, .ms = worker->ms, .delay_ms = worker->delay_ms
	};
}

bool tour_runner_is_busy(struct tour_runner *runner, enum tour_who who)
{
	pthread_mutex_lock(&runner->lock);

	bool busy = runner->workers[who].state != IDLE;

	pthread_mutex_unlock(&runner->lock);
	return busy;
}

struct tour_outcome tour_runner_make(
	struct tour_runner *runner, const struct tour_call *call, unsigned patience_ms)
{
	struct worker *worker = &runner->workers[call->who];
	struct tour_outcome outcome = { .result = -EBUSY };
	char text[TOUR_EVENT_TEXT];

	pthread_mutex_lock(&runner->lock);
	if (worker->state == IDLE) {
		tour_call_describe(runner->world, call, text, sizeof(text));
		if (call->op != TOUR_OP_DRAIN)
			atomic_store(&runner->world->drain_ends, false);
		worker->call = *call;
		worker->state = CALLING;
		pthread_cond_broadcast(&runner->changed);
		if (wait_for_return(runner, worker, patience_ms))
			outcome = collect(worker);
		else {
			worker->waits = true;
			outcome = (struct tour_outcome){ .waits = true };
		}
	}
	pthread_mutex_unlock(&runner->lock);
	if (outcome.waits)
		tour_log_add_waiting(runner->log, call->who, text);
	return outcome;
}

bool tour_runner_collect(struct tour_runner *runner, enum tour_who who, unsigned patience_ms,
	struct tour_outcome *ret_outcome)
{
	struct worker *worker = &runner->workers[who];
	bool returned;

	pthread_mutex_lock(&runner->lock);
	returned = worker->state != IDLE && wait_for_return(runner, worker, patience_ms);
	if (returned)
		*ret_outcome = collect(worker);
	pthread_mutex_unlock(&runner->lock);
	return returned;
}

void tour_runner_call_off(struct tour_runner *runner)
{
	pthread_mutex_lock(&runner->lock);
	for (size_t i = 0; i < TOUR_WORKERS; i++) {
		struct worker *worker = &runner->workers[i];

		while (worker->state == CALLING) {
			pthread_kill(worker->thread, CALL_OFF_SIGNAL);
			wait_a_little(runner, LOOK_MS);
		}
		worker->state = IDLE;
		worker->waits = false;
	}
	pthread_mutex_unlock(&runner->lock);
}
