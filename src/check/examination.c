/*
 * The experiments send lines, so that one mistake (waiting for a newline) does not look like all the others.
 * Where the moment matters, the service is stopped (SIGSTOP) while the client does several things: what it
 * then finds is the same every time.
 */
#include "check/examination.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "check/encounter.h"
#include "check/overflow.h"
#include "check/program/observation.h"
#include "net/call.h"
#include "net/socket.h"

/* One service's life, at most. */
#define LIFE_NS (8 * CLOCK_NS_PER_S)
/* What else comes behind an answer comes with it. */
#define EXTRA_NS (30 * CLOCK_NS_PER_MS)
/* A service that dies of a dead client does it when it next uses that connection. */
#define DYING_NS (60 * CLOCK_NS_PER_MS)
#define LINES 12
#define LINE_BYTES 100
/* Less than a delayed acknowledgment (40 ms), and more than any service needs for 100 bytes. */
#define LINE_SLOW_NS (25 * CLOCK_NS_PER_MS)
/* Of the processor, while nothing is to be done. */
#define SPINNING_NS (50 * CLOCK_NS_PER_MS)
#define CLIENTS 20
#define LEAK_LEAST 10
#define SETTLE_NS (700 * CLOCK_NS_PER_MS)
#define CLASS_BACKLOG 5
#define FULL_BACKLOG 32
#define BACKLOG_NS (300 * CLOCK_NS_PER_MS)

/* ---- one connection ---- */

static void try_hello(struct diagnosis *diagnosis)
{
	char buffer[8192];
	CLEANUP_FD int fd = encounter_join(diagnosis);
	struct encounter_heard heard;
	size_t extra;

	if (fd < 0)
		return;
	encounter_say(fd, "hello", 5);
	heard = encounter_hear(diagnosis, fd, buffer, 5, diagnosis->trial->patience_ns);
	if (heard.length == 0 && !heard.ended) {
		encounter_say(fd, "\n", 1);
		heard = encounter_hear(diagnosis, fd, buffer, 6, diagnosis->trial->patience_ns);
		if (heard.length < 5)
			return;
		cause_note(diagnosis_add_cause(diagnosis), CAUSE_WAITS_FOR_NEWLINE,
			_("5 bytes without a line feed did not come back; after a line feed they did"));
		return;
	}
	if (heard.length < 5 || memcmp(buffer, "hello", 5) != 0)
		return;
	extra = encounter_hear(diagnosis, fd, buffer, sizeof(buffer), EXTRA_NS).length;
	if (extra == 0)
		return;

	struct cause_found *found = diagnosis_add_cause(diagnosis);

	cause_note(found, CAUSE_SENDS_WHOLE_BUFFER,
		_("5 bytes were sent, and at least %zu came back: 'hello', and %zu bytes that were "
		  "never sent"),
		5 + extra, extra);
	cause_add_fact(found, "sent_bytes", 5);
	cause_add_fact(found, "received_bytes", (int64_t)(5 + extra));
}

static void try_nul(struct diagnosis *diagnosis)
{
	static const char bytes[] = "ab\0cd\n";
	char buffer[64];
	CLEANUP_FD int fd = -1;
	struct encounter_heard heard;

	if (diagnosis_has(diagnosis, CAUSE_SENDS_WHOLE_BUFFER))
		return;
	fd = encounter_join(diagnosis);
	if (fd < 0)
		return;
	encounter_say(fd, bytes, 6);
	heard = encounter_hear(diagnosis, fd, buffer, 6, diagnosis->trial->patience_ns);
	if (heard.length < 2 || heard.length >= 6 || memcmp(buffer, "ab", 2) != 0)
		return;

	struct cause_found *found = diagnosis_add_cause(diagnosis);

	cause_note(found, CAUSE_STOPS_AT_NUL,
		_("of the 6 bytes 'ab\\0cd\\n' %zu came back: the NUL byte was taken for an end"),
		heard.length);
	cause_add_fact(found, "sent_bytes", 6);
	cause_add_fact(found, "received_bytes", (int64_t)heard.length);
}

/* How long a line takes, and whether its first byte came alone. 0: it did not come back. */
static uint64_t time_line(struct diagnosis *diagnosis, int fd, bool *ret_alone)
{
	char line[LINE_BYTES], buffer[LINE_BYTES];
	uint64_t began_ns = clock_now_ns();
	struct encounter_heard heard;
	ssize_t first;
	struct pollfd one = { .fd = fd, .events = POLLIN };

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	encounter_say(fd, line, sizeof(line));
	if (poll(&one, 1, clock_poll_ms(0, diagnosis->trial->patience_ns)) <= 0)
		return 0;
	first = call_recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	if (first <= 0)
		return 0;
	*ret_alone = first < 4;
	heard = encounter_hear(diagnosis, fd, buffer, sizeof(buffer) - (size_t)first,
		diagnosis->trial->patience_ns);
	return heard.length + (size_t)first == sizeof(line) ? clock_now_ns() - began_ns : 0;
}

static void judge_lines(struct diagnosis *diagnosis, int slow, uint64_t slow_ns, uint64_t sum_ns)
{
	char time[DURATION_TEXT_SIZE];
	struct cause_found *found;

	if (slow < LINES / 2) {
		diagnosis_add_note(diagnosis, "line-at-once", RULE_PASS,
			_("%d lines of %d bytes: %s each"), LINES, LINE_BYTES,
			duration_format(sum_ns / LINES, time, sizeof(time)));
		return;
	}
	duration_format(slow_ns / (uint64_t)slow, time, sizeof(time));
	diagnosis->sends_single_bytes = true;
	/* In the chapter's own server that is no mistake, but slow. */
	found = diagnosis->profile == RULE_CHAPTER ? &diagnosis->slow_cause
						   : diagnosis_add_cause(diagnosis);
	cause_note(found, CAUSE_ONE_BYTE_SENDS,
		_("a line of %d bytes takes %s: the first byte comes at once and alone, the others "
		  "later"),
		LINE_BYTES, time);
	cause_add_fact(found, "line_ns", (int64_t)(slow_ns / (uint64_t)slow));
	if (diagnosis->profile == RULE_CHAPTER)
		diagnosis_add_note(diagnosis, "line-at-once", RULE_PASS, _("slow: %s"), found->seen)
			->cause = found;
}

static void try_lines(struct diagnosis *diagnosis)
{
	CLEANUP_FD int fd = encounter_join(diagnosis);
	uint64_t slow_ns = 0, sum_ns = 0;
	int slow = 0;

	for (int i = 0; i < LINES && fd >= 0; i++) {
		bool alone = false;
		uint64_t took_ns = time_line(diagnosis, fd, &alone);

		if (took_ns == 0)
			return;
		sum_ns += took_ns;
		if (alone && took_ns > LINE_SLOW_NS) {
			slow++;
			slow_ns += took_ns;
		}
	}
	if (fd >= 0)
		judge_lines(diagnosis, slow, slow_ns, sum_ns);
}

/* The client has finished, and the service has not. */
static void judge_no_end(struct diagnosis *diagnosis, const struct encounter_heard *heard,
	const struct observation *before, const struct observation *after)
{
	uint64_t processor_ns = after->processor_ns - before->processor_ns;
	struct cause_found *found = diagnosis_add_cause(diagnosis);
	char time[DURATION_TEXT_SIZE];

	if (heard->length > 0) {
		cause_note(found, CAUSE_NO_EOF,
			_("after the client had finished (EOF), it went on sending: %zu bytes that were "
			  "never sent to it"),
			heard->length);
		cause_add_fact(found, "extra_bytes", (int64_t)heard->length);
	} else if (after->processor_ns > before->processor_ns && processor_ns >= SPINNING_NS) {
		cause_note(found, CAUSE_NO_EOF,
			_("after the client had finished (EOF), it did not end the connection, and used "
			  "%s of the processor: it goes round in a loop"),
			duration_format(processor_ns, time, sizeof(time)));
		cause_add_fact(found, "processor_ns", (int64_t)processor_ns);
	} else if (after->processes < before->processes) {
		cause_note(found, CAUSE_LEAKS_IN_PARENT,
			_("the process that served a client has ended, but the client did not see the "
			  "end: its parent still has the connection open"));
	} else {
		cause_note(found, CAUSE_NEVER_CLOSES,
			_("after the client had finished (EOF), the service did not end the connection: "
			  "no FIN for %s"),
			duration_format(diagnosis->trial->patience_ns, time, sizeof(time)));
	}
}

static void try_end(struct diagnosis *diagnosis)
{
	char buffer[8192];
	CLEANUP_FD int fd = encounter_join(diagnosis);
	struct observation before, after;
	struct encounter_heard heard;

	if (!encounter_echoes(diagnosis, fd, "bye\n"))
		return;
	encounter_hear(diagnosis, fd, buffer, sizeof(buffer), EXTRA_NS);
	before = observation_of(diagnosis->service->program.pid);
	call_shutdown(fd, SHUT_WR);
	heard = encounter_hear(
		diagnosis, fd, buffer, sizeof(buffer), diagnosis->trial->patience_ns);
	if (heard.ended)
		return;
	after = observation_of(diagnosis->service->program.pid);
	judge_no_end(diagnosis, &heard, &before, &after);
}

/* ---- several connections ---- */

static void try_next(struct diagnosis *diagnosis)
{
	struct program *program = &diagnosis->service->program;
	char end[128];

	if (diagnosis_has(diagnosis, CAUSE_NO_EOF) || !encounter_visits(diagnosis))
		return;
	if (encounter_visits(diagnosis)) {
		diagnosis_add_note(diagnosis, "next-client", RULE_PASS,
			_("a client left, and the next one was served"));
	} else if (program_ends_within(program, DYING_NS)) {
		cause_note(diagnosis_add_cause(diagnosis), CAUSE_EXITS_AFTER_ONE,
			_("after the first client had left, it %s"),
			program_format_end(program, end, sizeof(end)));
	} else if (!observation_find_listener(diagnosis->service->port, NULL)) {
		cause_note(diagnosis_add_cause(diagnosis), CAUSE_EXITS_AFTER_ONE,
			_("after the first client had left, it runs, but listens no more"));
	} else {
		cause_note(diagnosis_add_cause(diagnosis), CAUSE_EXITS_AFTER_ONE,
			_("after the first client had left, it runs, but serves no other"));
	}
}

static void try_two(struct diagnosis *diagnosis)
{
	char buffer[64];
	int first_fd;
	CLEANUP_FD int second_fd = -1;
	bool both, then;

	if (diagnosis_has(diagnosis, CAUSE_EXITS_AFTER_ONE))
		return;
	first_fd = encounter_join(diagnosis);
	if (first_fd < 0)
		return;
	if (!encounter_echoes(diagnosis, first_fd, "one\n")) {
		call_close(first_fd);
		return;
	}
	second_fd = encounter_join(diagnosis);
	both = encounter_echoes(diagnosis, second_fd, "two\n");
	call_close(first_fd);
	if (both) {
		diagnosis_add_note(diagnosis, "two-clients", RULE_PASS,
			_("a second client was served while the first was connected"));
		return;
	}
	then = second_fd >= 0 &&
		encounter_hear(diagnosis, second_fd, buffer, 4, diagnosis->trial->patience_ns)
				.length == 4;
	cause_note(diagnosis_add_cause(diagnosis), CAUSE_ONE_CLIENT_ONLY,
		then ? _("a second client was served only after the first had left")
		     : _("a second client was not served while the first was connected"));
}

/* A client that is gone before the service can use what it sent. */
static bool dies(struct diagnosis *diagnosis, bool finishes)
{
	const struct program *program = &diagnosis->service->program;
	char bytes[1000];
	CLEANUP_FD int fd = encounter_join(diagnosis);

	if (!encounter_echoes(diagnosis, fd, "one\n"))
		return false;
	memset(bytes, 'x', sizeof(bytes));
	bytes[sizeof(bytes) - 1] = '\n';
	program_pause(program);
	encounter_say(fd, bytes, sizeof(bytes));
	if (finishes)
		call_shutdown(fd, SHUT_WR);
	socket_set_reset_on_close(fd);
	call_close(TAKE_FD(fd));
	program_resume(program);
	return true;
}

static void judge_death(struct diagnosis *diagnosis)
{
	struct program *program = &diagnosis->service->program;
	bool by_signal = WIFSIGNALED(program->status) && WTERMSIG(program->status) == SIGPIPE;
	char end[128], line[256];

	program_format_end(program, end, sizeof(end));
	program_end(program);
	program_last_line(program, line, sizeof(line));
	if (by_signal || strstr(program->tail, "Broken pipe") != NULL ||
		strstr(program->tail, "BrokenPipe") != NULL)
		cause_note(diagnosis_add_cause(diagnosis), CAUSE_DIES_OF_SIGPIPE,
			by_signal ? _("a client died, and the service %s")
				  : _("a client died, and the service %s (Broken pipe)"),
			end);
	else if (line[0] != '\0')
		cause_note(diagnosis_add_cause(diagnosis), CAUSE_DIES_WITH_CLIENT,
			_("a client died, and the service %s ('%s')"), end, line);
	else
		cause_note(diagnosis_add_cause(diagnosis), CAUSE_DIES_WITH_CLIENT,
			_("a client died, and the service %s"), end);
}

/* Until it has done with that client: it has ended, or has as few descriptors open as before. */
static void wait_for_close(struct diagnosis *diagnosis, unsigned before)
{
	struct program *program = &diagnosis->service->program;
	struct patience patience;

	patience_begin(&patience, diagnosis->trial->source, diagnosis->trial->patience_ns);
	while (!program_ends_within(program, EXTRA_NS) &&
		observation_of(program->pid).descriptors > before && !patience_is_over(&patience))
		;
}

static void try_death(struct diagnosis *diagnosis)
{
	if (diagnosis_has(diagnosis, CAUSE_EXITS_AFTER_ONE))
		return;
	for (int i = 0; i < 2; i++) {
		unsigned before = observation_of(diagnosis->service->program.pid).descriptors;
		uint64_t dying_ns;

		if (!dies(diagnosis, i == 0))
			return;
		wait_for_close(diagnosis, before);
		/* One that serves no other client is perhaps about to end, and only has not been reached yet. */
		dying_ns = encounter_visits(diagnosis) ? DYING_NS : diagnosis->trial->patience_ns;
		if (program_ends_within(&diagnosis->service->program, dying_ns)) {
			judge_death(diagnosis);
			return;
		}
	}
}

static void try_descriptors(struct diagnosis *diagnosis)
{
	pid_t group = diagnosis->service->program.pid;
	uint64_t until_ns;
	unsigned before, after;
	struct cause_found *found;

	if (diagnosis_has(diagnosis, CAUSE_NEVER_CLOSES) ||
		diagnosis_has(diagnosis, CAUSE_NO_EOF) ||
		diagnosis_has(diagnosis, CAUSE_LEAKS_IN_PARENT) ||
		diagnosis_has(diagnosis, CAUSE_EXITS_AFTER_ONE) || !encounter_visits(diagnosis))
		return;
	poll(NULL, 0, clock_poll_ms(0, EXTRA_NS));
	before = observation_of(group).descriptors;
	for (int i = 0; i < CLIENTS; i++) {
		if (!encounter_visits(diagnosis))
			return;
	}
	until_ns = clock_after_ns(clock_now_ns(), SETTLE_NS);
	do {
		after = observation_of(group).descriptors;
	} while (after > before + 2 && clock_now_ns() < until_ns &&
		poll(NULL, 0, clock_poll_ms(0, EXTRA_NS)) == 0);
	if (before == 0 || after < before + LEAK_LEAST) {
		diagnosis_add_note(diagnosis, "descriptors", before == 0 ? RULE_SKIP : RULE_PASS,
			before == 0
				? _("the descriptors of the process cannot be seen here")
				: _("%d clients came and went; %u descriptors before, %u after"),
			CLIENTS, before, after);
		return;
	}
	found = diagnosis_add_cause(diagnosis);
	cause_note(found, CAUSE_LEAKS_DESCRIPTORS,
		_("%d clients came and went, and it has %u descriptors open instead of %u"),
		CLIENTS, after, before);
	cause_add_fact(found, "clients", CLIENTS);
	cause_add_fact(found, "descriptors_before", before);
	cause_add_fact(found, "descriptors_after", after);
}

/* How many of `count` can connect while nothing is accepted. */
static int count_queued(struct diagnosis *diagnosis, int count)
{
	struct pollfd pollfds[FULL_BACKLOG];
	uint64_t until_ns;
	int queued = 0;

	for (int i = 0; i < count; i++) {
		pollfds[i] = (struct pollfd){ .fd = -1, .events = POLLOUT };
		socket_open_client(&diagnosis->service->addr, NULL, &pollfds[i].fd, NULL);
		if (pollfds[i].fd >= 0)
			call_connect(pollfds[i].fd, &diagnosis->service->addr.generic,
				diagnosis->service->addr.length);
	}
	until_ns = clock_after_ns(clock_now_ns(), BACKLOG_NS);
	do {
		poll(pollfds, (nfds_t)count, clock_poll_ms(0, EXTRA_NS));
		queued = 0;
		for (int i = 0; i < count; i++)
			queued += pollfds[i].revents == POLLOUT;
	} while (queued < count && clock_now_ns() < until_ns &&
		poll(NULL, 0, clock_poll_ms(0, EXTRA_NS)) == 0);
	for (int i = 0; i < count; i++) {
		if (pollfds[i].fd < 0)
			continue;
		socket_set_reset_on_close(pollfds[i].fd);
		call_close(pollfds[i].fd);
	}
	return queued;
}

static void try_backlog(struct diagnosis *diagnosis)
{
	int least = diagnosis->profile == RULE_CLASS ? CLASS_BACKLOG : FULL_BACKLOG, queued;
	struct cause_found *found;

	program_pause(&diagnosis->service->program);
	queued = count_queued(diagnosis, least);
	program_resume(&diagnosis->service->program);
	if (queued >= least) {
		diagnosis_add_note(diagnosis, "backlog", RULE_PASS,
			_("%d clients could wait while nothing was accepted"), queued);
		return;
	}
	found = diagnosis_add_cause(diagnosis);
	cause_note(found, CAUSE_SMALL_BACKLOG,
		_("while it accepted nothing, %d of %d clients could connect; the others would wait for a "
		  "second"),
		queued, least);
	cause_add_fact(found, "clients", least);
	cause_add_fact(found, "queued", queued);
}

/* ---- all of them ---- */

static const struct {
	enum rule_profile profile;
	void (*run)(struct diagnosis *diagnosis);
} experiments[] = {
	{ RULE_CHAPTER, try_hello },
	{ RULE_CHAPTER, try_end },
	{ RULE_CHAPTER, try_next },
	{ RULE_CHAPTER, try_nul },
	{ RULE_CHAPTER, try_lines },
	{ RULE_CLASS, try_two },
	{ RULE_CLASS, try_death },
	{ RULE_CLASS, overflow_try_full },
	{ RULE_CLASS, overflow_try_half_close },
	{ RULE_CHAPTER, try_descriptors },
	/* The last one: its clients are reset, of which a service may die a moment later. */
	{ RULE_CLASS, try_backlog },
};

/* Once a mistake was found, the time for all is limited. */
static int start(struct diagnosis *diagnosis, bool is_well, struct cause_found *found)
{
	uint64_t now_ns = clock_now_ns(), life_ns = LIFE_NS;

	if (diagnosis->count > 0 && now_ns + life_ns > diagnosis->until_ns)
		life_ns = diagnosis->until_ns > now_ns ? diagnosis->until_ns - now_ns : 0;
	return service_start(diagnosis->service, !diagnosis->is_steady || !is_well, life_ns,
		diagnosis->count == 0 ? 2 * LIFE_NS : 0, diagnosis->trial->interrupt_fd, found);
}

/*
 * The mistake found last leaves the service as it was, and it serves: starting it anew would only cost time, which an
 * interpreter on a busy machine may need seconds of.
 */
static bool is_unharmed(struct diagnosis *diagnosis)
{
	const struct cause *last = diagnosis->found[diagnosis->count - 1].cause;

	return (last == cause_of(CAUSE_ONE_CLIENT_ONLY) || last == cause_of(CAUSE_SMALL_BACKLOG)) &&
		encounter_visits(diagnosis);
}

int examination_run(struct diagnosis *diagnosis)
{
	struct cause_found found;
	uint64_t began_ns = clock_now_ns();
	char time[DURATION_TEXT_SIZE];
	bool is_well = false;
	size_t count, notes;
	int r = start(diagnosis, is_well, &found);

	if (r < 0)
		return r;
	if (r > 0) {
		*diagnosis_add_cause(diagnosis) = found;
		return 0;
	}
	diagnosis_add_note(diagnosis, "starts", RULE_PASS, _("after %s it listens on port %u"),
		duration_format(clock_now_ns() - began_ns, time, sizeof(time)),
		diagnosis->service->port);
	for (size_t i = 0; i < sizeof(experiments) / sizeof(experiments[0]); i++) {
		struct pollfd interrupt = { .fd = diagnosis->trial->interrupt_fd,
			.events = POLLIN };

		if (experiments[i].profile > diagnosis->profile)
			continue;
		if (poll(&interrupt, 1, 0) > 0 ||
			(diagnosis->count > 0 && clock_now_ns() > diagnosis->until_ns))
			return 0;
		/* The first one runs already. What starts once and then no more says nothing new. */
		if (i > 0 && start(diagnosis, is_well, &found) != 0)
			continue;
		count = diagnosis->count;
		notes = diagnosis->note_count;
		experiments[i].run(diagnosis);
		/* It was ended in the middle: what was seen is of our doing. */
		if (atomic_load(&diagnosis->service->program.overdue)) {
			diagnosis->count = count;
			diagnosis->note_count = notes;
			is_well = false;
			continue;
		}
		is_well = diagnosis->count == count || is_unharmed(diagnosis);
		diagnosis->is_steady = diagnosis_note_of(diagnosis, "next-client") != NULL &&
			!diagnosis_has(diagnosis, CAUSE_NO_EOF);
	}
	return 0;
}
