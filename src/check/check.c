/*
 * The order of a check: open the file, find the service, try each rule, show it, write the files. Whatever
 * ends it early, every rule that was to be tried is in the files: as an error where it was under way, and as
 * not run behind that.
 */
#include "check/check.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/outfile.h"
#include "base/quote.h"
#include "check/examination.h"
#include "check/idle.h"
#include "check/junit.h"
#include "check/presence.h"
#include "check/rehearsal.h"
#include "check/rules.h"
#include "client/dial.h"
#include "client/interrupt.h"
#include "client/isolation.h"
#include "net/resolve.h"

/* What a wrong program may cost, and one rule. */
#define WRONG_NS (12 * CLOCK_NS_PER_S)
#define RULE_NS (8 * CLOCK_NS_PER_S)
#define LEAST_NS CLOCK_NS_PER_S /* less is too little for a rule */
#define ONE_BYTE_MOST                                                                              \
	(64u << 10) /* at once, for a service that sends each byte by a call of its own */

struct run {
	const struct check_options *options;
	const struct interrupt *interrupt;
	int signal; /* that ended it, or 0 */
	struct resolve_list targets;
	struct rule_trial trial;
	struct findings findings;
	struct outfile *junit; /* NULL: none */
	/* With a program: */
	struct service service;
	struct diagnosis diagnosis;
	uint64_t began_ns;
	bool was_well; /* the rule before has passed */
	const char *why_not_run; /* the rest of the rules; NULL: they are run */
};

/* In lines, and not as one object. */
static bool is_for_people(const struct check_options *options)
{
	return !options->json &&
		(options->junit_path == NULL || strcmp(options->junit_path, "-") != 0);
}

/* What is tried, as it was given. */
static const char *format_target(const struct check_options *options, char *buffer, size_t size)
{
	if (options->client != NULL)
		return quote_text(options->client, buffer, size);
	if (options->service.command != NULL)
		return quote_text(options->service.command, buffer, size);
	return addr_spec_format(&options->target, buffer, size);
}

/* ---- the rules ---- */

static bool is_interrupted(struct run *run)
{
	struct pollfd one = { .fd = run->interrupt->fd, .events = POLLIN };

	if (run->signal == 0 && poll(&one, 1, 0) > 0)
		run->signal = interrupt_take(run->interrupt);
	return run->signal > 0;
}

static int add_with_cause(struct run *run, const struct rule *rule, enum rule_verdict verdict,
	const char *evidence, uint64_t took_ns, const struct cause_found *cause)
{
	int r = findings_add(&run->findings, rule, verdict, evidence, took_ns);

	if (r == 0)
		findings_set_cause(&run->findings, cause);
	if (r < 0 || verdict > RULE_NOT_JUDGED || !is_for_people(run->options))
		return r;
	findings_print_last(&run->findings, stdout);
	if (outfile_flush_stdout() < 0)
		run->why_not_run = _("not run: the output cannot be written");
	return 0;
}

static int add(struct run *run, const struct rule *rule, enum rule_verdict verdict,
	const char *evidence, uint64_t took_ns)
{
	return add_with_cause(run, rule, verdict, evidence, took_ns, NULL);
}

static int add_interrupted(struct run *run, const struct rule *rule, uint64_t took_ns)
{
	char text[RULE_EVIDENCE_SIZE];

	snprintf(text, sizeof(text), _("interrupted by a signal (%s)"), strsignal(run->signal));
	findings_set_error(&run->findings, text);
	run->why_not_run = _("not run: the check was interrupted before");
	return add(run, rule, RULE_ERROR, text, took_ns);
}

/* No service is there, which is no verdict on a service. */
static int add_absent(struct run *run, const struct rule *rule, const char *text, uint64_t took_ns)
{
	findings_set_error(&run->findings, text);
	run->why_not_run = _("not run: nothing answers");
	return add(run, rule, RULE_ERROR, text, took_ns);
}

/* The service was there, and is there no more. `evidence` is of the rule, trial->evidence of the service. */
static int add_death(
	struct run *run, const struct rule *rule, const char *evidence, uint64_t took_ns)
{
	char text[2 * RULE_EVIDENCE_SIZE];
	int r = add(run, rule, RULE_FAIL, evidence, took_ns);

	snprintf(
		text, sizeof(text), _("no answer since '%s': %s"), rule->name, run->trial.evidence);
	run->findings.dead_since = rule;
	if (r == 0)
		r = findings_set_error(&run->findings, text);
	run->why_not_run = _("not run: no answer since an earlier rule");
	if (r == 0 && is_for_people(run->options))
		printf("%s\n", text);
	return r;
}

/* Nothing was ever heard from it: only datagrams come so far, connections have been refused before. */
static bool is_unheard(const struct run *run)
{
	return addr_socket_type(run->targets.addrs[0].scheme) != SOCK_STREAM &&
		run->trial.volley.heard == 0 && run->findings.verdicts[RULE_PASS] == 0;
}

/* It may have failed because the service ended, or was ended. */
static int add_program_failure(
	struct run *run, const struct rule *rule, const char *evidence, uint64_t took_ns)
{
	struct program *program = &run->service.program;
	char text[2 * RULE_EVIDENCE_SIZE], end[128];

	if (run->trial.local_trouble)
		return add(run, rule, RULE_SKIP, evidence, took_ns);
	if (atomic_load(&program->starved))
		return add(run, rule, RULE_NOT_JUDGED,
			_("the machine was busy: the service was ready to run, and had too little of "
			  "the processors to do it in time"),
			took_ns);
	if (atomic_load(&program->overdue)) {
		/* Then the time was cut. */
		bool is_wrong = run->findings.verdicts[RULE_FAIL] + run->diagnosis.count > 0;

		return add(run, rule, is_wrong ? RULE_NOT_JUDGED : RULE_FAIL,
			_("the service had not done it when the time for the rule was over"),
			took_ns);
	}
	if (!program_has_ended(program))
		return add(run, rule, RULE_FAIL, evidence, took_ns);
	snprintf(text, sizeof(text), _("the service %s: %s"),
		program_format_end(program, end, sizeof(end)), evidence);
	return add(run, rule, RULE_FAIL, text, took_ns);
}

static int add_failure(struct run *run, const struct rule *rule, uint64_t took_ns)
{
	char evidence[RULE_EVIDENCE_SIZE];
	int error;

	memcpy(evidence, run->trial.evidence, sizeof(evidence));
	if (run->options->scope.subject == RULE_OF_PROGRAM)
		return add_program_failure(run, rule, evidence, took_ns);
	if (run->trial.local_trouble)
		return add(run, rule, RULE_SKIP, evidence, took_ns);
	error = presence_check_again(&run->trial);
	if (error == 0 || is_interrupted(run))
		return add(run, rule, RULE_FAIL, evidence, took_ns);
	if (is_unheard(run)) {
		log_error("%s%s", run->trial.evidence, presence_advice(error));
		return add_absent(run, rule, run->trial.evidence, took_ns);
	}
	return add_death(run, rule, evidence, took_ns);
}

/* Twice as long as an answer may take: a person waiting for the service notices. */
static int add_pass(struct run *run, const struct rule *rule, uint64_t took_ns)
{
	char time[DURATION_TEXT_SIZE];
	char text[RULE_EVIDENCE_SIZE + 64];
	bool is_slow = took_ns > run->trial.waited_ns &&
		(took_ns - run->trial.waited_ns) / 2 > run->options->patience_ns;
	int r;

	snprintf(text, sizeof(text), "%s", run->trial.evidence);
	if (is_slow)
		snprintf(text, sizeof(text), _("slow, it took %s: %s"),
			duration_format(took_ns, time, sizeof(time)), run->trial.evidence);
	r = add(run, rule, RULE_PASS, text, took_ns);
	if (r == 0)
		run->findings.list[run->findings.count - 1].slow = is_slow;
	return r;
}

static int try_one(struct run *run, const struct rule *rule)
{
	struct rule_trial *trial = &run->trial;
	uint64_t started_ns = clock_now_ns();
	enum rule_verdict verdict;

	if (is_interrupted(run))
		return add_interrupted(run, rule, 0);
	trial->evidence[0] = '\0';
	trial->waited_ns = 0;
	trial->local_trouble = false;
	verdict = rule->run(trial);
	started_ns = clock_now_ns() - started_ns;
	/* What was interrupted says nothing about the service. */
	if (is_interrupted(run))
		return add_interrupted(run, rule, started_ns);
	if (verdict == RULE_FAIL)
		return add_failure(run, rule, started_ns);
	if (verdict == RULE_PASS)
		return add_pass(run, rule, started_ns);
	return add(run, rule, verdict, trial->evidence, started_ns);
}

static bool has_mistakes(const struct run *run)
{
	return run->findings.verdicts[RULE_FAIL] + run->diagnosis.count > 0;
}

/* How long a rule may take; 0: there is no time left. */
static uint64_t rule_time_ns(const struct run *run)
{
	uint64_t now_ns = clock_now_ns(), end_ns = run->began_ns + WRONG_NS;

	if (!has_mistakes(run))
		return RULE_NS;
	if (now_ns + LEAST_NS > end_ns)
		return 0;
	return end_ns - now_ns < RULE_NS ? end_ns - now_ns : RULE_NS;
}

/* On a service started anew, unless all has been well. */
static int try_on_program(struct run *run, const struct rule *rule)
{
	bool is_well = run->diagnosis.is_steady && run->was_well;
	uint64_t time_ns = rule_time_ns(run);
	struct cause_found found;
	size_t passed;
	int r;

	if (is_interrupted(run))
		return add_interrupted(run, rule, 0);
	if (time_ns == 0)
		return add(run, rule, RULE_NOT_JUDGED,
			_("no time was left: a wrong service gets 15 s"), 0);
	r = service_start(&run->service, !is_well, time_ns,
		time_ns == RULE_NS && !has_mistakes(run) ? 2 * RULE_NS : 0, run->interrupt->fd,
		&found);
	if (r < 0 && !is_interrupted(run))
		return add(run, rule, RULE_NOT_JUDGED,
			r == -EADDRINUSE
				? _("the port is still held by an old connection; with {port} in the "
				    "command each rule gets a port of its own")
				: strerror(-r),
			0);
	if (r > 0)
		return add(run, rule, RULE_NOT_JUDGED, found.seen, 0);
	run->targets.count = 1;
	run->targets.addrs[0] = run->service.addr;
	run->trial.until_ns = clock_after_ns(clock_now_ns(), time_ns);
	passed = run->findings.verdicts[RULE_PASS];
	r = try_one(run, rule);
	run->was_well = run->findings.verdicts[RULE_PASS] > passed;
	return r;
}

/* What the diagnosis has found out about a rule; or the rule itself. */
static int try_with_diagnosis(struct run *run, const struct rule *rule)
{
	const struct diagnosis *diagnosis = &run->diagnosis;
	const struct cause_found *found = diagnosis_cause_of(diagnosis, rule->name);
	const struct diagnosis_note *note = diagnosis_note_of(diagnosis, rule->name);
	int r;

	if (found != NULL)
		return add_with_cause(run, rule, RULE_FAIL, found->seen, 0, found);
	found = diagnosis_explanation_of(diagnosis, rule->name);
	if (found != NULL)
		return add_with_cause(run, rule, RULE_NOT_JUDGED, found->seen, 0, found);
	if (rule->run != NULL)
		return try_on_program(run, rule);
	if (is_interrupted(run))
		return add_interrupted(run, rule, 0);
	if (note == NULL)
		return add(run, rule, RULE_NOT_JUDGED,
			_("it could not be tried, because of what failed before"), 0);
	r = add_with_cause(run, rule, note->verdict, note->evidence, 0, note->cause);
	if (r == 0)
		run->findings.list[run->findings.count - 1].slow = note->cause != NULL;
	return r;
}

/* All that are wanted: tried, or noted as not run. `error`: why not even the first can be; NULL: it can. */
static int try_all(struct run *run, const char *error)
{
	const struct check_options *options = run->options;
	const struct rule *rule;
	int r = 0;

	for (unsigned i = 0; r == 0 && (rule = rules_nth(i)) != NULL; i++) {
		bool fits = scope_fits(&options->scope, rule);

		if (!options->wanted[i] || (!fits && !options->asked))
			continue;
		if (run->why_not_run != NULL)
			r = add(run, rule, RULE_NOT_RUN, run->why_not_run, 0);
		else if (error != NULL)
			r = add_absent(run, rule, error, 0);
		else if (!fits)
			r = add(run, rule, RULE_SKIP, scope_why_not(&options->scope, rule), 0);
		else if (options->scope.subject != RULE_OF_ANY)
			r = try_with_diagnosis(run, rule);
		else
			r = try_one(run, rule);
	}
	return r;
}

/* ---- what it reports ---- */

/* Opened before all the work: a path that cannot be written is found early. */
static int open_junit(struct run *run)
{
	const char *path = run->options->junit_path;
	int r = path != NULL ? outfile_open(path, &run->junit) : 0;

	if (r < 0)
		log_error(_("cannot write '%s': %s"), path, strerror(-r));
	return r;
}

static int write_junit(struct run *run, const char *target)
{
	const char *through = run->options->through;
	int r = junit_write(
		&run->findings, through != NULL ? through : target, outfile_stream(run->junit));

	r = outfile_commit(run->junit, r);
	run->junit = NULL;
	/* main() reports errors of standard output. */
	if (r < 0 && is_for_people(run->options))
		log_error(_("cannot write '%s': %s"), run->options->junit_path, strerror(-r));
	return r;
}

static int write_stdout(struct run *run, const char *target, bool was_tried)
{
	char address[ADDR_TEXT_SIZE];
	int r = 0;

	if (run->options->json) {
		if (run->targets.count > 0)
			addr_format(&run->targets.addrs[0], address, sizeof(address));
		r = findings_write_json(
			&run->findings, target, run->targets.count > 0 ? address : NULL, stdout);
	} else if (is_for_people(run->options) && was_tried) {
		findings_print_sum(&run->findings, stdout);
	}

	int written = outfile_flush_stdout();

	return written < 0 ? written : r;
}

/* Both, also where one of them fails. 0, or the first error. */
static int report(struct run *run, bool was_tried)
{
	char text[ADDR_TEXT_SIZE];
	const char *target = format_target(run->options, text, sizeof(text));
	int r = write_stdout(run, target, was_tried);
	int more = run->junit != NULL ? write_junit(run, target) : 0;

	return r < 0 ? r : more;
}

/* A name may have several addresses: which one is checked must be known. */
static void print_address(const struct run *run)
{
	char target[ADDR_TEXT_SIZE], address[ADDR_TEXT_SIZE], name[ADDR_TEXT_SIZE];

	addr_spec_format(&run->options->target, target, sizeof(target));
	addr_format(&run->targets.addrs[0], address, sizeof(address));
	if (!is_for_people(run->options))
		return;
	if (run->options->through != NULL)
		printf(_("judging '%s', the way to '%s'\n"),
			quote_text(run->options->through, name, sizeof(name)), address);
	else if (strcmp(target, address) != 0)
		printf(_("checking '%s' at '%s'\n"), target, address);
}

/* ---- the whole of it ---- */

/* The program's mistakes. -errno: it could not be run because of this machine. */
static int diagnose(struct run *run, char *ret_error, size_t size)
{
	const struct check_options *options = run->options;
	int r;

	run->diagnosis = (struct diagnosis){
		.service = &run->service,
		.trial = &run->trial,
		.profile = options->scope.profile,
		.until_ns = run->began_ns + WRONG_NS,
	};
	if (options->client == NULL)
		run->trial.source = (struct patience_source){ service_look, &run->service };
	r = options->client != NULL
		? rehearsal_run(&run->diagnosis, options->client, &options->service.limits)
		: examination_run(&run->diagnosis);
	if (r == -EINTR)
		return 0; /* each rule will say so */
	run->was_well = run->diagnosis.count == 0;
	run->findings.took_ns = clock_now_ns() - run->began_ns;
	run->findings.causes = run->diagnosis.found;
	run->findings.cause_count = run->diagnosis.count;
	if (run->diagnosis.sends_single_bytes && run->trial.most_bytes > ONE_BYTE_MOST)
		run->trial.most_bytes = ONE_BYTE_MOST;
	if (r == -EADDRINUSE)
		snprintf(ret_error, size,
			_("port %u is in use (end the program that has it, or write {port} into the "
			  "command)"),
			options->service.fixed_port);
	else if (r < 0)
		snprintf(ret_error, size, _("cannot run '%s': %s"),
			options->client != NULL ? options->client : options->service.command,
			strerror(-r));
	return r;
}

static int find(struct run *run, char *ret_error, size_t size)
{
	char text[ADDR_TEXT_SIZE];
	int r;

	if (run->options->scope.subject != RULE_OF_ANY)
		return diagnose(run, ret_error, size);
	r = resolve(&run->options->target, RESOLVE_CONNECT, &run->targets);

	if (r < 0) {
		run->targets.count = 0;
		snprintf(ret_error, size, _("cannot find '%s': %s"),
			addr_spec_format(&run->options->target, text, sizeof(text)),
			resolve_strerror(r));
		return r;
	}
	r = presence_find(&run->trial, &run->targets);
	if (r < 0)
		snprintf(ret_error, size, "%s%s", run->trial.evidence, presence_advice(r));
	return r;
}

/* With points: all of them were earned. */
static bool is_kept(const struct run *run)
{
	const struct findings *findings = &run->findings;

	if (findings->grade != NULL)
		return findings_score(findings) == findings->grade->of;
	return findings->verdicts[RULE_FAIL] == 0 && findings->cause_count == 0;
}

static int try_and_report(struct run *run, enum check_outcome *ret_outcome)
{
	const struct findings *findings = &run->findings;
	char error[ADDR_TEXT_SIZE + RULE_EVIDENCE_SIZE];
	int reported, r = find(run, error, sizeof(error));
	bool was_found = r == 0;

	if (!was_found && !is_interrupted(run))
		log_error("%s", error);
	if (was_found && run->options->scope.subject == RULE_OF_ANY)
		print_address(run);
	if (was_found || !is_interrupted(run))
		r = try_all(run, was_found ? NULL : error) < 0 ? -ENOMEM : r;
	else
		r = try_all(run, NULL); /* each is noted as interrupted */
	reported = report(
		run, was_found && (findings->verdicts[RULE_ERROR] == 0 || run->signal > 0));
	if (r == 0)
		r = reported;
	if (r == -ENOMEM)
		log_error("%s", strerror(ENOMEM));
	if (r == 0 && findings->verdicts[RULE_ERROR] > 0)
		r = -ETIMEDOUT;
	*ret_outcome = is_kept(run) ? CHECK_KEPT : CHECK_BROKEN;
	if (r == 0 && *ret_outcome == CHECK_KEPT && findings->verdicts[RULE_PASS] == 0) {
		log_error(_("nothing was checked: every rule was skipped"));
		r = -ENODATA;
	} else if (r == 0 && *ret_outcome == CHECK_KEPT &&
		findings->verdicts[RULE_NOT_JUDGED] > 0) {
		log_error(ngettext("this is no verdict: %zu rule could not be judged",
				  "this is no verdict: %zu rules could not be judged",
				  findings->verdicts[RULE_NOT_JUDGED]),
			findings->verdicts[RULE_NOT_JUDGED]);
		r = -ENODATA;
	}
	return r;
}

static int run_idle(struct run *run)
{
	char error[ADDR_TEXT_SIZE + RULE_EVIDENCE_SIZE];
	int r = find(run, error, sizeof(error));

	if (r == 0)
		return idle_find(&run->trial, run->options->idle_ns, run->options->json);
	if (is_interrupted(run))
		return r;
	log_error("%s", error);
	if (run->options->json)
		idle_write_error(error);
	return r;
}

/* Before any thread or socket of ours. */
static int isolate(const struct check_options *options)
{
	char reason[ISOLATION_REASON_SIZE], target[ADDR_TEXT_SIZE];
	int r = isolation_enter(reason, sizeof(reason));

	if (r < 0)
		log_error(
			_("cannot isolate '%s': %s; without --isolate it runs in this machine's network (a "
			  "container needs --security-opt seccomp=unconfined, WSL version 2)"),
			format_target(options, target, sizeof(target)), reason);
	return r;
}

int check(const struct check_options *options, enum check_outcome *ret_outcome)
{
	struct interrupt interrupt;
	int r = options->isolate ? isolate(options) : 0;

	*ret_outcome = CHECK_KEPT;
	if (r < 0)
		return r;
	descriptors_raise_limit();
	r = interrupt_init(&interrupt, NULL);
	if (r < 0) {
		log_error(_("cannot begin: %s"), strerror(-r));
		return r;
	}

	struct run run = {
		.options = options, .interrupt = &interrupt, .began_ns = clock_now_ns()
	};

	run.service.options = &options->service;
	run.findings.hint = options->hint;
	run.findings.grade = options->grade;
	run.findings.through = options->through;
	run.trial = (struct rule_trial){
		.targets = &run.targets,
		.tls = { .context = options->tls, .host = options->target.host },
		.patience_ns = options->patience_ns,
		.most_bytes = options->most_bytes,
		.proxy = options->proxy,
		.through = options->through,
		.interrupt_fd = interrupt.fd,
		.until_ns = CLOCK_NEVER,
		.first_fd = -1,
	};
	r = open_junit(&run);
	if (r == 0)
		r = options->idle_ns > 0 ? run_idle(&run) : try_and_report(&run, ret_outcome);
	is_interrupted(&run);
	service_end(&run.service);
	if (run.trial.first_fd >= 0)
		channel_close(run.trial.first_fd);
	volley_fini(&run.trial.volley);
	outfile_discard(run.junit);
	findings_fini(&run.findings);
	interrupt_fini(&interrupt);
	return run.signal > 0 ? run.signal : r;
}
