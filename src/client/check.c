/*
 * The order of a check: find the service, try each rule, show it, write the files.
 */
#include "client/check.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/i18n.h"
#include "base/log.h"
#include "client/dial.h"
#include "client/findings.h"
#include "client/idle.h"
#include "client/interrupt.h"
#include "net/call.h"
#include "net/resolve.h"

static bool is_interrupted(int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	return poll(&one, 1, 0) > 0;
}

static int find(const struct addr_spec *spec, struct resolve_list *ret_list)
{
	char text[ADDR_TEXT_SIZE];
	int r = resolve(spec, RESOLVE_CONNECT, ret_list);

	if (r < 0)
		log_error(_("cannot find '%s': %s"), addr_spec_format(spec, text, sizeof(text)),
			resolve_strerror(r));
	return r;
}

/* Datagrams: the address of several that answers, or at least does not refuse, comes first. */
static void choose(const struct rule_trial *trial, struct resolve_list *list)
{
	struct dial_options options = { .timeout_ns = trial->patience_ns };
	struct dial_report report;
	struct addr found;
	int fd;

	if (list->count < 2 || dial(list, &options, &report, &fd, &found) < 0)
		return;
	call_close(fd);
	for (size_t i = 1; i < list->count; i++) {
		if (addr_equal(&list->addrs[i], &found))
			list->addrs[i] = list->addrs[0];
	}
	list->addrs[0] = found;
}

/*
 * Puts an address that answers first. Where nobody does there is nothing to check: that is said once, not
 * once a rule.
 */
static int reach(struct rule_trial *trial, struct resolve_list *list)
{
	int r = 0;

	if (addr_socket_type(list->addrs[0].scheme) != SOCK_STREAM) {
		choose(trial, list);
		return 0;
	}
	for (size_t i = 0; i < list->count; i++) {
		struct addr found = list->addrs[i];
		CLEANUP_FD int fd = -1;

		r = rule_connect_to(trial, &found, &fd);
		if (r == 0) {
			list->addrs[i] = list->addrs[0];
			list->addrs[0] = found;
			return 0;
		}
	}
	log_error(r == -ECONNREFUSED || r == -ENOENT
			? _("%s (is a server running there? 'meari serve' starts one)")
			: "%s",
		trial->evidence);
	return r;
}

static int try_all(
	const struct check_options *options, struct rule_trial *trial, struct findings *findings)
{
	enum addr_scheme scheme = trial->targets->addrs[0].scheme;
	const struct rule *rule;

	for (unsigned i = 0; (rule = rule_nth(i)) != NULL; i++) {
		uint64_t started_ns = clock_now_ns();
		enum rule_verdict verdict;
		int r;

		if (!options->wanted[i] || !(rule->schemes & RULE_OF(scheme)))
			continue;
		trial->evidence[0] = '\0';
		verdict = rule->run(trial);
		/* What was interrupted says nothing about the service. */
		if (is_interrupted(trial->interrupt_fd))
			break;
		r = findings_add(
			findings, rule, verdict, trial->evidence, clock_now_ns() - started_ns);
		if (r < 0)
			return r;
		if (!options->json)
			findings_print_last(findings, stdout);
	}
	return 0;
}

static int write_junit(
	const struct check_options *options, const struct findings *findings, const char *target)
{
	FILE *file = fopen(options->junit_path, "we");
	int r = file == NULL ? -errno : findings_write_junit(findings, target, file);

	if (file != NULL && fclose(file) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		log_error(_("cannot write '%s': %s"), options->junit_path, strerror(-r));
	return r;
}

static int tell(const struct check_options *options, const struct findings *findings)
{
	char target[ADDR_TEXT_SIZE];
	int r = 0;

	addr_spec_format(&options->target, target, sizeof(target));
	if (options->json)
		r = findings_write_json(findings, target, stdout);
	else
		findings_print_sum(findings, stdout);
	if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = errno != 0 ? -errno : -EIO;
	if (r < 0)
		log_error(_("cannot write the output: %s"), strerror(-r));
	if (r == 0 && options->junit_path != NULL)
		r = write_junit(options, findings, target);
	return r;
}

static int run(const struct check_options *options, struct interrupt *interrupt,
	enum check_outcome *ret_outcome)
{
	struct resolve_list targets;
	struct rule_trial trial = {
		.targets = &targets,
		.patience_ns = options->patience_ns,
		.most_bytes = options->most_bytes,
		.interrupt_fd = interrupt->fd,
	};
	struct findings findings = { 0 };
	int r = find(&options->target, &targets);

	*ret_outcome = CHECK_KEPT;
	if (r == 0)
		r = reach(&trial, &targets);
	if (r == 0 && options->idle_ns > 0)
		return idle_find(&trial, options->idle_ns, options->json);
	if (r == 0)
		r = try_all(options, &trial, &findings);
	if (r == 0)
		r = tell(options, &findings);
	if (findings.verdicts[RULE_FAIL] > 0)
		*ret_outcome = CHECK_BROKEN;
	findings_fini(&findings);
	return r;
}

int check(const struct check_options *options, enum check_outcome *ret_outcome)
{
	struct interrupt interrupt;
	int signal, r;

	descriptors_raise_limit();
	r = interrupt_init(&interrupt, NULL);
	if (r < 0) {
		log_error(_("cannot begin: %s"), strerror(-r));
		return r;
	}
	r = run(options, &interrupt, ret_outcome);
	signal = interrupt_take(&interrupt);
	interrupt_fini(&interrupt);
	return signal > 0 ? signal : r;
}
