/*
 * Once a round of the engine the pacer keeps the schedule (schedule.c), and reconnects the connections that
 * were lost RETRY_NS ago: it is the same for all, so those that wait form a queue in the order of their times.
 */
#include "bench/generator.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/schedstat.h"
#include "bench/schedule.h"

#define RETRY_NS (100 * CLOCK_NS_PER_MS)
/* Reconnected in one round, at most: then the engine serves its sockets. */
#define BURST 256
/* The same for a first connect, in time: the deadline of the first must not pass before the last. */
#define CONNECTING_NS (20 * CLOCK_NS_PER_MS)

/* One connection of the share, through all its lives; its states are in conn.h and load_conn.h. */
struct member {
	uint64_t name; /* for engine_nudge() */
	bool is_open; /* `name` can be nudged */
	bool settled; /* the first attempt to connect has ended, well or not */
};

struct retry {
	uint32_t index;
	uint64_t due_ns;
};

struct generator {
	struct generator_options options;
	struct engine *engine;
	struct load *load;
	struct secured secured; /* around it, with TLS */
	uint64_t source_next; /* counts connects, so that each has a source of its own */

	/* The thread's own. */
	struct member *members;
	struct retry *retries; /* a ring of load.connections */
	uint32_t unconnected; /* connections before their first connect */
	uint32_t retry_first, retry_count;
	uint64_t retry_not_before_ns; /* out of descriptors or ports: the next will fail as well */
	/* Churn by a schedule: connections without a time (a stack), times without a connection (a ring). */
	uint32_t *idle, idle_count, late_first, late_count;
	uint64_t *late;
	bool begun, stopping;
	struct schedule_host schedule_host;
	struct schedule schedule;
	const struct profile *profile;
	uint64_t start_ns, from_ns, until_ns, given_up;
	int schedstat_fd;

	pthread_t thread;
	bool started;
	struct engine_task connect_task, begin_task, stop_task, cut_task, exchange_task;

	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	struct generator_progress progress;
	bool exchange_wanted;
	struct load_record *fresh;
	struct generator_sample sample;
};

/* Connections are made when the schedule says so. */
static bool is_timed_churn(const struct generator *generator)
{
	return generator->options.load.echoes > 0 && generator->options.load.open_loop;
}

/* ---- on the generator's thread ---- */

static void notify(struct generator *generator)
{
	uint64_t one = 1;

	/* Cannot fail: the counter holds far more than is ever written. */
	if (write(generator->options.event_fd, &one, sizeof(one)) < 0)
		abort();
}

static void note(struct generator *generator, struct member *member, int open_change, int error)
{
	bool all;

	pthread_mutex_lock(&generator->lock);
	member->is_open = open_change > 0;
	generator->progress.open += (uint32_t)open_change;
	generator->progress.reached = generator->progress.reached || open_change > 0;
	if (error < 0)
		generator->progress.error = error;
	all = !member->settled &&
		++generator->progress.settled == generator->options.load.connections;
	pthread_mutex_unlock(&generator->lock);
	member->settled = true;
	if (all)
		notify(generator);
}

static void retry_later(struct generator *generator, uint32_t index)
{
	uint32_t size = generator->options.load.connections;
	uint32_t at = (generator->retry_first + generator->retry_count++) % size;

	generator->retries[at] = (struct retry){ index, clock_now_ns() + RETRY_NS };
	engine_pace_by(generator->engine, generator->retries[at].due_ns);
}

/* False: it failed at once, for a reason of this machine. */
static bool connect_member(struct generator *generator, uint32_t index, uint64_t intended_ns)
{
	const struct generator_options *options = &generator->options;
	struct member *member = &generator->members[index];
	struct engine_connect_options connect = {
		.to = options->to,
		.deadline_ns = clock_after_ns(clock_now_ns(), options->connect_timeout_ns),
		.segment_bytes = load_segment_bytes(&options->load),
		.memory = load_connecting(generator->load, index, intended_ns),
	};
	struct addr from;
	int r;

	if (options->source != NULL &&
		source_at(options->source,
			options->index + generator->source_next++ * options->share_count,
			options->to->scheme, options->to->generic.sa_family, &from))
		connect.from = &from;
	r = engine_connect(generator->engine, &connect, &member->name);
	if (r == 0)
		return true;
	load_not_connected(generator->load, index);
	note(generator, member, 0, r);
	if (is_timed_churn(generator))
		generator->idle[generator->idle_count++] = index;
	else
		retry_later(generator, index);
	return false;
}

static uint64_t take_late(struct generator *generator)
{
	uint64_t intended_ns = generator->late[generator->late_first];

	generator->late_first = (generator->late_first + 1) % generator->options.load.waiting_most;
	generator->late_count--;
	return intended_ns;
}

/* Churn by a schedule: this connection is free for the next one that is due, if one waits already. */
static void take_next(struct generator *generator, uint32_t index)
{
	if (generator->late_count == 0)
		generator->idle[generator->idle_count++] = index;
	else
		connect_member(generator, index, take_late(generator));
}

/* A connection that was due will not be made; its messages are never sent. */
static void give_up_connect(struct generator *generator, uint64_t intended_ns)
{
	load_give_up(generator->load, intended_ns, generator->options.load.echoes);
}

static void connect_on_time(struct generator *generator, uint64_t intended_ns)
{
	uint32_t size = generator->options.load.waiting_most;

	if (generator->idle_count > 0)
		connect_member(generator, generator->idle[--generator->idle_count], intended_ns);
	else if (generator->late_count < size)
		generator->late[(generator->late_first + generator->late_count++) % size] =
			intended_ns;
	else
		give_up_connect(generator, intended_ns);
}

static void note_open(void *context, uint32_t index)
{
	struct generator *generator = context;

	note(generator, &generator->members[index], 1, 0);
}

static void on_opened(void *context, const struct engine_conn *conn)
{
	struct generator *generator = context;

	secured_opening(&generator->secured, conn);
}

static void on_closed(
	void *context, const struct engine_conn *conn, enum engine_close_reason reason, int error)
{
	struct generator *generator = context;
	uint32_t index = secured_closed(&generator->secured, conn, &reason, &error);
	struct member *member = &generator->members[index];
	bool was_open = member->is_open;

	note(generator, member, was_open ? -1 : 0, reason == ENGINE_CLOSE_LOST ? error : 0);
	if (generator->stopping)
		return;
	if (is_timed_churn(generator))
		take_next(generator, index);
	else if (was_open && generator->options.load.echoes > 0)
		connect_member(generator, index, 0);
	else
		retry_later(generator, index);
}

/* In the order of the connections. */
static uint64_t connect_first(struct generator *generator, uint64_t now_ns)
{
	uint32_t connections = generator->options.load.connections;
	uint64_t until_ns = now_ns + CONNECTING_NS;

	while (generator->unconnected > 0) {
		connect_member(generator, connections - generator->unconnected--, 0);
		if (clock_now_ns() >= until_ns)
			return now_ns;
	}
	return CLOCK_NEVER;
}

static uint64_t reconnect(struct generator *generator, uint64_t now_ns)
{
	if (generator->retry_count > 0 && now_ns < generator->retry_not_before_ns)
		return generator->retry_not_before_ns;
	for (unsigned i = 0; generator->retry_count > 0; i++) {
		struct retry *retry = &generator->retries[generator->retry_first];

		if (retry->due_ns > now_ns || i == BURST)
			return retry->due_ns;
		generator->retry_first = (generator->retry_first + 1) %
			generator->options.load.connections;
		generator->retry_count--;
		if (!connect_member(generator, retry->index, 0)) {
			generator->retry_not_before_ns = now_ns + RETRY_NS;
			return generator->retry_not_before_ns;
		}
	}
	return CLOCK_NEVER;
}

/* A message, or in churn a connection, is due. */
static void on_due(void *context, uint64_t due_ns, uint64_t now_ns)
{
	struct generator *generator = context;
	uint32_t index;

	if (is_timed_churn(generator)) {
		connect_on_time(generator, due_ns);
		return;
	}
	index = load_offer(generator->load, due_ns, now_ns);
	if (index != LOAD_NO_CONN)
		engine_nudge(generator->engine, generator->members[index].name);
}

static void on_given_up(void *context, uint64_t due_ns, uint64_t count)
{
	struct generator *generator = context;

	if (is_timed_churn(generator))
		count *= generator->options.load.echoes;
	generator->given_up += count;
	load_give_up(generator->load, due_ns, count);
}

static void nudge_open(struct generator *generator)
{
	for (uint32_t i = 0; i < generator->options.load.connections; i++)
		if (generator->members[i].is_open)
			engine_nudge(generator->engine, generator->members[i].name);
}

/* The load begins, if its time has come. When to come again. */
static uint64_t begin_load(struct generator *generator, uint64_t now_ns)
{
	if (now_ns < generator->start_ns)
		return generator->start_ns;
	pthread_mutex_lock(&generator->lock);
	generator->progress.began_ns = now_ns;
	pthread_mutex_unlock(&generator->lock);
	if (load_release(generator->load))
		nudge_open(generator);
	return CLOCK_NEVER;
}

static uint64_t on_pace(void *context, struct engine *engine, uint64_t now_ns)
{
	struct generator *generator = context;
	uint64_t retry_ns = CLOCK_NEVER, due_ns = CLOCK_NEVER;

	if (generator->stopping)
		return CLOCK_NEVER;
	if (generator->unconnected > 0)
		retry_ns = connect_first(generator, now_ns);
	if (generator->unconnected == 0)
		retry_ns = reconnect(generator, now_ns);
	if (generator->begun && generator->progress.began_ns == 0)
		due_ns = begin_load(generator, now_ns);
	if (generator->begun && due_ns == CLOCK_NEVER)
		due_ns = schedule_keep(&generator->schedule, now_ns);
	return due_ns < retry_ns ? due_ns : retry_ns;
}

static int on_connected(void *context, const struct engine_conn *conn)
{
	struct generator *generator = context;

	return send_proxy(generator->options.proxy, conn->fd, conn->scheme);
}

static const struct engine_host host = {
	.connected = on_connected,
	.opened = on_opened,
	.closed = on_closed,
	.pace = on_pace,
};

static struct generator *generator_of(struct engine_task *task, size_t offset)
{
	return (struct generator *)((char *)task - offset);
}

static void run_connect(struct engine *engine, struct engine_task *task)
{
	struct generator *generator = generator_of(task, offsetof(struct generator, connect_task));
	uint32_t connections = generator->options.load.connections;

	if (!is_timed_churn(generator))
		generator->unconnected = connections; /* the pacer makes them */
	for (uint32_t i = 0; is_timed_churn(generator) && i < connections; i++) {
		generator->idle[generator->idle_count++] = i;
		note(generator, &generator->members[i], 0, 0);
	}
}

static void run_begin(struct engine *engine, struct engine_task *task)
{
	struct generator *generator = generator_of(task, offsetof(struct generator, begin_task));
	struct pace pace;

	load_set_window(generator->load, generator->from_ns, generator->until_ns);
	generator->begun = true;
	if (generator->profile == NULL)
		return;
	pace_init(&pace, generator->profile, generator->options.arrivals, generator->options.seed,
		generator->options.index, generator->options.share_count);
	schedule_begin(&generator->schedule, &pace, generator->start_ns);
}

static void run_stop(struct engine *engine, struct engine_task *task)
{
	struct generator *generator = generator_of(task, offsetof(struct generator, stop_task));
	uint64_t now_ns = clock_now_ns(),
		 until_ns = now_ns < generator->until_ns ? now_ns : generator->until_ns;

	if (generator->begun) {
		load_set_window(generator->load, generator->from_ns, until_ns);
		schedule_end(&generator->schedule, until_ns);
	}
	generator->stopping = true;
	load_stop(generator->load);
	nudge_open(generator);
	engine_drain(engine);
}

static void run_cut(struct engine *engine, struct engine_task *task)
{
	struct generator *generator = generator_of(task, offsetof(struct generator, cut_task));

	generator->stopping = true;
	engine_cut(engine);
}

static void run_exchange(struct engine *engine, struct engine_task *task)
{
	struct generator *generator = generator_of(task, offsetof(struct generator, exchange_task));
	struct generator_sample sample = {
		.record = load_exchange(generator->load, generator->fresh),
		.at_ns = clock_now_ns(),
		.cpu_ns = schedstat_ran_ns(),
		.delay_ns = schedstat_waited_ns(generator->schedstat_fd),
	};

	pthread_mutex_lock(&generator->lock);
	generator->sample = sample;
	generator->exchange_wanted = false;
	pthread_cond_broadcast(&generator->changed);
	pthread_mutex_unlock(&generator->lock);
}

static void *run_thread(void *context)
{
	struct generator *generator = context;
	int result;

	generator->schedstat_fd = schedstat_open();
	result = engine_run(generator->engine);
	pthread_mutex_lock(&generator->lock);
	generator->progress.ended = true; /* from here on nothing is posted */
	generator->progress.result = result;
	pthread_mutex_unlock(&generator->lock);
	engine_run_tasks(generator->engine);
	if (generator->schedstat_fd >= 0)
		close(generator->schedstat_fd);
	generator->schedstat_fd = -1;
	notify(generator);
	return NULL;
}

/* ---- on the main thread ---- */

static int new_parts(struct generator *generator)
{
	const struct generator_options *options = &generator->options;
	struct engine_options engine_options = {
		.pool_bytes = ENGINE_DEFAULT_POOL_BYTES,
		.busy_poll_ns = options->busy_poll_ns,
	};
	uint32_t connections = options->load.connections;
	int r;

	generator->members = calloc(connections, sizeof(struct member));
	generator->retries = calloc(connections, sizeof(struct retry));
	generator->idle = calloc(connections, sizeof(uint32_t));
	if (generator->members == NULL || generator->retries == NULL || generator->idle == NULL)
		return -ENOMEM;
	if (is_timed_churn(generator)) {
		generator->late = calloc(options->load.waiting_most, sizeof(uint64_t));
		if (generator->late == NULL)
			return -ENOMEM;
	}
	r = schedule_init(&generator->schedule, &generator->schedule_host);
	if (r == 0)
		r = load_new(&options->load, &generator->load);
	if (r == 0)
		r = secured_init(
			&generator->secured, &options->tls, generator->load, note_open, generator);
	if (r == 0)
		r = engine_new(options->engine, &engine_options,
			secured_protocol(&generator->secured), &host, generator,
			&generator->engine);
	return r;
}

int generator_new(const struct generator_options *options, struct generator **ret_generator)
{
	struct generator *generator = calloc(1, sizeof(*generator));
	int r;

	if (generator == NULL)
		return -ENOMEM;
	generator->options = *options;
	generator->schedstat_fd = -1;
	generator->schedule_host = (struct schedule_host){
		.hand_out = on_due,
		.give_up = on_given_up,
		.clock = clock_now_ns,
		.context = generator,
	};
	generator->connect_task.run = run_connect;
	generator->begin_task.run = run_begin;
	generator->stop_task.run = run_stop;
	generator->cut_task.run = run_cut;
	generator->exchange_task.run = run_exchange;
	r = -pthread_mutex_init(&generator->lock, NULL);
	if (r < 0)
		goto fail_lock;
	r = -pthread_cond_init(&generator->changed, NULL);
	if (r < 0)
		goto fail_cond;
	r = new_parts(generator);
	if (r < 0) {
		generator_free(generator);
		return r;
	}
	*ret_generator = generator;
	return 0;

fail_cond:
	pthread_mutex_destroy(&generator->lock);
fail_lock:
	free(generator);
	return r;
}

/* Posts unless the thread is past its end. */
static void post(struct generator *generator, struct engine_task *task)
{
	pthread_mutex_lock(&generator->lock);
	if (generator->started && !generator->progress.ended)
		engine_post(generator->engine, task);
	pthread_mutex_unlock(&generator->lock);
}

int generator_start(struct generator *generator)
{
	int r = -pthread_create(&generator->thread, NULL, run_thread, generator);

	generator->started = r == 0;
	if (r == 0)
		post(generator, &generator->connect_task);
	return r;
}

struct generator_progress generator_progress(struct generator *generator)
{
	struct generator_progress progress;

	pthread_mutex_lock(&generator->lock);
	progress = generator->progress;
	pthread_mutex_unlock(&generator->lock);
	return progress;
}

void generator_begin(struct generator *generator, const struct profile *profile, uint64_t start_ns,
	uint64_t from_ns, uint64_t until_ns)
{
	/* The thread reads these in the task; posting it orders the two. */
	generator->profile = profile;
	generator->start_ns = start_ns;
	generator->from_ns = from_ns;
	generator->until_ns = until_ns;
	post(generator, &generator->begin_task);
}

void generator_exchange(
	struct generator *generator, struct load_record *fresh, struct generator_sample *ret_sample)
{
	pthread_mutex_lock(&generator->lock);
	generator->fresh = fresh;
	if (generator->started && !generator->progress.ended) {
		generator->exchange_wanted = true;
		engine_post(generator->engine, &generator->exchange_task);
		while (generator->exchange_wanted)
			pthread_cond_wait(&generator->changed, &generator->lock);
	} else {
		/* Nothing is recorded any more; the thread's times stay what they were. */
		generator->sample.record = load_exchange(generator->load, fresh);
		generator->sample.at_ns = clock_now_ns();
	}
	*ret_sample = generator->sample;
	pthread_mutex_unlock(&generator->lock);
}

void generator_stop(struct generator *generator)
{
	post(generator, &generator->stop_task);
}

void generator_cut(struct generator *generator)
{
	post(generator, &generator->cut_task);
}

int generator_join(struct generator *generator)
{
	if (!generator->started)
		return 0;
	pthread_join(generator->thread, NULL);
	generator->started = false;
	return generator->progress.result;
}

const struct histogram *generator_conclude(struct generator *generator)
{
	while (generator->late_count > 0)
		give_up_connect(generator, take_late(generator));
	load_conclude(generator->load);
	return generator->schedule.lag;
}

uint64_t generator_given_up(const struct generator *generator)
{
	return generator->given_up;
}

void generator_free(struct generator *generator)
{
	if (generator == NULL)
		return;
	engine_free(generator->engine);
	secured_fini(&generator->secured);
	load_free(generator->load);
	schedule_fini(&generator->schedule);
	free(generator->members);
	free(generator->retries);
	free(generator->idle);
	free(generator->late);
	pthread_cond_destroy(&generator->changed);
	pthread_mutex_destroy(&generator->lock);
	free(generator);
}
