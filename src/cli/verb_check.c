/*
 * `meari check`: reads the options and hands them to the check. What an option means is written in
 * docs/man/meari-check.1.
 */
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"
#include "check/check.h"
#include "check/rules.h"
#include "cli/cli.h"
#include "cli/meant.h"
#include "cli/take.h"
#include "net/call.h"

enum option_key {
	KEY_RULE = 256,
	KEY_SKIP,
	KEY_LIST,
	KEY_JSON,
	KEY_JUNIT,
	KEY_IDLE,
	KEY_TIMEOUT,
	KEY_SIZE,
	KEY_TRACE,
};

static const char *rule_choice(size_t index)
{
	const struct rule *rule = rules_nth((unsigned)index);

	return rule != NULL ? rule->name : NULL;
}

static const struct options_row rows[] = {
	{ .help = N_("What is tried:") },
	{ "rule", KEY_RULE, "NAME", OPTIONS_NAME, N_("only this rule; may be given again"),
		rule_choice },
	{ "skip", KEY_SKIP, "NAME", OPTIONS_NAME, N_("not this rule; may be given again"),
		rule_choice },
	{ "list", KEY_LIST, NULL, 0, N_("show the rules and exit") },
	{ "timeout", KEY_TIMEOUT, "TIME", OPTIONS_TIME,
		N_("how long to wait for an answer (default: 5s)") },
	{ "size", KEY_SIZE, "SIZE", OPTIONS_SIZE,
		N_("bytes of one conversation, at most (default: 64M)") },
	{ "idle", KEY_IDLE, "TIME", OPTIONS_TIME,
		N_("instead of rules: find out how long a silent connection lives, up to TIME") },
	{ .help = N_("What it tells:") },
	{ "json", KEY_JSON, NULL, 0, N_("write one JSON object instead of lines") },
	{ "junit", KEY_JUNIT, "FILE", OPTIONS_FILE,
		N_("also write JUnit XML, for a CI system (-: to standard output, instead of lines)") },
	{ "trace", KEY_TRACE, NULL, 0,
		N_("every socket call as it is made, with its arguments and result") },
	{ 0 },
};

struct check_input {
	struct check_options check;
	bool target_given, some_wanted, some_skipped, list;
	bool skipped[CHECK_MOST_RULES];
};

static int number_of(const char *name)
{
	const struct rule *rule;

	for (unsigned i = 0; (rule = rules_nth(i)) != NULL; i++) {
		if (strcmp(rule->name, name) == 0)
			return (int)i;
	}
	return -1;
}

static int take_rule(struct cli_state *state, const char *option, const char *name, bool *list)
{
	int number = number_of(name);

	if (number < 0)
		return cli_complain_meant(state, meant_choice(options_find(rows, option + 2), name),
			_("%s '%s' is no rule; --list shows them"), option, name);
	list[number] = true;
	return 0;
}

/* The rules of this kind of address, as a list; returns `buffer`. */
static const char *list_fitting(enum addr_scheme scheme, char *buffer, size_t size)
{
	const struct rule *rule;
	size_t used = 0;

	buffer[0] = '\0';
	for (unsigned i = 0; (rule = rules_nth(i)) != NULL && used < size; i++) {
		if (rule->schemes & RULE_OF(scheme))
			used += (size_t)snprintf(buffer + used, size - used, "%s%s",
				used > 0 ? ", " : "", rule->name);
	}
	return buffer;
}

/* A check of nothing must not pass. */
static int finish_rules(struct cli_state *state, struct check_input *input)
{
	enum addr_scheme scheme = input->check.target.scheme;
	char names[1024], target[ADDR_TEXT_SIZE];
	const struct rule *rule;
	bool any = false;

	input->check.asked = input->some_wanted;
	for (unsigned i = 0; (rule = rules_nth(i)) != NULL; i++) {
		if (!input->some_wanted)
			input->check.wanted[i] = true;
		if (input->skipped[i])
			input->check.wanted[i] = false;
		if (input->check.wanted[i] && rule->schemes & RULE_OF(scheme))
			any = true;
	}
	if (!any)
		return cli_complain(state,
			_("no rule is left to try at '%s'; the rules for it are: %s"),
			addr_spec_format(&input->check.target, target, sizeof(target)),
			list_fitting(scheme, names, sizeof(names)));
	return 0;
}

static int finish(struct cli_state *state, struct check_input *input)
{
	bool to_stdout = input->check.junit_path != NULL &&
		strcmp(input->check.junit_path, "-") == 0;

	if (input->list)
		return 0;
	if (!input->target_given)
		return cli_complain(state, _("which service? an ADDRESS is missing"));
	if (input->check.json && to_stdout)
		return cli_complain(state, _("--json and --junit - both want standard output"));
	if (input->check.idle_ns == 0)
		return finish_rules(state, input);
	if (addr_socket_type(input->check.target.scheme) != SOCK_STREAM)
		return cli_complain(
			state, _("--idle is about connections, and datagrams have none"));
	if (input->some_wanted || input->some_skipped || input->check.junit_path != NULL)
		return cli_complain(state,
			_("--idle tries no rules: --rule, --skip and --junit do not go with it"));
	return 0;
}

static int take(int key, const char *text, struct cli_state *state)
{
	struct check_input *input = state->input;
	struct check_options *check = &input->check;

	switch (key) {
	case KEY_RULE:
		input->some_wanted = true;
		return take_rule(state, "--rule", text, check->wanted);
	case KEY_SKIP:
		input->some_skipped = true;
		return take_rule(state, "--skip", text, input->skipped);
	case KEY_LIST: input->list = true; return 0;
	case KEY_JSON: check->json = true; return 0;
	case KEY_JUNIT: check->junit_path = text; return 0;
	case KEY_IDLE: return take_time(state, "--idle", text, &check->idle_ns);
	case KEY_TIMEOUT: return take_time(state, "--timeout", text, &check->patience_ns);
	case KEY_SIZE: return take_size(state, "--size", text, 1, 1ull << 40, &check->most_bytes);
	case KEY_TRACE: call_set_hook(call_trace_to_stderr); return 0;
	case CLI_KEY_ARGUMENT:
		return cli_take_target(state, text, &input->target_given, &check->target);
	case CLI_KEY_END: return finish(state, input);
	default: return CLI_UNKNOWN_KEY;
	}
}

static enum cli_status list_rules(void)
{
	const struct rule *rule;

	for (unsigned i = 0; (rule = rules_nth(i)) != NULL; i++)
		printf("%-23s %s\n", rule->name, _(rule->promise));
	return CLI_OK;
}

const struct options_table verb_check_options = {
	.rows = rows,
	.take = take,
	.arguments = N_("ADDRESS"),
	.argument_kind = OPTIONS_ADDRESS,
	.about = N_("Holds an echo service, any one, to the rules of an echo, and tells which it "
		    "keeps and which it breaks."),
};

enum cli_status verb_check(int argc, char **argv)
{
	struct check_input input = {
		.check = {
			.patience_ns = CHECK_DEFAULT_PATIENCE_NS,
			.most_bytes = CHECK_DEFAULT_MOST_BYTES,
		},
	};
	enum check_outcome outcome;
	int r;

	enum cli_status status;

	if (!cli_parse(&verb_check_options, argc, argv, &input, &status))
		return status;
	if (input.list)
		return list_rules();
	r = check(&input.check, &outcome);
	if (r > 0)
		return (enum cli_status)(128 + r);
	if (r < 0)
		return CLI_FAILED;
	return outcome == CHECK_KEPT ? CLI_OK : CLI_UNMET;
}
