/*
 * Two kinds of mistakes: a slip of the fingers, and the habit of another program, in which the port and UDP are
 * options (nc, iperf, most servers). Here both are a part of the address.
 */
#include "cli/meant.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/suggest.h"

/* More names than any verb has options, or any option choices. */
#define MOST_NAMES 100
#define DEFAULT_PORT_TEXT "5000"

/* ---- names ---- */

static size_t add_names(const struct options_row *rows, const char **names, size_t count)
{
	for (; !options_is_end(rows) && count < MOST_NAMES; rows++) {
		if (rows->name != NULL && !(rows->kind & OPTIONS_HIDDEN))
			names[count++] = rows->name;
	}
	return count;
}

const char *meant_name(const struct options_row *rows, const char *name)
{
	const char *names[MOST_NAMES];

	return suggest_nearest(name, names, add_names(rows, names, 0));
}

const char *meant_choice(const struct options_row *row, const char *text)
{
	const char *names[MOST_NAMES];
	size_t count = 0;

	while (count < MOST_NAMES && (names[count] = row->choice(count)) != NULL)
		count++;
	return suggest_nearest(text, names, count);
}

/* ---- addresses ---- */

bool meant_is_port(const char *text)
{
	uint64_t port;

	return number_parse(text, 1, UINT16_MAX, &port) == 0;
}

const char *meant_default_host(const struct options_table *table)
{
	return table->default_host != NULL ? table->default_host : "localhost";
}

bool meant_join(
	const char *scheme, const char *host, const char *port, char meant[static MEANT_SIZE])
{
	bool is_literal6 = strchr(host, ':') != NULL && strstr(host, "://") == NULL && *host != '[';
	struct addr_spec spec;

	if (addr_parse(host, &spec, NULL) < 0 || spec.port_given || spec.family == AF_UNIX)
		return false;
	if (snprintf(meant, MEANT_SIZE, is_literal6 ? "%s[%s]:%s" : "%s%s:%s", scheme, host,
		    port) >= MEANT_SIZE)
		return false;
	return addr_parse(meant, &spec, NULL) == 0;
}

/* What other programs have options for. */
static const struct habit {
	const char *name;
	bool is_udp, needs_port;
} habits[] = {
	{ "--port", .needs_port = true },
	{ "-p", .needs_port = true },
	{ "--udp", .is_udp = true },
	{ "-u", .is_udp = true },
	{ "--host" },
	{ "--bind" },
	{ "--address" },
	{ "--listen" },
	{ "-l" },
};

/* `word` is one of them, or one with its value attached: then that is `ret_value`, otherwise NULL. */
static const struct habit *find_habit(const char *word, const char **ret_value)
{
	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
		size_t length = strlen(habits[i].name);
		bool is_long = habits[i].name[1] == '-';
		const char *rest = word + length;

		if (strncmp(word, habits[i].name, length) != 0 ||
			(*rest != '\0' && (is_long ? *rest != '=' : !meant_is_port(rest))))
			continue;
		*ret_value = *rest == '\0' ? NULL : is_long ? rest + 1 : rest;
		return &habits[i];
	}
	return NULL;
}

/* Whether this word is an option of the table, and its value is the next word. */
static bool takes_next(const struct options_row *row, const char *word)
{
	for (; word[0] == '-' && !options_is_end(row); row++) {
		bool is_this = (row->name != NULL && strncmp(word, "--", 2) == 0 &&
				       strcmp(word + 2, row->name) == 0) ||
			(word[1] != '\0' && word[1] == options_letter(row) && word[2] == '\0');

		if (is_this)
			return row->value != NULL && !(row->kind & OPTIONS_OPTIONAL);
	}
	return false;
}

struct pieces {
	const char *host, *port;
	bool is_udp;
};

static void gather(struct pieces *pieces, const char *word)
{
	const char *value = word;
	const struct habit *habit = find_habit(word, &value);

	pieces->is_udp = pieces->is_udp || (habit != NULL && habit->is_udp);
	if (value == NULL)
		return;
	if (meant_is_port(value)) {
		if (pieces->port == NULL)
			pieces->port = value;
	} else if (pieces->host == NULL && value[0] != '-') {
		pieces->host = value;
	}
}

/* The command with the address that is spread over the option `word` and what is left of the line. */
static bool meant_address(const struct options_table *table, const char *title,
	const struct options_scan *scan, const char *word, char meant[static MEANT_SIZE])
{
	const char *value, *scheme;
	const struct habit *habit = find_habit(word, &value);
	struct pieces pieces = { 0 };
	char address[MEANT_SIZE];

	if (habit == NULL || table->argument_kind != OPTIONS_ADDRESS)
		return false;
	gather(&pieces, word);
	for (int i = scan->first_argument; i < scan->argc; i++) {
		if (takes_next(table->rows, scan->argv[i]))
			i++;
		else
			gather(&pieces, scan->argv[i]);
	}
	scheme = pieces.is_udp ? "udp://" : "tcp://";
	if (pieces.host != NULL && strstr(pieces.host, "://") != NULL) {
		if (pieces.is_udp)
			return false;
		scheme = "";
	}
	if (pieces.port == NULL && habit->needs_port)
		return false;
	if (!meant_join(scheme, pieces.host != NULL ? pieces.host : meant_default_host(table),
		    pieces.port != NULL ? pieces.port : DEFAULT_PORT_TEXT, address))
		return false;
	return snprintf(meant, MEANT_SIZE, "%s %s", title, address) < MEANT_SIZE;
}

/* ---- options ---- */

/* -threads for --threads, -C for -c. */
static bool meant_letter(const struct options_row *rows, const char *word, char letter,
	char meant[static MEANT_SIZE])
{
	char other = (char)(letter ^ ('a' ^ 'A'));
	const char *name = strlen(word) > 3 ? meant_name(rows, word + 1) : NULL;

	if (name != NULL)
		return snprintf(meant, MEANT_SIZE, "--%s", name) < MEANT_SIZE;
	for (; !options_is_end(rows); rows++) {
		if (options_letter(rows) == other && other >= 'A')
			return snprintf(meant, MEANT_SIZE, "-%c", other) < MEANT_SIZE;
	}
	return false;
}

bool meant_option(const struct options_table *table, const struct options_row *more,
	const char *title, const struct options_scan *scan, const struct options_fault *fault,
	char meant[static MEANT_SIZE])
{
	const char *names[MOST_NAMES], *nearest;
	size_t count = add_names(more, names, add_names(table->rows, names, 0));

	if (meant_address(table, title, scan, fault->word, meant))
		return true;
	if (strncmp(fault->subject, "--", 2) != 0)
		return meant_letter(table->rows, fault->word, fault->subject[1], meant);
	nearest = suggest_nearest(fault->subject + 2, names, count);
	return nearest != NULL && snprintf(meant, MEANT_SIZE, "--%s", nearest) < MEANT_SIZE;
}
