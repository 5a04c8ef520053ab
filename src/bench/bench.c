/*
 * A run from top to bottom:
 *
 *	connect ──all settled──▶ warm up ──▶ measure ──time, or signal──▶ finish ──▶ add up
 *
 * With a time to begin at (start.h) it waits before connecting and before the warm-up, by a clock that may be set.
 *
 * The main thread only waits and adds up: at every tick each generator hands over what it has recorded
 * since the last one (generator_exchange), so that a figure over time costs the load nothing.
 */
#include "bench/bench.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/descriptors.h"
#include "base/i18n.h"
#include "base/log.h"
#include "bench/generator.h"
#include "bench/target.h"
#include "bench/team.h"
#include "bench/train.h"
#include "client/interrupt.h"

/* From the order to begin until the first message is meant to leave: all threads have read it by then. */
#define LEAD_NS (2 * CLOCK_NS_PER_MS)
/* How long a clock that was set goes unnoticed. */
#define CLOCK_STEP_NS (100 * CLOCK_NS_PER_MS)

struct bench {
	struct bench_options options;
	const struct engine_ops *engine;
	struct addr target;
	unsigned thread_count;
	struct interrupt interrupt;
	int event_fd;
	struct start beginning;
};

struct run {
	struct bench *bench;
	const struct bench_watch *watch;
	struct profile profile; /* with the warm-up in front */
	bool open_loop;
	struct team team;
	struct load_record *spare; /* empty, for the next exchange */
	struct load_record *tick, *interval; /* being filled */
	struct generator_sample *first, *last; /* of each generator: for its processor time */
	uint64_t start_ns, from_ns, until_ns; /* warm-up, measuring, end */
	uint64_t period_ns; /* of the ticks */
	uint64_t tick_start_ns, interval_start_ns;
	unsigned signals; /* that have come: the second ends it at once */
	int signal; /* the first of them */
	struct outcome *outcome;
};

/* ---- life ---- */

static int choose_engine(struct bench *bench)
{
	char why[200];
	int r = engine_choose(bench->options.engine, &bench->engine, why, sizeof(why));

	if (r < 0)
		log_error(_("cannot use the engine '%s': %s"), bench->options.engine, why);
	return r;
}

int bench_new(const struct bench_options *options, struct bench **ret_bench)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int r;

	if (bench == NULL)
		return -ENOMEM;
	bench->options = *options;
	bench->beginning.unix_ns = options->start_unix_ns;
	bench->thread_count = options->threads > 0 ? options->threads : (cpus_available() + 1) / 2;
	if (bench->thread_count > options->connections)
		bench->thread_count = options->connections;
	r = choose_engine(bench);
	if (r < 0)
		goto fail_engine;
	descriptors_raise_limit();
	r = target_choose(&bench->options.target, options->source, options->tls, options->proxy,
		options->timeout_ns, &bench->target);
	if (r == 0 && options->load.train > 1)
		r = train_check(&bench->target, options->load.sizes[0].bytes);
	if (r < 0)
		goto fail_engine;
	bench->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bench->event_fd < 0) {
		r = -errno;
		goto fail_event;
	}
	r = interrupt_init(&bench->interrupt, NULL);
	if (r < 0)
		goto fail_interrupt;
	*ret_bench = bench;
	return 0;

fail_interrupt:
	close(bench->event_fd);
fail_event:
	log_error(_("cannot prepare the load: %s"), strerror(-r));
fail_engine:
	free(bench);
	return r;
}

void bench_free(struct bench *bench)
{
	if (bench == NULL)
		return;
	interrupt_fini(&bench->interrupt);
	close(bench->event_fd);
	free(bench);
}

const char *bench_engine(const struct bench *bench)
{
	return bench->engine->name;
}

unsigned bench_threads(const struct bench *bench)
{
	return bench->thread_count;
}

const struct start *bench_beginning(const struct bench *bench)
{
	return &bench->beginning;
}

const struct addr *bench_target(const struct bench *bench)
{
	return &bench->target;
}

/* ---- one run: making it ---- */

static int make_generator(struct run *run, unsigned index)
{
	const struct bench *bench = run->bench;
	const struct bench_options *options = &bench->options;
	uint32_t share = options->connections / bench->thread_count;
	uint32_t rest = options->connections % bench->thread_count;
	struct generator_options generator_options = {
		.engine = bench->engine,
		.load = options->load,
		.index = index,
		.share_count = bench->thread_count,
		.to = &bench->target,
		.tls = { .context = bench->options.tls, .host = bench->options.target.host },
		.source = options->source,
		.proxy = options->proxy,
		.arrivals = options->arrivals,
		.seed = options->seed,
		.connect_timeout_ns = options->timeout_ns,
		.busy_poll_ns = options->busy_poll_ns,
		.event_fd = bench->event_fd,
	};
	struct load_options *load = &generator_options.load;

	load->connections = share + (index < rest);
	load->first_number = index * share + (index < rest ? index : rest);
	load->flows = addr_socket_type(bench->target.scheme) == SOCK_DGRAM;
	load->waiting_most = LOAD_DEFAULT_WAITING / bench->thread_count;
	load->timeout_ns = options->timeout_ns;
	load->clock = clock_now_ns;
	load->held = start_is_asked(&bench->beginning);
	return generator_new(&generator_options, &run->team.generators[index]);
}

static int make_run(struct run *run)
{
	unsigned count = run->bench->thread_count;
	int r = team_init(&run->team, count);

	run->first = calloc(count, sizeof(struct generator_sample));
	run->last = calloc(count, sizeof(struct generator_sample));
	if (r < 0 || run->first == NULL || run->last == NULL)
		return -ENOMEM;
	r = load_record_new(&run->spare);
	if (r == 0)
		r = load_record_new(&run->tick);
	if (r == 0)
		r = load_record_new(&run->interval);
	for (unsigned i = 0; r == 0 && i < count; i++)
		r = make_generator(run, i);
	for (unsigned i = 0; r == 0 && i < count; i++)
		r = generator_start(run->team.generators[i]);
	return r;
}

/* ---- one run: waiting ---- */

static bool is_cut_short(const struct run *run)
{
	return run->signals > 0;
}

/* Waits for a signal, a notification of the generators, or the time. */
static void wait_until(struct run *run, uint64_t until_ns)
{
	struct bench *bench = run->bench;
	struct pollfd pollfds[] = {
		{ .fd = bench->interrupt.fd, .events = POLLIN },
		{ .fd = bench->event_fd, .events = POLLIN },
	};
	uint64_t count;

	if (poll(pollfds, 2, clock_poll_ms(clock_now_ns(), until_ns)) <= 0)
		return;
	if (pollfds[0].revents != 0) {
		int signal = interrupt_take(&bench->interrupt);

		run->signals += signal != 0;
		run->signal = run->signal != 0 ? run->signal : signal;
	}
	if (pollfds[1].revents != 0 && read(bench->event_fd, &count, sizeof(count)) < 0)
		return;
}

/* ---- one run: adding up ---- */

static const struct histogram *latency_of(const struct run *run, const struct load_record *record)
{
	return run->open_loop ? record->intended : record->sent;
}

/* By the schedule; in churn that counts connections, each with its messages. */
static double asked_messages(const struct run *run, uint64_t from_ns, uint64_t until_ns)
{
	uint32_t echoes = run->bench->options.load.echoes;
	double times = profile_count_until(&run->profile, until_ns - run->start_ns) -
		profile_count_until(&run->profile, from_ns - run->start_ns);

	return echoes > 0 ? times * echoes : times;
}

static struct outcome_interval summarize(
	const struct run *run, const struct load_record *record, uint64_t start_ns, uint64_t end_ns)
{
	struct outcome_interval interval = outcome_summarize(
		record, latency_of(run, record), end_ns - start_ns);
	double seconds = (double)interval.length_ns / 1e9;

	interval.start_ns = start_ns > run->from_ns ? start_ns - run->from_ns : 0;
	if (run->open_loop && seconds > 0)
		interval.asked_per_s = asked_messages(run, start_ns, end_ns) / seconds;
	return interval;
}

/* Takes over what the generators have recorded since the last time. */
static void collect(struct run *run, bool is_first)
{
	for (unsigned i = 0; i < run->bench->thread_count; i++) {
		struct generator_sample sample;

		generator_exchange(run->team.generators[i], run->spare, &sample);
		load_record_merge(run->tick, sample.record);
		run->spare = sample.record;
		load_record_reset(run->spare);
		run->last[i] = sample;
		if (is_first)
			run->first[i] = sample;
	}
}

/* The tick is over: it goes into the interval and the sum, and is reported to the watcher. */
static void end_tick(struct run *run, enum bench_phase phase, uint64_t now_ns)
{
	struct bench_progress progress = {
		.phase = phase,
		.elapsed_ns = now_ns - (phase == BENCH_MEASURING ? run->from_ns : run->start_ns),
		.length_ns = phase == BENCH_MEASURING ? run->until_ns - run->from_ns
						      : run->from_ns - run->start_ns,
		.tick = summarize(run, run->tick, run->tick_start_ns, now_ns),
		.sum = run->outcome->record,
	};

	load_record_merge(run->interval, run->tick);
	load_record_merge(run->outcome->record, run->tick);
	load_record_reset(run->tick);
	run->tick_start_ns = now_ns;
	if (run->watch->tick != NULL)
		run->watch->tick(run->watch->context, &progress);
}

static void end_interval(struct run *run, uint64_t now_ns)
{
	struct outcome_interval interval;

	if (now_ns <= run->interval_start_ns)
		return;
	interval = summarize(run, run->interval, run->interval_start_ns, now_ns);
	if (run->watch->interval != NULL)
		run->watch->interval(run->watch->context, &interval, run->interval);
	interval.unsent = 0; /* until outcome_spread_unsent() */
	outcome_add_interval(
		run->outcome, &interval); /* without memory: a line less in the result */
	load_record_reset(run->interval);
	run->interval_start_ns = now_ns;
}

/* ---- one run: its phases ---- */

static void report_phase(const struct run *run, enum bench_phase phase)
{
	struct bench_progress progress = { .phase = phase, .sum = run->outcome->record };

	if (run->watch->tick != NULL)
		run->watch->tick(run->watch->context, &progress);
}

static int connect_all(struct run *run)
{
	const struct bench_options *options = &run->bench->options;
	/* When none has settled for so long, the rest counts as missing when the load is judged. */
	uint64_t silence_ns = options->timeout_ns + CLOCK_NS_PER_S;
	uint64_t deadline_ns = clock_after_ns(clock_now_ns(), silence_ns);
	struct generator_progress progress = team_progress(&run->team);

	report_phase(run, BENCH_CONNECTING);
	while (progress.settled < options->connections && clock_now_ns() < deadline_ns &&
		!progress.ended && !is_cut_short(run)) {
		uint32_t before = progress.settled;

		wait_until(run, deadline_ns);
		progress = team_progress(&run->team);
		if (progress.settled > before)
			deadline_ns = clock_after_ns(clock_now_ns(), silence_ns);
	}
	if (progress.result < 0)
		return progress.result;
	/* If one was accepted and reset at once, the load goes on: it is counted as an error of the service. */
	if (!progress.reached && progress.error < 0) {
		target_report_unreachable(&options->target, options->source, progress.error);
		return progress.error;
	}
	return 0;
}

static bool goes_on(const struct run *run)
{
	return !is_cut_short(run) && !team_progress(&run->team).ended;
}

/* Waits for the end of this tick of the phase from `from_ns` to `until_ns`, if the run goes on so long. */
static void wait_tick(struct run *run, uint64_t from_ns, uint64_t until_ns)
{
	uint64_t now_ns = clock_now_ns(), end_ns;

	if (now_ns < from_ns)
		now_ns = from_ns;
	end_ns = from_ns + ((now_ns - from_ns) / run->period_ns + 1) * run->period_ns;
	if (end_ns > until_ns)
		end_ns = until_ns;
	while (goes_on(run) && clock_now_ns() < end_ns)
		wait_until(run, end_ns);
}

static void warm_up(struct run *run)
{
	run->tick_start_ns = run->start_ns;
	while (goes_on(run) && clock_now_ns() < run->from_ns) {
		uint64_t now_ns;

		wait_tick(run, run->start_ns, run->from_ns);
		now_ns = clock_now_ns();
		if (now_ns >= run->from_ns || now_ns < run->start_ns)
			return; /* some of what is to be collected has been measured already */
		collect(run, false);
		end_tick(run, BENCH_WARMING_UP, now_ns);
	}
}

static void measure(struct run *run)
{
	uint64_t interval_ns = run->bench->options.interval_ns, now_ns;

	/* What came right after the warm-up belongs to the first interval. */
	collect(run, true);
	run->tick_start_ns = run->from_ns;
	do {
		wait_tick(run, run->from_ns, run->until_ns);
		now_ns = clock_now_ns();
		collect(run, false);
		end_tick(run, BENCH_MEASURING, now_ns);
		if (now_ns - run->interval_start_ns + run->period_ns / 2 >= interval_ns &&
			now_ns < run->until_ns)
			end_interval(run, now_ns);
	} while (goes_on(run) && now_ns < run->until_ns);
}

static void wait_for_clock(struct run *run, uint64_t unix_ns)
{
	report_phase(run, BENCH_WAITING);
	for (uint64_t wall_ns; !is_cut_short(run) && (wall_ns = clock_wall_ns()) < unix_ns;) {
		uint64_t left_ns = unix_ns - wall_ns;

		wait_until(
			run, clock_now_ns() + (left_ns < CLOCK_STEP_NS ? left_ns : CLOCK_STEP_NS));
	}
}

/* All is connected. When the load begins: where a time was asked for, nearly that long is waited. */
static uint64_t wait_for_start(struct run *run)
{
	const struct start *beginning = &run->bench->beginning;

	if (start_is_asked(beginning))
		wait_for_clock(run, start_order_unix_ns(beginning));
	if (is_cut_short(run))
		return clock_now_ns() + LEAD_NS;
	return start_monotonic_ns(beginning, clock_now_ns(), clock_wall_ns(), LEAD_NS);
}

/* Lets what is under way come back, within the timeout. */
static void finish(struct run *run)
{
	struct bench *bench = run->bench;
	uint64_t deadline_ns = clock_after_ns(clock_now_ns(), bench->options.timeout_ns);
	unsigned signals = run->signals;

	team_stop(&run->team);
	report_phase(run, BENCH_FINISHING);
	while (!team_progress(&run->team).ended && clock_now_ns() < deadline_ns &&
		run->signals == signals)
		wait_until(run, deadline_ns);
	team_cut(&run->team);
}

static void add_up(struct run *run, uint64_t end_ns)
{
	struct bench *bench = run->bench;
	struct outcome *outcome = run->outcome;
	struct histogram *lag = NULL;
	uint64_t concluded_ns = clock_now_ns();

	for (unsigned i = 0; i < bench->thread_count; i++) {
		const struct generator_sample *first = &run->first[i], *last = &run->last[i];
		const struct histogram *one;

		outcome_note_thread(outcome, last->at_ns - first->at_ns,
			last->cpu_ns - first->cpu_ns, last->delay_ns - first->delay_ns);
		outcome->given_up += generator_given_up(run->team.generators[i]);
		one = generator_conclude(run->team.generators[i]);
		if (lag == NULL)
			histogram_copy(one, &lag);
		else
			histogram_merge(lag, one);
	}
	if (lag != NULL) {
		outcome->lag_p99_ns = histogram_percentile(lag, 99);
		outcome->lag_max_ns = histogram_max(lag);
	}
	histogram_free(lag);
	collect(run, false); /* what came back after the end, and what never did */
	load_record_merge(run->interval, run->tick);
	load_record_merge(outcome->record, run->tick);
	end_interval(run, end_ns);
	outcome_spread_unsent(
		outcome, concluded_ns > run->from_ns ? concluded_ns - run->from_ns : 0);
}

static void conclude(struct run *run, uint64_t end_ns)
{
	struct outcome *outcome = run->outcome;
	struct load_record_counts *counts = &outcome->record->counts;
	double seconds;

	outcome_settle(counts);
	outcome->open_loop = run->open_loop;
	/* A signal may come before the start. */
	if (end_ns > run->start_ns)
		outcome->warm_up_ns = (end_ns < run->from_ns ? end_ns : run->from_ns) -
			run->start_ns;
	outcome->duration_ns = end_ns > run->from_ns ? end_ns - run->from_ns : 0;
	seconds = (double)outcome->duration_ns / 1e9;
	if (seconds > 0) {
		outcome->reached_per_s = (double)counts->completed / seconds;
		outcome->bytes_per_s = (double)counts->bytes_received / seconds;
	}
	if (run->open_loop && seconds > 0)
		outcome->asked_per_s = asked_messages(run, run->from_ns, end_ns) / seconds;
	outcome_judge(outcome, run->bench->options.busy_poll_ns > 0);
}

static int go(struct run *run, uint64_t warm_up_ns, uint64_t duration_ns)
{
	struct bench *bench = run->bench;
	struct outcome *outcome = run->outcome;
	struct generator_progress progress;
	uint64_t end_ns, start_unix_ns;
	int r;

	if (start_is_asked(&bench->beginning))
		wait_for_clock(
			run, start_connect_unix_ns(&bench->beginning, bench->options.connections));
	if (is_cut_short(run)) {
		outcome->signal = run->signal;
		return 0;
	}
	r = make_run(run);
	if (r < 0) {
		log_error(
			_("cannot prepare the load: %s%s"), strerror(-r), target_advice(r, false));
		return r;
	}
	r = connect_all(run);
	if (r < 0)
		return r;
	run->start_ns = wait_for_start(run);
	start_unix_ns = clock_wall_ns() + (run->start_ns - clock_now_ns());
	run->from_ns = clock_after_ns(run->start_ns, warm_up_ns);
	run->until_ns = clock_after_ns(run->from_ns, duration_ns);
	outcome->started_unix_ns = start_unix_ns + warm_up_ns;
	team_begin(&run->team, run->open_loop ? &run->profile : NULL, run->start_ns, run->from_ns,
		run->until_ns);
	run->interval_start_ns = run->from_ns;
	warm_up(run);
	if (goes_on(run))
		measure(run);
	outcome->verified = bench->options.load.verify;
	progress = team_progress(&run->team);
	end_ns = clock_now_ns() < run->until_ns ? clock_now_ns() : run->until_ns;
	outcome->connections = bench->options.connections;
	/* In churn connections come and go: none is missing. */
	outcome->connected = bench->options.load.echoes > 0 ? outcome->connections : progress.open;
	outcome->connect_error = progress.error;
	start_note(&bench->beginning, run->start_ns, start_unix_ns, progress.began_ns);
	finish(run);
	outcome->signal = run->signal;
	r = team_join(&run->team);
	if (r < 0) {
		log_error(_("the engine '%s' failed: %s"), bench->engine->name, strerror(-r));
		return r;
	}
	add_up(run, end_ns);
	conclude(run, end_ns);
	return 0;
}

static void free_run(struct run *run)
{
	team_fini(&run->team);
	free(run->first);
	free(run->last);
	load_record_free(run->spare);
	load_record_free(run->tick);
	load_record_free(run->interval);
}

int bench_run(struct bench *bench, const struct profile *profile, uint64_t warm_up_ns,
	uint64_t duration_ns, const struct bench_watch *watch, struct outcome *ret_outcome)
{
	struct run run = {
		.bench = bench,
		.watch = watch,
		.period_ns = bench->options.tick_ns != 0 ? bench->options.tick_ns
							 : bench->options.interval_ns,
		.open_loop = profile != NULL,
		.outcome = ret_outcome,
	};
	int r = outcome_init(ret_outcome);

	if (r == 0 && profile != NULL) {
		run.profile = *profile;
		profile_cut(&run.profile, duration_ns);
		r = profile_lead_in(&run.profile, warm_up_ns);
	}
	if (r < 0)
		log_error(_("cannot prepare the load: %s"), strerror(-r));
	else
		r = go(&run, warm_up_ns, duration_ns);
	free_run(&run);
	if (r < 0)
		outcome_fini(ret_outcome);
	return r;
}
