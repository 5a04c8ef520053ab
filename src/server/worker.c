/*
 * A worker's thread does nothing but run its engine. What the engine reports to its host is counted here,
 * and logged where that was asked for.
 */
#include "server/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/cpus.h"
#include "base/i18n.h"
#include "base/log.h"
#include "net/socket.h"
#include "server/admission/conn_log.h"
#include "server/admission/gate.h"
#include "server/admission/gate_host.h"
#include "server/listener_trouble.h"
#include "server/stack.h"
#include "server/tuning.h"

#define START_PATIENCE_NS (30 * CLOCK_NS_PER_S) /* for an engine to begin */
/* For any answer: a thread that was asked before may have used all the time that they share. */
#define LEAST_PATIENCE_NS (100 * CLOCK_NS_PER_MS)

struct worker {
	struct gate gate; /* first: see gate_host.h */
	struct worker_options options;
	struct engine *engine;
	struct record record; /* written by the thread alone, but for its copy */
	struct stack stack; /* the echo, and what the options ask for around it */
	bool gated, ruled;
	struct peer_rule peer_rule; /* where options.peer_rule asks for it */
	struct engine_host host;
	struct conn_log conn_log;

	pthread_t thread;
	bool started;
	int result;

	struct engine_task drain_task, cut_task, check_task;
	struct engine_task snapshot_task, roster_task, access_task, own_task;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	bool finished, check_posted;
	/* Posted and not yet done; the main thread may have given up waiting for it. */
	bool snapshot_wanted, roster_wanted, access_wanted, own_wanted;
	unsigned looks; /* connections that the next snapshot looks at */
	struct roster roster; /* its list is ours until it is asked for */
	const struct access *next_access;
	const struct own_addresses *next_own;
};

_Static_assert(offsetof(struct worker, gate) == 0, "the host's context begins with the gate");

/* ---- on the worker's thread ---- */

static void on_opened(void *context, const struct engine_conn *conn)
{
	struct worker *worker = context;

	worker->record.counters[conn->tag].connections_accepted++;
	lives_opened(&worker->record.lives, conn->slot);
	conn_log_opened(&worker->conn_log, conn, gate_client(&worker->gate, conn));
	if (worker->gated)
		gate_opened(&worker->gate, conn);
	secure_opened(&worker->stack.secure, conn, gate_client(&worker->gate, conn));
}

static void on_looped(void *context, int32_t peer_port)
{
	struct worker *worker = context;

	gate_looped(&worker->gate, peer_port);
}

static void on_paused(void *context)
{
	struct worker *worker = context;

	gate_slowed(&worker->gate);
}

static void on_closed(
	void *context, const struct engine_conn *conn, enum engine_close_reason reason, int error)
{
	struct worker *worker = context;
	struct engine_conn plain, inner;
	struct stack_memory memory;

	if (gate_waits_for_header(&worker->gate, conn)) {
		gate_abandoned(&worker->gate, conn);
		return; /* it was never accepted, as far as clients are counted */
	}
	plain = secure_judge(&worker->stack.secure, conn, &reason, &error);
	memory = stack_look(&worker->stack, conn);
	inner = plain;
	inner.protocol = memory.echo;
	gate_speak_of(&worker->gate, memory.tag);
	if (reason == ENGINE_CLOSE_DONE &&
		(memory.ending != GUARD_NOT_ENDED || memory.ended_by_fault))
		reason = ENGINE_CLOSE_CUT; /* it was not the peer's end of stream */
	switch (reason) {
	case ENGINE_CLOSE_DONE: worker->gate.counters->connections_finished++; break;
	case ENGINE_CLOSE_LOST: worker->gate.counters->connections_lost++; break;
	case ENGINE_CLOSE_CUT: worker->gate.counters->connections_cut++; break;
	}
	worker->gate.counters->bytes_dropped += echo_pending_bytes(inner.protocol);
	lives_closed(
		&worker->record.lives, conn->slot, memory.tag, echo_received_bytes(inner.protocol));
	conn_log_closed(&worker->conn_log, &inner, reason, error);
	if (worker->gated)
		gate_closed(&worker->gate, &plain, memory.ending);
	stack_forget(&worker->stack, conn);
}

static void on_accept_paused(void *context, int error)
{
	struct worker *worker = context;

	worker->record.counters[0].accept_pauses++; /* of all listeners */
	conn_log_paused(&worker->conn_log, error);
}

static void on_accept_mended(void *context, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct worker *worker = context;

	listener_trouble_mended(worker->options.listeners_logged, tag, fd, scheme);
}

static void on_listener_lost(void *context, unsigned tag)
{
	struct worker *worker = context;

	listener_trouble_lost(worker->options.listeners_logged, tag, worker->options.listeners);
}

static struct worker *worker_of(struct engine_task *task, size_t offset)
{
	return (struct worker *)((char *)task - offset);
}

static void answer(struct worker *worker, bool *wanted)
{
	pthread_mutex_lock(&worker->lock);
	*wanted = false;
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
}

static void run_drain(struct engine *engine, struct engine_task *task)
{
	engine_drain(engine);
}

static void run_cut(struct engine *engine, struct engine_task *task)
{
	engine_cut(engine);
}

static void run_check(struct engine *engine, struct engine_task *task)
{
	struct worker *worker = worker_of(task, offsetof(struct worker, check_task));

	pthread_mutex_lock(&worker->lock);
	worker->check_posted = false; /* a server that goes from here on is worth another check */
	pthread_mutex_unlock(&worker->lock);
	engine_recheck(engine);
}

/* What the census must know. */
static void know(void *context, const struct engine_conn *conn, struct census_fact *ret_fact)
{
	const struct worker *worker = context;
	const struct stack_memory memory = stack_look(&worker->stack, conn);

	*ret_fact = (struct census_fact){
		.opened_ns = lives_opened_ns(&worker->record.lives, conn->slot),
		.listener = memory.tag,
		.received_bytes = echo_received_bytes(memory.echo),
		.pending_bytes = echo_pending_bytes(memory.echo),
	};
}

static void run_snapshot(struct engine *engine, struct engine_task *task)
{
	struct worker *worker = worker_of(task, offsetof(struct worker, snapshot_task));

	pthread_mutex_lock(&worker->lock);
	if (worker->looks > 0)
		census_take(&worker->record.census, engine, worker->looks, know, worker);
	worker->looks = 0;
	record_copy(&worker->record);
	if (worker->options.shown)
		record_measure(&worker->record.copied_thread);
	pthread_mutex_unlock(&worker->lock);
	answer(worker, &worker->snapshot_wanted);
}

static bool list_one(void *context, const struct engine_conn *conn)
{
	struct worker *worker = context;
	struct engine_conn inner = *conn;

	inner.protocol = stack_look(&worker->stack, conn).echo;
	return roster_add(&worker->roster, &inner, gate_client(&worker->gate, conn));
}

static void run_roster(struct engine *engine, struct engine_task *task)
{
	struct worker *worker = worker_of(task, offsetof(struct worker, roster_task));

	pthread_mutex_lock(&worker->lock);
	json_decref(worker->roster.list);
	worker->roster.list = json_array();
	worker->roster.open = engine_count(engine);
	engine_visit(engine, list_one, worker);
	pthread_mutex_unlock(&worker->lock);
	answer(worker, &worker->roster_wanted);
}

static bool is_condemned(void *context, const struct engine_conn *conn)
{
	struct worker *worker = context;

	gate_speak_of(&worker->gate, stack_look(&worker->stack, conn).tag);
	return gate_condemns(&worker->gate, conn);
}

static void run_access(struct engine *engine, struct engine_task *task)
{
	struct worker *worker = worker_of(task, offsetof(struct worker, access_task));

	pthread_mutex_lock(&worker->lock);
	worker->gate.access = worker->next_access;
	pthread_mutex_unlock(&worker->lock);
	engine_cut_some(engine, is_condemned, worker);
	/* Its limits may be others now; one that is silent would never check them. */
	if (worker->stack.guarded) {
		guard_set_limits(&worker->stack.guard, worker->options.guard);
		engine_nudge_all(engine);
	}
	answer(worker, &worker->access_wanted);
}

static void run_own(struct engine *engine, struct engine_task *task)
{
	struct worker *worker = worker_of(task, offsetof(struct worker, own_task));

	pthread_mutex_lock(&worker->lock);
	worker->peer_rule.own = worker->next_own;
	pthread_mutex_unlock(&worker->lock);
	answer(worker, &worker->own_wanted);
}

static void *run_thread(void *context)
{
	struct worker *worker = context;
	uint64_t one = 1;

	worker->result = engine_run(worker->engine);
	pthread_mutex_lock(&worker->lock);
	worker->finished = true; /* from here on nothing is posted */
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	engine_run_tasks(worker->engine);
	/* Cannot fail otherwise: the counter holds far more than there are threads. */
	while (write(worker->options.done_fd, &one, sizeof(one)) < 0) {
		if (errno != EINTR)
			abort();
	}
	return NULL;
}

/* ---- on the main thread ---- */

/* What was not asked for is left out, and costs nothing. */
static struct protocol *set_up_limits(struct worker *worker)
{
	const struct worker_options *options = &worker->options;
	struct guard_options guard;

	worker->gated = options->limits != NULL || options->access != NULL ||
		options->guard != NULL;
	worker->ruled = options->peer_rule != NULL;
	worker->host = (struct engine_host){
		.opened = on_opened,
		.closed = on_closed,
		.accept_paused = on_accept_paused,
		.accept_mended = on_accept_mended,
		.listener_lost = on_listener_lost,
	};
	gate_init(&worker->gate, options->limits, options->access, worker->record.counters);
	if (options->limits != NULL || options->access != NULL)
		worker->host.admit = gate_host_admit;
	if (options->proxied != NULL) {
		proxied_init(&worker->gate.proxied, options->proxied);
		worker->host.preface_limit = gate_host_preface_limit;
		worker->host.preface = gate_host_preface;
	}
	if (options->limits != NULL || options->access != NULL || worker->ruled)
		worker->host.admit_datagram = gate_host_admit_datagram;
	if (worker->ruled)
		worker->gate.peer_rule = &worker->peer_rule;
	if (options->guard != NULL) {
		guard = *options->guard;
		guard.report_paused = on_paused;
		guard.context = worker;
	}
	return stack_init(&worker->stack, worker->record.counters, options->faults,
		options->guard != NULL ? &guard : NULL);
}

int worker_new(const struct worker_options *options, struct worker **ret_worker)
{
	struct engine_options engine_options = {
		.pool_bytes = options->pool_bytes - options->secure.budget_bytes,
		.busy_poll_ns = options->busy_poll_ns,
		.mark_urgent = options->return_urgent,
		.splice = options->splice,
	};
	struct worker *worker = calloc(1, sizeof(*worker));
	struct protocol *outermost;
	int r;

	if (worker == NULL)
		return -ENOMEM;
	worker->options = *options;
	worker->drain_task.run = run_drain;
	worker->cut_task.run = run_cut;
	worker->check_task.run = run_check;
	worker->snapshot_task.run = run_snapshot;
	worker->roster_task.run = run_roster;
	worker->access_task.run = run_access;
	worker->own_task.run = run_own;
	r = record_init(&worker->record, options->listeners != NULL ? options->listeners->count : 0,
		options->shown);
	if (r < 0)
		goto fail_lock;
	echo_init(&worker->stack.echo, worker->record.counters, options->pending_bytes,
		options->return_urgent);
	worker->stack.echo.report_looped = on_looped;
	worker->stack.echo.context = worker;
	conn_log_init(&worker->conn_log);
	r = -pthread_mutex_init(&worker->lock, NULL);
	if (r < 0)
		goto fail_lock;
	r = clock_init_condition(&worker->changed);
	if (r < 0)
		goto fail_cond;
	r = options->peer_rule != NULL ? peer_rule_init(&worker->peer_rule, options->peer_rule) : 0;
	if (r < 0)
		goto fail_rule;
	worker->peer_rule.own = options->own;
	outermost = set_up_limits(worker);
	r = secure_around(
		&worker->stack.secure, &outermost, &options->secure, worker->record.counters);
	if (r == 0)
		r = engine_new(options->engine, &engine_options, outermost, &worker->host, worker,
			&worker->engine);
	if (r < 0)
		goto fail_engine;
	*ret_worker = worker;
	return 0;

fail_engine:
	stack_fini(&worker->stack);
	peer_rule_fini(&worker->peer_rule);
fail_rule:
	pthread_cond_destroy(&worker->changed);
fail_cond:
	pthread_mutex_destroy(&worker->lock);
fail_lock:
	record_fini(&worker->record);
	free(worker);
	return r;
}

int worker_listen(struct worker *worker, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct addr bound;

	if (scheme == ADDR_UDP && socket_name(fd, scheme, &bound) == 0)
		echo_add_own_port(&worker->stack.echo, addr_port(&bound));
	tuning_apply(fd, scheme, worker->options.cpu, worker->options.busy_poll_ns);
	return engine_listen(worker->engine, fd, scheme, tag);
}

int worker_start(struct worker *worker)
{
	pthread_attr_t attributes;
	int r = -pthread_attr_init(&attributes);

	if (r < 0)
		return r;
	/* Before it runs: when the server says that it is ready, its threads are where they belong. */
	if (worker->options.cpu >= 0)
		cpus_keep_to(worker->options.cpu, &attributes);
	r = -pthread_create(&worker->thread, &attributes, run_thread, worker);
	pthread_attr_destroy(&attributes);
	worker->started = r == 0;
	return r;
}

static void post(struct worker *worker, struct engine_task *task)
{
	pthread_mutex_lock(&worker->lock);
	if (!worker->finished)
		engine_post(worker->engine, task);
	pthread_mutex_unlock(&worker->lock);
}

void worker_drain(struct worker *worker)
{
	post(worker, &worker->drain_task);
}

void worker_cut(struct worker *worker)
{
	post(worker, &worker->cut_task);
}

void worker_check_again(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	if (!worker->finished && !worker->check_posted) {
		worker->check_posted = true;
		engine_post(worker->engine, &worker->check_task);
	}
	pthread_mutex_unlock(&worker->lock);
}

/*
 * With the lock, while the thread runs: has it run a task, and waits for that. What an earlier call gave up
 * waiting for is still posted, and does for this one, too. False: it has not been done in time.
 */
static bool ask(struct worker *worker, struct engine_task *task, bool *wanted, uint64_t until_ns)
{
	uint64_t least_ns = clock_after_ns(clock_now_ns(), LEAST_PATIENCE_NS);
	bool in_time = true;

	until_ns = until_ns > least_ns ? until_ns : least_ns;
	if (!*wanted) {
		*wanted = true;
		engine_post(worker->engine, task);
	}
	while (*wanted && in_time)
		in_time = condition_wait(&worker->changed, &worker->lock, until_ns);
	return !*wanted;
}

static bool is_running(const struct worker *worker)
{
	return worker->started && !worker->finished;
}

bool worker_snapshot(struct worker *worker, uint64_t until_ns, struct counters *sum)
{
	bool answered = true;

	pthread_mutex_lock(&worker->lock);
	if (is_running(worker))
		answered = ask(worker, &worker->snapshot_task, &worker->snapshot_wanted, until_ns);
	else
		record_copy(&worker->record); /* nothing is written any more */
	record_sum(&worker->record, sum);
	pthread_mutex_unlock(&worker->lock);
	return answered;
}

void worker_ask_figures(struct worker *worker, unsigned looks)
{
	pthread_mutex_lock(&worker->lock);
	if (is_running(worker)) {
		worker->looks = looks;
		if (!worker->snapshot_wanted)
			engine_post(worker->engine, &worker->snapshot_task);
		worker->snapshot_wanted = true;
	}
	pthread_mutex_unlock(&worker->lock);
}

void worker_add_figures(struct worker *worker, uint64_t until_ns, struct figures_listener *sums,
	struct census *census, struct figures_thread *ret_thread)
{
	bool in_time = true;

	pthread_mutex_lock(&worker->lock);
	while (is_running(worker) && worker->snapshot_wanted && in_time)
		in_time = condition_wait(&worker->changed, &worker->lock, until_ns);
	if (!is_running(worker))
		record_copy(&worker->record);
	record_add(&worker->record, sums, census);
	*ret_thread = worker->record.copied_thread;
	ret_thread->answered = in_time;
	pthread_mutex_unlock(&worker->lock);
}

bool worker_roster(struct worker *worker, uint64_t until_ns, struct roster *roster)
{
	bool answered = true;

	pthread_mutex_lock(&worker->lock);
	worker->roster.most = roster->most;
	roster->open = 0;
	roster->list = NULL;
	if (is_running(worker))
		answered = ask(worker, &worker->roster_task, &worker->roster_wanted, until_ns);
	if (answered && is_running(worker)) {
		roster->open = worker->roster.open;
		roster->list = worker->roster.list;
		worker->roster.list = NULL;
	}
	pthread_mutex_unlock(&worker->lock);
	return answered;
}

int worker_wait_running(struct worker *worker)
{
	struct counters ignored = { 0 };
	/* It is the engine's loop that answers. */
	bool answered = worker_snapshot(
		worker, clock_after_ns(clock_now_ns(), START_PATIENCE_NS), &ignored);
	int r;

	pthread_mutex_lock(&worker->lock);
	r = worker->finished ? worker->result : 0;
	pthread_mutex_unlock(&worker->lock);
	return answered ? r : -ETIMEDOUT;
}

bool worker_set_access(struct worker *worker, const struct access *access, uint64_t until_ns)
{
	bool answered = true;

	pthread_mutex_lock(&worker->lock);
	if (is_running(worker)) {
		worker->next_access = access;
		answered = ask(worker, &worker->access_task, &worker->access_wanted, until_ns);
	} else {
		worker->gate.access = access;
	}
	pthread_mutex_unlock(&worker->lock);
	return answered;
}

bool worker_set_own_addresses(
	struct worker *worker, const struct own_addresses *own, uint64_t until_ns)
{
	bool answered = true;

	pthread_mutex_lock(&worker->lock);
	if (is_running(worker)) {
		worker->next_own = own;
		answered = ask(worker, &worker->own_task, &worker->own_wanted, until_ns);
	} else {
		worker->peer_rule.own = own;
	}
	pthread_mutex_unlock(&worker->lock);
	return answered;
}

int worker_join(struct worker *worker, uint64_t until_ns)
{
	bool in_time = true;

	if (!worker->started)
		return 0;
	pthread_mutex_lock(&worker->lock);
	while (!worker->finished && in_time)
		in_time = condition_wait(&worker->changed, &worker->lock, until_ns);
	in_time = worker->finished;
	pthread_mutex_unlock(&worker->lock);
	if (!in_time)
		return -ETIMEDOUT;
	pthread_join(worker->thread, NULL);
	worker->started = false;
	return worker->result;
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	engine_free(worker->engine);
	gate_fini(&worker->gate);
	peer_rule_fini(&worker->peer_rule);
	stack_fini(&worker->stack);
	conn_log_fini(&worker->conn_log);
	json_decref(worker->roster.list);
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->lock);
	record_fini(&worker->record);
	free(worker);
}
