/*
 * The list of rules, and the few steps that all of them take.
 */
#include "client/rule.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "client/dial.h"
#include "net/call.h"

static const struct rule *const lists[] = {
	rule_bytes_list,
	rule_ending_list,
	rule_others_list,
	rule_datagram_list,
};

const struct rule *rule_find(const char *name)
{
	for (unsigned i = 0;; i++) {
		const struct rule *rule = rule_nth(i);

		if (rule == NULL || strcmp(rule->name, name) == 0)
			return rule;
	}
}

const struct rule *rule_nth(unsigned n)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (const struct rule *rule = lists[i]; rule->name != NULL; rule++) {
			if (n-- == 0)
				return rule;
		}
	}
	return NULL;
}

enum rule_verdict rule_say(
	struct rule_trial *trial, enum rule_verdict verdict, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(trial->evidence, sizeof(trial->evidence), format, arguments);
	va_end(arguments);
	return verdict;
}

int rule_connect_to(struct rule_trial *trial, const struct addr *target, int *ret_fd)
{
	struct resolve_list one = { .count = 1, .addrs = { *target } };
	struct dial_options options = { .timeout_ns = trial->patience_ns };
	struct dial_report report;
	struct addr reached;
	int r = dial(&one, &options, &report, ret_fd, &reached);

	if (r < 0) {
		char text[ADDR_TEXT_SIZE];

		rule_say(trial, RULE_FAIL, _("cannot connect to '%s': %s"),
			addr_format(target, text, sizeof(text)), strerror(-r));
	}
	return r;
}

int rule_connect(struct rule_trial *trial, int *ret_fd)
{
	return rule_connect_to(trial, &trial->targets->addrs[0], ret_fd);
}

bool rule_exchange_on(struct rule_trial *trial, int fd, const struct exchange_plan *plan)
{
	struct ending ending;
	char text[ENDING_TEXT_SIZE];

	exchange_run(fd, plan, &ending);
	if (ending.kind == ENDING_FINE)
		return true;
	rule_say(trial, RULE_FAIL, "%s", ending_format(&ending, text, sizeof(text)));
	return false;
}

bool rule_exchange(struct rule_trial *trial, const struct exchange_plan *plan)
{
	CLEANUP_FD int fd = -1;

	return rule_connect(trial, &fd) == 0 && rule_exchange_on(trial, fd, plan);
}
