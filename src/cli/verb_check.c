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
#include "cli/tls_options.h"
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
	KEY_SEND_PROXY,
	KEY_THROUGH,
	KEY_TRACE,
	KEY_RUN,
	KEY_CLIENT,
	KEY_PORT,
	KEY_PROFILE,
	KEY_HINT,
	KEY_GRADE,
	KEY_LIMIT_TIME,
	KEY_LIMIT_MEMORY,
	KEY_ISOLATE,
};

static const char *const profiles[] = {
	[RULE_CHAPTER] = "chapter",
	[RULE_CLASS] = "class",
	[RULE_FULL] = "full",
	[RULE_PATH] = "path",
};

static const char *profile_choice(size_t index)
{
	return index < sizeof(profiles) / sizeof(profiles[0]) ? profiles[index] : NULL;
}

static const char *hint_choice(size_t index)
{
	static const char *const hints[] = { "0", "1", "2", "3" };

	return index < sizeof(hints) / sizeof(hints[0]) ? hints[index] : NULL;
}

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
	{ "profile", KEY_PROFILE, "NAME", OPTIONS_CHOICE,
		N_("chapter (one client at a time), class (several), full (default), or path (what stands "
		   "before a service)"),
		profile_choice },
	{ "through", KEY_THROUGH, "NAME", OPTIONS_TEXT,
		N_("the echo at ADDRESS is known to be exact: judge NAME, the way to it (profile path)") },
	{ "timeout", KEY_TIMEOUT, "TIME", OPTIONS_TIME,
		N_("how long to wait for an answer (default: 5s; of a program: 1s)") },
	{ "size", KEY_SIZE, "SIZE", OPTIONS_SIZE,
		N_("bytes of one conversation, at most (default: 64M)") },
	{ "idle", KEY_IDLE, "TIME", OPTIONS_TIME,
		N_("instead of rules: find out how long a silent connection lives, up to TIME") },
	{ "send-proxy", KEY_SEND_PROXY, "SPEC", OPTIONS_TEXT | OPTIONS_OPTIONAL,
		N_("begin with a PROXY header: v1 (default) or v2; with ,from=ADDRESS another client's") },
	{ .help = N_("A program of your own:") },
	{ "run", KEY_RUN, "COMMAND", OPTIONS_TEXT,
		N_("start this service, anew for each rule, instead of ADDRESS; {port} is its port") },
	{ "client", KEY_CLIENT, "COMMAND", OPTIONS_TEXT,
		N_("start this client instead; {host} and {port} are the server's") },
	{ "port", KEY_PORT, "N", OPTIONS_NUMBER,
		N_("the port of a service whose command has no {port} (default: 5000)") },
	{ "grade", KEY_GRADE, "FILE", OPTIONS_FILE,
		N_("give points; a line of the file is a rule and its points") },
	{ "limit-time", KEY_LIMIT_TIME, "TIME", OPTIONS_TIME,
		N_("end a program that has used the processor for so long") },
	{ "limit-memory", KEY_LIMIT_MEMORY, "SIZE", OPTIONS_SIZE,
		N_("give a program no more memory than that") },
	{ "isolate", KEY_ISOLATE, NULL, 0,
		N_("run it in a network of its own, which has nothing but loopback") },
	{ .help = N_("What it reports:") },
	{ "hint", KEY_HINT, "0|1|2|3", OPTIONS_CHOICE,
		N_("0: verdicts; 1: and what was seen; 2: and the mistake (default); 3: and where to read"),
		hint_choice },
	{ "json", KEY_JSON, NULL, 0, N_("write one JSON object instead of lines") },
	{ "junit", KEY_JUNIT, "FILE", OPTIONS_FILE,
		N_("also write JUnit XML, for a CI system (-: to standard output, instead of lines)") },
	{ "trace", KEY_TRACE, NULL, 0,
		N_("every socket call as it is made, with its arguments and result") },
	TLS_OPTIONS_CLIENT_ROWS,
	{ 0 },
};

struct check_input {
	struct tls_client_options tls;
	struct check_options check;
	bool target_given, some_wanted, some_skipped, list;
	bool skipped[CHECK_MOST_RULES];
	bool port_given, limited, profile_given;
	struct send_proxy proxy;
	struct grade grade;
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

static int take_grade(struct cli_state *state, const char *path)
{
	struct check_input *input = state->input;
	struct grade_fault fault;
	int r = grade_load(path, &input->grade, &fault);

	if (r == 0) {
		input->check.grade = &input->grade;
		return 0;
	}
	if (fault.why == NULL)
		return cli_complain(state, _("cannot read '%s': %s"), path, strerror(-r));
	if (fault.line == 0)
		return cli_complain(state, "'%s': %s", path, fault.why);
	if (fault.name[0] == '\0')
		return cli_complain(state, _("'%s', line %u: %s"), path, fault.line, fault.why);
	return cli_complain_meant(state, meant_choice(options_find(rows, "rule"), fault.name),
		_("'%s', line %u: '%s' is no rule; --list shows them"), path, fault.line,
		fault.name);
}

/* The rules of what is tried, as a list; returns `buffer`. */
static const char *list_fitting(const struct check_options *check, char *buffer, size_t size)
{
	const struct rule *rule;
	size_t used = 0;

	buffer[0] = '\0';
	for (unsigned i = 0; (rule = rules_nth(i)) != NULL && used < size; i++) {
		if (scope_fits(&check->scope, rule))
			used += (size_t)snprintf(buffer + used, size - used, "%s%s",
				used > 0 ? ", " : "", rule->name);
	}
	return buffer;
}

/* A check of nothing must not pass. */
static int finish_rules(struct cli_state *state, struct check_input *input)
{
	struct check_options *check = &input->check;
	char names[1024], target[ADDR_TEXT_SIZE];
	const struct rule *rule;
	bool any = false;

	check->scope.scheme = check->target.scheme;
	check->asked = input->some_wanted || check->grade != NULL;
	for (unsigned i = 0; (rule = rules_nth(i)) != NULL; i++) {
		if (!input->some_wanted)
			check->wanted[i] = check->grade == NULL ||
				grade_points(check->grade, rule) >= 0;
		if (input->skipped[i])
			check->wanted[i] = false;
		if (check->wanted[i] && scope_fits(&check->scope, rule))
			any = true;
	}
	if (!any)
		return cli_complain(state,
			_("no rule is left to try at '%s'; the rules for it are: %s"),
			check->client != NULL ? check->client
				: check->service.command != NULL
				? check->service.command
				: addr_spec_format(&check->target, target, sizeof(target)),
			list_fitting(check, names, sizeof(names)));
	return 0;
}

/* What a program's options mean, and which of them do not go together. */
static int finish_program(struct cli_state *state, struct check_input *input)
{
	struct check_options *check = &input->check;
	const char *command = check->client != NULL ? check->client : check->service.command;

	if (command == NULL && (input->limited || check->isolate || input->port_given))
		return cli_complain(state,
			_("--port, --limit-time, --limit-memory and --isolate need --run or --client"));
	if (check->patience_ns == 0)
		check->patience_ns = command != NULL ? CHECK_PROGRAM_PATIENCE_NS
						     : CHECK_DEFAULT_PATIENCE_NS;
	if (command == NULL)
		return input->target_given
			? 0
			: cli_complain(state, _("which service? an ADDRESS is missing"));
	if (input->target_given || (check->client != NULL && check->service.command != NULL))
		return cli_complain(
			state, _("only one of ADDRESS, --run and --client can be checked"));
	if (command[strspn(command, " \t\n")] == '\0')
		return cli_complain(state, _("the command to be run is empty"));
	if (check->idle_ns > 0)
		return cli_complain(state, _("--idle needs an ADDRESS"));
	if (program_has_port(command) && input->port_given)
		return cli_complain(state, _("--port is for a command without {port}"));
	if (check->client == NULL && program_has_port(command))
		check->service.fixed_port = 0;
	if (check->client != NULL && !program_has_port(command))
		return cli_complain(state, _("the command of a client needs {port}"));
	check->target = (struct addr_spec){ .scheme = ADDR_TCP, .family = AF_INET };
	check->scope.subject = check->client != NULL ? RULE_OF_CLIENT : RULE_OF_PROGRAM;
	return 0;
}

static int finish_path(struct cli_state *state, struct check_input *input)
{
	struct check_options *check = &input->check;

	check->scope.proxied = check->proxy != NULL;
	if (check->through == NULL)
		return 0;
	if (check->scope.subject != RULE_OF_ANY)
		return cli_complain(
			state, _("--through needs an ADDRESS: a way leads to a service"));
	if (check->through[0] == '\0')
		return cli_complain(state, _("--through needs a name for the way"));
	if (!input->profile_given)
		check->scope.profile = RULE_PATH;
	return 0;
}

static int finish_all(struct cli_state *state, struct check_input *input)
{
	bool to_stdout = input->check.junit_path != NULL &&
		strcmp(input->check.junit_path, "-") == 0;

	if (input->list)
		return 0;
	if (finish_program(state, input) < 0 ||
		take_check_proxy(state, input->check.proxy, &input->check.target) < 0)
		return -EINVAL;
	if (input->check.proxy != NULL && input->check.scope.subject == RULE_OF_CLIENT)
		return cli_complain(
			state, _("--send-proxy is what a client sends, and --client is one"));
	if (finish_path(state, input) < 0)
		return -EINVAL;
	if (input->check.json && to_stdout)
		return cli_complain(state, _("--json and --junit - both want standard output"));
	if (input->check.idle_ns == 0)
		return finish_rules(state, input);
	if (addr_socket_type(input->check.target.scheme) != SOCK_STREAM)
		return cli_complain(
			state, _("--idle is about connections, and datagrams have none"));
	if (input->some_wanted || input->some_skipped || input->check.junit_path != NULL ||
		input->check.grade != NULL)
		return cli_complain(state,
			_("--idle tries no rules: --rule, --skip, --grade and --junit do not go with it"));
	return 0;
}

static int finish(struct cli_state *state, struct check_input *input)
{
	int r = finish_all(state, input);

	return r == 0 && !input->list ? tls_options_open_client(&input->tls, &input->check.target,
						state, &input->check.tls)
				      : r;
}

static int take_port(struct cli_state *state, const char *text)
{
	struct check_input *input = state->input;
	uint64_t port;
	int r = take_count(state, "--port", text, 1, 65535, &port);

	if (r == 0)
		input->check.service.fixed_port = (uint16_t)port;
	return r;
}

/* The number of a choice that cli_apply() has found among them. */
static unsigned choose(const char *(*choice)(size_t index), const char *text)
{
	unsigned i = 0;

	while (strcmp(choice(i), text) != 0)
		i++;
	return i;
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
	case KEY_SEND_PROXY: return take_send_proxy(state, text, &input->proxy, &check->proxy);
	case KEY_SIZE: return take_size(state, "--size", text, 1, 1ull << 40, &check->most_bytes);
	case KEY_RUN: check->service.command = text; return 0;
	case KEY_CLIENT: check->client = text; return 0;
	case KEY_PORT: input->port_given = true; return take_port(state, text);
	case KEY_THROUGH: check->through = text; return 0;
	case KEY_PROFILE:
		input->profile_given = true;
		check->scope.profile = choose(profile_choice, text);
		return 0;
	case KEY_HINT: check->hint = choose(hint_choice, text); return 0;
	case KEY_GRADE: return take_grade(state, text);
	case KEY_LIMIT_TIME:
		input->limited = true;
		return take_time(state, "--limit-time", text, &check->service.limits.time_ns);
	case KEY_LIMIT_MEMORY:
		input->limited = true;
		return take_size(state, "--limit-memory", text, 1u << 20, 1ull << 40,
			&check->service.limits.memory_bytes);
	case KEY_ISOLATE: check->isolate = true; return 0;
	case KEY_TRACE: call_set_hook(call_trace_to_stderr); return 0;
	case CLI_KEY_ARGUMENT:
		return cli_take_target(state, text, &input->target_given, &check->target);
	case CLI_KEY_END: return finish(state, input);
	default: return tls_options_take_client(&input->tls, key, text, state);
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
	.about = N_(
		"Holds an echo service, or a program of your own, to the rules of an echo, and reports "
		"which it keeps, which it breaks, and by which mistake."),
};

enum cli_status verb_check(int argc, char **argv)
{
	struct check_input input = {
		.check = {
			.scope.profile = RULE_FULL,
			.hint = FINDINGS_CAUSE,
			.service.fixed_port = ADDR_DEFAULT_PORT,
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
	tls_context_free(input.check.tls);
	if (r > 0)
		return (enum cli_status)(128 + r);
	if (r < 0)
		return CLI_FAILED;
	return outcome == CHECK_KEPT ? CLI_OK : CLI_UNMET;
}
