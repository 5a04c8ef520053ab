/*
 * The loop: send what is due, note what is overdue, wait for whatever comes first. The ledger
 * (ledger.h) counts what it finds.
 */
#include "ping/ping_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "base/duration.h"
#include "client/interrupt.h"
#include "ping/conversation.h"
#include "ping/ledger.h"
#include "ping/ledger_host.h"

/* Spinning pays only where replies come sooner than a sleeper would be woken. */
#define BUSY_AUTO_MOST_NS (200 * CLOCK_NS_PER_US)
/* A spin checks this often for signals and for what else is due. */
#define BUSY_SLICE_NS CLOCK_NS_PER_MS

struct run {
	const struct ping_run_options *options;
	bool connect; /* a connection for each probe */
	struct ledger ledger;
	struct interrupt interrupt;
	struct conversation_settings settings;
	struct conversation_scratch scratch;
	struct conversation *conversations;
	size_t conversation_count; /* in use: all of them, or one for each exchange under way */
	size_t conversations_most;
	struct pollfd *pollfds; /* the signals, then the conversations */
	uint64_t start_ns, due_ns;
	uint64_t answer_count; /* at the last check */
	unsigned processors;
	bool interrupted;
	uint64_t
		stop_count; /* SIGCONTs: what came while this process was stopped has no time of its own clock */
};

/* ---- the schedule ---- */

/* A conversation for one exchange; when there are too many, the oldest is given up. */
static struct conversation *take_exchange(struct run *run)
{
	if (run->conversation_count < run->conversations_most) {
		conversation_init(&run->conversations[run->conversation_count], &run->settings, 0);
		return &run->conversations[run->conversation_count++];
	}

	struct conversation *oldest = &run->conversations[0];

	for (size_t i = 1; i < run->conversation_count; i++) {
		if (run->conversations[i].end_number < oldest->end_number)
			oldest = &run->conversations[i];
	}
	conversation_conclude(oldest, clock_now_ns());
	if (oldest->state != CONVERSATION_CLOSED) {
		ledger_give_up(&run->ledger, oldest, -ETIMEDOUT, clock_now_ns());
		conversation_close(oldest, true);
	}
	return oldest;
}

/* The conversations take turns. */
static struct conversation *next_in_turn(struct run *run)
{
	return &run->conversations[(run->ledger.flight.next - 1) % run->conversation_count];
}

static bool all_sent(const struct run *run)
{
	/* With a deadline the count is of replies, as with ping(8). */
	return run->options->count != 0 && run->options->deadline_ns == 0 &&
		run->ledger.tally.sent >= run->options->count;
}

static bool is_due(struct run *run, uint64_t now_ns)
{
	bool answered = run->ledger.answer_count != run->answer_count;

	run->answer_count = run->ledger.answer_count;
	if (run->options->interval_ns == 0 && answered)
		run->due_ns = now_ns;
	return now_ns >= run->due_ns && !all_sent(run);
}

static void schedule_next(struct run *run, uint64_t now_ns)
{
	uint64_t interval_ns = run->options->interval_ns;

	if (interval_ns == 0) {
		run->due_ns = now_ns + PING_RUN_FLOOD_NS;
		return;
	}
	run->due_ns = clock_after_ns(run->due_ns, interval_ns);
	/* After a stop (SIGSTOP, a reader of our output that slept) there is no burst. */
	if (run->due_ns <= now_ns)
		run->due_ns = clock_after_ns(now_ns, interval_ns);
}

/* A stream that has more under way than can be remembered is not sent more. */
static bool is_too_far_behind(const struct conversation *conversation)
{
	return conversation_unanswered(conversation) &&
		conversation->end_number - conversation->receive_number >= CONVERSATION_BEHIND_MOST;
}

static void send_due(struct run *run)
{
	uint64_t now_ns = clock_now_ns();

	if (!is_due(run, now_ns))
		return;
	schedule_next(run, now_ns);

	struct conversation *conversation = run->connect ? take_exchange(run) : next_in_turn(run);

	if (is_too_far_behind(conversation))
		return;
	if (run->options->show_waiting)
		ledger_report_waiting(&run->ledger);
	conversation_prepare(conversation, run->ledger.flight.next);
	/* Its time begins here: until the system call nothing is done that takes any. */
	now_ns = clock_now_ns();
	conversation_submit(conversation, ledger_start_probe(&run->ledger, now_ns), now_ns);
}

/* Gives the time when something will be due. */
static uint64_t do_due(struct run *run, uint64_t now_ns)
{
	uint64_t number, judge_ns = CLOCK_NEVER, wake_ns;

	/* A wrong answer is no silence: before anything is overdue. */
	for (size_t i = 0; i < run->conversation_count; i++) {
		uint64_t due_ns = conversation_judge(&run->conversations[i], now_ns);

		judge_ns = due_ns < judge_ns ? due_ns : judge_ns;
	}
	while (ledger_overdue(&run->ledger, now_ns, &number, &wake_ns)) {
		/* What has a connection of its own ends with it. */
		for (size_t i = 0; run->connect && i < run->conversation_count; i++) {
			if (run->conversations[i].end_number == number + run->settings.step)
				conversation_close(&run->conversations[i], true);
		}
	}
	wake_ns = judge_ns < wake_ns ? judge_ns : wake_ns;
	for (size_t i = 0; i < run->conversation_count; i++) {
		uint64_t tick_ns = conversation_tick(&run->conversations[i], now_ns);

		wake_ns = tick_ns < wake_ns ? tick_ns : wake_ns;
	}
	if (!all_sent(run) && run->due_ns < wake_ns)
		wake_ns = run->due_ns;
	if (run->options->deadline_ns != 0) {
		uint64_t end_ns = clock_after_ns(run->start_ns, run->options->deadline_ns);

		wake_ns = end_ns < wake_ns ? end_ns : wake_ns;
	}
	return wake_ns;
}

/* ---- waiting ---- */

static uint64_t busy_ns(const struct run *run)
{
	const struct tally_times *times = &run->ledger.tally.round_trip;

	if (run->options->busy_ns != DURATION_AUTO)
		return run->options->busy_ns;
	if (run->processors < 2 || times->count == 0 ||
		2 * times->ewma_ns > (double)BUSY_AUTO_MOST_NS)
		return 0;
	return (uint64_t)(2 * times->ewma_ns);
}

/* Receives again and again without sleeping. False: nothing has come, and it is time to sleep. */
static bool spin(struct run *run, uint64_t wake_ns)
{
	const struct flight *flight = &run->ledger.flight;
	uint64_t sent_ns, now_ns = clock_now_ns(), slice_end_ns = now_ns + BUSY_SLICE_NS;
	uint64_t length_ns = busy_ns(run), before = run->ledger.answer_count;

	if (length_ns == 0 || flight->under_way == 0 ||
		!flight_sent_at(flight, flight->next - 1, &sent_ns))
		return false;
	for (uint64_t end_ns = clock_after_ns(sent_ns, length_ns); now_ns < end_ns;
		now_ns = clock_now_ns()) {
		if (now_ns >= wake_ns || now_ns >= slice_end_ns)
			return true;
		for (size_t i = 0; i < run->conversation_count; i++)
			conversation_receive(&run->conversations[i]);
		if (run->ledger.answer_count != before)
			return true;
	}
	return false;
}

static void heed(struct run *run, int number)
{
	if (number == SIGCONT) {
		run->stop_count++;
	} else if (number == SIGQUIT) {
		struct ping_event_result result = ledger_result(
			&run->ledger, run->start_ns, clock_now_ns());

		run->options->printer->interim(&run->options->manner, &result);
	} else {
		run->interrupted = true;
	}
}

static void take_signals(struct run *run)
{
	for (int number; (number = interrupt_take(&run->interrupt)) != 0;)
		heed(run, number);
}

static uint64_t count_stops(void *context)
{
	struct run *run = context;

	take_signals(run);
	return run->stop_count;
}

static void wait_for(struct run *run, uint64_t wake_ns)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t sleep_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
	struct timespec sleep = {
		.tv_sec = (time_t)(sleep_ns / CLOCK_NS_PER_S),
		.tv_nsec = (long)(sleep_ns % CLOCK_NS_PER_S),
	};
	size_t count = run->conversation_count;

	run->scratch.waited_stops = run->stop_count;
	run->pollfds[0] = (struct pollfd){ .fd = run->interrupt.fd, .events = POLLIN };
	for (size_t i = 0; i < count; i++)
		run->pollfds[i + 1] = (struct pollfd){
			.fd = run->conversations[i].fd,
			.events = conversation_events(&run->conversations[i]),
		};
	/* In nanoseconds: poll(2) would round an interval of 2.1 ms up to 3. */
	if (ppoll(run->pollfds, count + 1, wake_ns == CLOCK_NEVER ? NULL : &sleep, NULL) <= 0)
		return;
	now_ns = clock_now_ns();
	/* First of all: it says whether the time at which the others came is known. */
	if (run->pollfds[0].revents != 0)
		take_signals(run);
	for (size_t i = 0; i < count; i++) {
		if (run->pollfds[i + 1].revents != 0)
			conversation_ready(
				&run->conversations[i], run->pollfds[i + 1].revents, now_ns);
	}
}

/* Exchanges that are over leave their place; conversations keep theirs. */
static void sweep(struct run *run)
{
	for (size_t i = run->conversation_count; run->connect && i-- > 0;) {
		if (run->conversations[i].state == CONVERSATION_CLOSED)
			run->conversations[i] = run->conversations[--run->conversation_count];
	}
}

static bool is_over(const struct run *run, uint64_t now_ns)
{
	const struct ping_run_options *options = run->options;

	if (run->interrupted || run->ledger.output_failed)
		return true;
	if (options->deadline_ns == 0)
		return all_sent(run) && run->ledger.flight.under_way == 0;
	return now_ns - run->start_ns >= options->deadline_ns ||
		(options->count != 0 && run->ledger.tally.received >= options->count);
}

static void loop(struct run *run)
{
	while (!is_over(run, clock_now_ns())) {
		send_due(run);

		uint64_t wake_ns = do_due(run, clock_now_ns());

		sweep(run);
		if (is_over(run, clock_now_ns()))
			return;
		wait_for(run, spin(run, wake_ns) ? 0 : wake_ns);
		sweep(run);
	}
}

/* ---- life ---- */

static void begin(struct run *run)
{
	const struct ping_run_options *options = run->options;

	options->printer->begin(&options->manner);
	run->start_ns = run->due_ns = clock_now_ns();
	run->conversation_count = run->connect ? 0 : options->ports;
	for (size_t i = 0; i < run->conversation_count; i++)
		conversation_init(&run->conversations[i], &run->settings, i);
	if (options->connected_fd >= 0)
		conversation_adopt(&run->conversations[0], options->connected_fd,
			options->connected_ns, run->start_ns);
}

static void finish(struct run *run)
{
	const struct ping_run_options *options = run->options;

	for (size_t i = 0; i < run->conversation_count; i++)
		conversation_conclude(&run->conversations[i], clock_now_ns());

	struct ping_event_result result = ledger_result(
		&run->ledger, run->start_ns, clock_now_ns());

	for (size_t i = 0; i < run->conversation_count; i++)
		conversation_close(&run->conversations[i], false);
	options->printer->end(&options->manner, &result);
}

int ping_run(const struct ping_run_options *options, struct ping_run_outcome *ret_outcome)
{
	static const int continued[] = { SIGCONT, 0 };
	const struct ping_event_manner *manner = &options->manner;
	size_t conversations_most = manner->connect ? PING_RUN_EXCHANGES_MOST : options->ports;
	size_t size = manner->size_bytes > 0 ? manner->size_bytes : 1;
	CLEANUP_FREE struct conversation *conversations = calloc(
		conversations_most, sizeof(*conversations));
	CLEANUP_FREE struct pollfd *pollfds = calloc(conversations_most + 1, sizeof(*pollfds));
	CLEANUP_FREE unsigned char *bytes = malloc(CONVERSATION_RECEIVE_SIZE + 2 * size);
	struct run run = {
		.options = options,
		.connect = manner->connect,
		.conversations = conversations,
		.conversations_most = conversations_most,
		.pollfds = pollfds,
		.processors = cpus_available(),
	};
	int r;

	if (conversations == NULL || pollfds == NULL || bytes == NULL)
		return -ENOMEM;
	run.settings = (struct conversation_settings){
		.host = &ledger_host,
		.context = &run.ledger,
		.probe = &run.ledger.probe,
		.flight = &run.ledger.flight,
		.target = manner->peer,
		.tls = options->tls,
		.source = options->source,
		.device = options->device,
		.proxy = options->proxy,
		.keep_port = manner->by_port,
		.timeout_ns = manner->timeout_ns,
		.step = options->ports,
		.one_reply = manner->connect,
		.scratch = &run.scratch,
	};
	run.scratch = (struct conversation_scratch){
		.receive = bytes,
		.outgoing = bytes + CONVERSATION_RECEIVE_SIZE,
		.expected = bytes + CONVERSATION_RECEIVE_SIZE + size,
	};
	r = ledger_init(&run.ledger, manner, options->printer, &run.scratch,
		manner->connect ? 1 : options->ports);
	if (r == 0)
		r = interrupt_init(&run.interrupt, continued);
	if (r == 0) {
		run.ledger.kernel = options->kernel;
		run.ledger.stops = count_stops;
		run.ledger.stops_context = &run;
		stamp_init(&run.scratch.stamp);
		begin(&run);
		loop(&run);
		finish(&run);
		interrupt_fini(&run.interrupt);
		*ret_outcome = (struct ping_run_outcome){
			.received = run.ledger.tally.received,
			.damaged = run.ledger.tally.damaged + run.ledger.tally.foreign,
			.away = ledger_is_away(&run.ledger),
		};
	}
	ledger_fini(&run.ledger);
	return r;
}
