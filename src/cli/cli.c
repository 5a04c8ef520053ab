/*
 * From a command line to a verb's own options, and one line for whatever is wrong with it: the subject in
 * quotes, the reason, and the next step, which is what was probably meant, or the help.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/number.h"
#include "cli/meant.h"
#include "cli/usage.h"
#include "config.h"
#include "engine/engine.h"

/* What is typed in front of a name: "meari serve --help". */
#define PROGRAM_LENGTH (sizeof("meari ") - 1)

enum { KEY_USAGE = 0x10000, KEY_LANG }; /* outside the keys of verbs; these have no letter */

const struct options_row cli_standard_options[] = {
	{ .help = N_("Help:") },
	{ "help", '?', NULL, 0, N_("show this help and exit"), NULL },
	{ NULL, 'h', NULL, OPTIONS_HIDDEN, N_("show this help and exit"), NULL },
	{ "usage", KEY_USAGE, NULL, 0, N_("show the options in short and exit"), NULL },
	{ "version", 'V', NULL, 0, N_("show the version and exit"), NULL },
	{ "lang", KEY_LANG, N_("LANGUAGE"), OPTIONS_CHOICE,
		N_("language of messages: ko or en (default: by LANG)"), i18n_language },
	{ 0 },
};

/* ---- complaining ---- */

static int complain(
	struct cli_state *state, const char *meant, const char *format, va_list arguments)
{
	const struct cli_place *place = state->place;
	CLEANUP_FREE char *built = NULL;
	int length = vasprintf(&built, format, arguments);

	if (length < 0)
		built = NULL; /* vasprintf leaves it undefined */

	const char *message = built != NULL ? built : format;

	state->complained = true;
	if (place != NULL && meant != NULL)
		log_error(_("'%s', line %u, column %zu: %s (did you mean '%s'?)"), place->path,
			place->line, place->column, message, meant);
	else if (place != NULL)
		log_error(_("'%s', line %u, column %zu: %s (see '%s --help')"), place->path,
			place->line, place->column, message, state->title);
	else if (meant != NULL)
		log_error(_("%s (did you mean '%s'?)"), message, meant);
	else
		log_error(_("%s (see '%s --help')"), message, state->title);
	return -EINVAL;
}

int cli_complain(struct cli_state *state, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);

	int r = complain(state, NULL, format, arguments);

	va_end(arguments);
	return r;
}

int cli_complain_meant(struct cli_state *state, const char *meant, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);

	int r = complain(state, meant, format, arguments);

	va_end(arguments);
	return r;
}

/* ---- wrong options ---- */

static int complain_of_unknown(
	struct cli_state *state, const struct options_scan *scan, const struct options_fault *fault)
{
	char meant[MEANT_SIZE];
	bool found = meant_option(
		state->table, cli_standard_options, state->title, scan, fault, meant);

	return cli_complain_meant(state, found ? meant : NULL, _("unknown option '%s' of '%s'"),
		fault->subject, state->title + PROGRAM_LENGTH);
}

static int complain_of(
	struct cli_state *state, const struct options_scan *scan, const struct options_fault *fault)
{
	switch (fault->trouble) {
	case OPTIONS_UNKNOWN: break;
	case OPTIONS_UNCLEAR:
		return cli_complain(state, _("option '%s' is not clear: it could be --%s or --%s"),
			fault->subject, fault->row->name, fault->other->name);
	case OPTIONS_LACKS_VALUE:
		return cli_complain(state, _("option '%s' needs a value, %s"), fault->subject,
			_(fault->row->value));
	case OPTIONS_TAKES_NO_VALUE:
		return cli_complain(state, _("option '%s' takes no value"), fault->subject);
	}
	return complain_of_unknown(state, scan, fault);
}

/* ---- reading ---- */

/* 0: the value is one that can be given. */
static int check_choice(struct cli_state *state, const struct options_row *row, const char *value)
{
	char list[256] = "";
	size_t length = 0;

	if ((row->kind & OPTIONS_KIND_MASK) != OPTIONS_CHOICE || value == NULL)
		return 0;
	for (size_t i = 0; row->choice(i) != NULL && length < sizeof(list); i++) {
		if (strcmp(row->choice(i), value) == 0)
			return 0;
		length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s",
			i > 0 ? ", " : "", row->choice(i));
	}
	/* TRANSLATORS: an option, what was given as its value, and what can be given. */
	return cli_complain_meant(state, meant_choice(row, value), _("--%s '%s' is not one of: %s"),
		row->name, value, list);
}

int cli_apply(struct cli_state *state, const struct options_row *row, const char *value)
{
	int r = check_choice(state, row, value);

	return r < 0 ? r : state->table->take(row->key, value, state);
}

static bool is_standard(const struct options_row *row)
{
	const struct options_row *first = cli_standard_options;

	return row >= first &&
		row < first + sizeof(cli_standard_options) / sizeof(cli_standard_options[0]);
}

static void answer(const struct cli_state *state, int key)
{
	unsigned width = usage_width(stdout);

	if (key == 'V')
		printf("meari %s\n", MEARI_VERSION);
	else if (key == KEY_USAGE)
		usage_short(state->table, cli_standard_options, state->title, width, stdout);
	else
		usage_help(state->table, cli_standard_options, state->title, width, stdout);
}

/*
 * --lang holds for everything that is printed, also for what stands before it on the command line; so it is
 * looked for first. `copy` has room for all words, which a scan reorders. What else is wrong is for read_all().
 */
static int choose_language(struct cli_state *state, int argc, char **argv, char **copy)
{
	const struct options_row *row;
	struct options_scan scan;
	struct options_fault fault;
	const char *value, *language = NULL;
	int r;

	memcpy(copy, argv, (size_t)argc * sizeof(*argv));
	options_start(&scan, state->table->rows, cli_standard_options, argc, copy);
	while ((r = options_next(&scan, &row, &value, &fault)) != 0) {
		if (r < 0)
			scan.letters = NULL;
		if (r < 0 || row->key != KEY_LANG)
			continue;
		r = check_choice(state, row, value);
		if (r < 0)
			return r;
		language = value;
	}
	if (language != NULL)
		i18n_choose(language);
	return 0;
}

/* 1: a standard option has been answered, and there is nothing more to do. */
static int read_all(struct cli_state *state, struct options_scan *scan)
{
	const struct options_row *row;
	struct options_fault fault;
	const char *value;
	int r;

	while ((r = options_next(scan, &row, &value, &fault)) > 0) {
		if (row->key == KEY_LANG)
			continue;
		if (is_standard(row)) {
			answer(state, row->key);
			return 1;
		}
		r = cli_apply(state, row, value);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return complain_of(state, scan, &fault);
	for (int i = scan->first_argument; r == 0 && i < scan->argc; i++) {
		r = state->table->take(CLI_KEY_ARGUMENT, scan->argv[i], state);
		state->last_argument = scan->argv[i];
	}
	if (r == 0)
		r = state->table->take(CLI_KEY_END, NULL, state);
	return r == CLI_UNKNOWN_KEY ? 0 : r;
}

bool cli_parse(const struct options_table *table, int argc, char **argv, void *input,
	enum cli_status *ret_status)
{
	struct cli_state state = { .table = table, .title = argv[0], .input = input };
	CLEANUP_FREE char **copy = calloc((size_t)argc + 1, sizeof(*copy));
	struct options_scan scan;
	int r;

	options_start(&scan, table->rows, cli_standard_options, argc, argv);
	r = copy == NULL ? -ENOMEM : choose_language(&state, argc, argv, copy);
	if (r == 0)
		r = read_all(&state, &scan);
	if (r == 0)
		return true;
	if (r < 0 && !state.complained)
		log_error(_("cannot read the options: %s"), strerror(-r));
	*ret_status = r > 0 ? CLI_OK : r == -ENOMEM ? CLI_FAILED : CLI_USAGE;
	return false;
}

int cli_take_language(int *argc, char **argv, bool everywhere)
{
	static const char option[] = "--lang";
	const size_t length = sizeof(option) - 1;
	const struct options_row *row = options_find(cli_standard_options, option + 2);
	struct cli_state state = { .title = "meari" };

	for (int i = 1; i < *argc;) {
		const char *word = argv[i], *value;
		int words = 1, r;

		if (strncmp(word, option, length) != 0 ||
			(word[length] != '=' && word[length] != '\0')) {
			if (!everywhere)
				break;
			i++;
			continue;
		}
		value = word[length] == '=' ? word + length + 1 : argv[i + words++];
		if (value == NULL)
			return cli_complain(
				&state, _("option '%s' needs a value, %s"), option, _(row->value));
		r = check_choice(&state, row, value);
		if (r < 0)
			return r;
		i18n_choose(value);
		*argc -= words;
		/* With the NULL behind the last word. */
		memmove(argv + i, argv + i + words, (size_t)(*argc - i + 1) * sizeof(*argv));
	}
	return 0;
}

/* ---- values of several verbs ---- */

const char *cli_engine_choice(size_t index)
{
	return index == 0                        ? "auto"
		: engine_list[index - 1] != NULL ? engine_list[index - 1]->name
						 : NULL;
}

int cli_parse_busy_poll(const char *text, uint64_t *ret_ns)
{
	if (strcmp(text, "auto") != 0)
		return duration_parse(text, ret_ns);
	*ret_ns = ENGINE_BUSY_POLL_AUTO;
	return 0;
}

int cli_take_address_part(
	struct cli_state *state, const char *text, size_t length, struct addr_spec *ret_spec)
{
	CLEANUP_FREE char *part = strndup(text, length);
	char meant[MEANT_SIZE];
	struct addr_fault fault;

	if (part == NULL)
		return -ENOMEM;
	/* As an address it would be one of 0.0.0.0/8, where there is no host. */
	if (meant_is_port(part)) {
		bool found = (state->last_argument != NULL &&
				     meant_join("", state->last_argument, part, meant)) ||
			meant_join("", meant_default_host(state->table), part, meant);

		return cli_complain_meant(
			state, found ? meant : NULL, _("'%s' is a port without a host"), text);
	}
	if (addr_parse(part, ret_spec, &fault) < 0)
		return cli_complain(state, _("'%s' is not an address: %s (column %zu)"), text,
			fault.text, fault.column + 1);
	return 0;
}

int cli_take_address(struct cli_state *state, const char *text, struct addr_spec *ret_spec)
{
	return cli_take_address_part(state, text, strlen(text), ret_spec);
}

int cli_take_target(
	struct cli_state *state, const char *text, bool *given, struct addr_spec *ret_spec)
{
	char meant[MEANT_SIZE];

	if (*given) {
		bool found = meant_join("", state->last_argument, text, meant);

		return cli_complain_meant(state, found ? meant : NULL,
			_("one address is enough, '%s' is one too many"), text);
	}
	*given = true;
	return cli_take_address(state, text, ret_spec);
}
