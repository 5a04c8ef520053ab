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
#include "base/suggest.h"
#include "cli/usage.h"
#include "config.h"
#include "engine/engine.h"
#include "net/quote.h"

/* More names than any verb has options, or any option choices. */
#define MOST_NAMES 100
/* What is typed in front of a name: "meari serve --help". */
#define PROGRAM_LENGTH (sizeof("meari ") - 1)

enum { KEY_USAGE = 0x10000 }; /* outside the keys of verbs; --usage has no letter */

const struct options_row cli_standard_options[] = {
	{ .help = N_("Help:") },
	{ "help", '?', NULL, 0, N_("show this help and exit"), NULL },
	{ NULL, 'h', NULL, OPTIONS_HIDDEN, N_("show this help and exit"), NULL },
	{ "usage", KEY_USAGE, NULL, 0, N_("show the options in short and exit"), NULL },
	{ "version", 'V', NULL, 0, N_("show the version and exit"), NULL },
	{ 0 },
};

/* ---- complaining ---- */

/* Without what a terminal would obey: what was typed is in it, and names from files. NULL: no memory. */
static char *make_printable(const char *message)
{
	size_t left = strlen(message), length;
	char *printable = malloc(4 * left + 1), *end = printable;

	if (printable == NULL)
		return NULL;
	*end = '\0';
	for (; left > 0; message += length, left -= length) {
		length = quote_utf8_length(message, left);
		if (length == 0)
			length = 1;
		if (*message == '\\') /* may be the start of what is spelled out already */
			strcpy(end, "\\");
		else
			quote_bytes(message, length, end, 4 * length + 1);
		end += strlen(end);
	}
	return printable;
}

static int complain(
	struct cli_state *state, const char *meant, const char *format, va_list arguments)
{
	const struct cli_place *place = state->place;
	CLEANUP_FREE char *built = NULL;
	int length = vasprintf(&built, format, arguments);
	CLEANUP_FREE char *printable = length >= 0 ? make_printable(built) : NULL;
	const char *message = printable != NULL ? printable : format;

	if (length < 0)
		built = NULL; /* vasprintf leaves it undefined */

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

/* ---- what was meant ---- */

static size_t add_names(const struct options_row *rows, const char **names, size_t count)
{
	for (; !options_is_end(rows) && count < MOST_NAMES; rows++) {
		if (rows->name != NULL && !(rows->kind & OPTIONS_HIDDEN))
			names[count++] = rows->name;
	}
	return count;
}

const char *cli_nearest_option(const struct options_row *rows, const char *name)
{
	const char *names[MOST_NAMES];

	return suggest_nearest(name, names, add_names(rows, names, 0));
}

const char *cli_nearest_choice(const struct options_row *row, const char *text)
{
	const char *names[MOST_NAMES];
	size_t count = 0;

	while (count < MOST_NAMES && (names[count] = row->choice(count)) != NULL)
		count++;
	return suggest_nearest(text, names, count);
}

/* HOST and PORT, each as typed, in one address; false: they are none. */
static bool join(const char *scheme, const char *host, const char *port, char *address, size_t size)
{
	bool is_literal6 = strchr(host, ':') != NULL && strstr(host, "://") == NULL && *host != '[';
	struct addr_spec spec;

	if (addr_parse(host, &spec, NULL) < 0 || spec.port_given || spec.family == AF_UNIX)
		return false;
	if (snprintf(address, size, is_literal6 ? "%s[%s]:%s" : "%s%s:%s", scheme, host, port) >=
		(int)size)
		return false;
	return addr_parse(address, &spec, NULL) == 0;
}

static bool is_port(const char *text)
{
	uint64_t port;

	return number_parse(text, 1, 65535, &port) == 0;
}

static const char *default_host(const struct options_table *table)
{
	return table->default_host != NULL ? table->default_host : "localhost";
}

/* Other programs have -p PORT and -u for what an address says here. False: this is neither. */
static bool meant_address(const struct cli_state *state, const struct options_scan *scan,
	const char *word, char *meant, size_t size)
{
	char address[ADDR_TEXT_SIZE];
	const char *host = NULL, *port = NULL;
	bool is_udp = strcmp(word, "-u") == 0 || strcmp(word, "--udp") == 0;

	if (strncmp(word, "--port", 6) == 0 && (word[6] == '\0' || word[6] == '='))
		port = word[6] == '=' ? word + 7 : NULL;
	else if (strncmp(word, "-p", 2) == 0)
		port = word[2] != '\0' ? word + 2 : NULL;
	else if (!is_udp)
		return false;
	for (int i = scan->first_argument; i < scan->argc; i++) {
		const char *other = scan->argv[i];

		if (port == NULL && is_port(other))
			port = other;
		else if (host == NULL && other[0] != '-' && !is_port(other))
			host = other;
	}
	if (host != NULL && strstr(host, "://") != NULL && is_udp)
		return false;
	if (port == NULL && is_udp)
		port = "5000";
	if (host == NULL)
		host = default_host(state->table);
	if (port == NULL || state->table->argument_kind != OPTIONS_ADDRESS ||
		!join(strstr(host, "://") != NULL ? ""
				: is_udp          ? "udp://"
						  : "tcp://",
			host, port, address, sizeof(address)))
		return false;
	return snprintf(meant, size, "%s %s", state->title, address) < (int)size;
}

/* -threads for --threads, -C for -c. */
static bool meant_letter(
	const struct cli_state *state, const char *word, char letter, char *meant, size_t size)
{
	char other = (char)(letter ^ ('a' ^ 'A'));
	const char *name = strlen(word) > 3 ? cli_nearest_option(state->table->rows, word + 1)
					    : NULL;

	if (name != NULL)
		return snprintf(meant, size, "--%s", name) < (int)size;
	for (const struct options_row *row = state->table->rows; !options_is_end(row); row++) {
		if (options_letter(row) == other && other >= 'A')
			return snprintf(meant, size, "-%c", other) < (int)size;
	}
	return false;
}

static int complain_of_unknown(
	struct cli_state *state, const struct options_scan *scan, const struct options_fault *fault)
{
	const char *names[MOST_NAMES], *nearest;
	size_t count = add_names(
		cli_standard_options, names, add_names(state->table->rows, names, 0));
	char meant[ADDR_TEXT_SIZE + 32];
	bool found = meant_address(state, scan, fault->word, meant, sizeof(meant));

	if (!found && strncmp(fault->subject, "--", 2) == 0) {
		nearest = suggest_nearest(fault->subject + 2, names, count);
		if (nearest != NULL)
			found = snprintf(meant, sizeof(meant), "--%s", nearest) > 0;
	} else if (!found) {
		found = meant_letter(state, fault->word, fault->subject[1], meant, sizeof(meant));
	}
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

int cli_apply(struct cli_state *state, const struct options_row *row, const char *value)
{
	char list[256] = "";
	size_t length = 0;

	if ((row->kind & OPTIONS_KIND_MASK) != OPTIONS_CHOICE || value == NULL)
		return state->table->take(row->key, value, state);
	for (size_t i = 0; row->choice(i) != NULL && length < sizeof(list); i++) {
		if (strcmp(row->choice(i), value) == 0)
			return state->table->take(row->key, value, state);
		length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s",
			i > 0 ? ", " : "", row->choice(i));
	}
	/* TRANSLATORS: an option, what was given as its value, and what can be given. */
	return cli_complain_meant(state, cli_nearest_choice(row, value),
		_("--%s '%s' is not one of: %s"), row->name, value, list);
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

/* 1: a standard option has been answered, and there is nothing more to do. */
static int read_all(struct cli_state *state, struct options_scan *scan)
{
	const struct options_row *row;
	struct options_fault fault;
	const char *value;
	int r;

	while ((r = options_next(scan, &row, &value, &fault)) > 0) {
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
	struct options_scan scan;
	int r;

	options_start(&scan, table->rows, cli_standard_options, argc, argv);
	r = read_all(&state, &scan);
	if (r == 0)
		return true;
	if (r < 0 && !state.complained)
		log_error(_("cannot read the options: %s"), strerror(-r));
	*ret_status = r > 0 ? CLI_OK : r == -ENOMEM ? CLI_FAILED : CLI_USAGE;
	return false;
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
	char meant[ADDR_TEXT_SIZE];
	struct addr_fault fault;

	if (part == NULL)
		return -ENOMEM;
	/* As an address it would be one of 0.0.0.0/8, where there is no host. */
	if (is_port(part)) {
		bool found = (state->last_argument != NULL &&
				     join("", state->last_argument, part, meant, sizeof(meant))) ||
			join("", default_host(state->table), part, meant, sizeof(meant));

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
	char meant[ADDR_TEXT_SIZE];

	if (*given) {
		bool found = join("", state->last_argument, text, meant, sizeof(meant));

		return cli_complain_meant(state, found ? meant : NULL,
			_("one address is enough, '%s' is one too many"), text);
	}
	*given = true;
	return cli_take_address(state, text, ret_spec);
}
