/*
 * Names are looked up in the verb's own table of options, and only in full: a file outlives the
 * version in which a short form was still clear. What a value means is the verb's own affair; what it
 * complains of gets the place in the file in front (struct cli_place).
 */
#include "cli/settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/suggest.h"
#include "cli/cli.h"

/* ---- lines ---- */

void settings_init(struct settings_reader *reader, char *text, size_t length)
{
	text[length] = '\0';
	*reader = (struct settings_reader){ .next = text, .end = text + length };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static int fail(struct settings_fault *ret_fault, size_t column, const char *why)
{
	*ret_fault = (struct settings_fault){ column, why };
	return -EINVAL;
}

/* The next line as a string, without its end and the blanks before that; NULL: there is none. */
static char *take_line(struct settings_reader *reader, size_t *ret_length)
{
	char *line = reader->next, *end;

	if (line == reader->end)
		return NULL;
	end = memchr(line, '\n', (size_t)(reader->end - line));
	reader->next = end != NULL ? end + 1 : reader->end;
	if (end == NULL)
		end = reader->end;
	while (end > line && (is_blank(end[-1]) || end[-1] == '\r'))
		end--;
	*end = '\0';
	reader->line++;
	*ret_length = (size_t)(end - line);
	return line;
}

/* `line` is not empty and no comment from `at` on. */
static int split(
	char *line, size_t at, struct settings_entry *ret_entry, struct settings_fault *ret_fault)
{
	struct settings_entry entry = { .name_column = at };
	size_t end;

	if (strncmp(line + at, "--", 2) == 0)
		at += 2;
	for (end = at; is_of_name(line[end]); end++)
		;
	if (end == at)
		return fail(ret_fault, at, _("a line begins with the name of an option"));
	entry.name = line + at;

	size_t value = end + strspn(line + end, " \t");
	bool assigned = line[value] == '=';

	if (assigned)
		value += 1 + strspn(line + value + 1, " \t");
	else if (value == end && line[end] != '\0')
		return fail(ret_fault, end, _("behind a name comes a blank or '='"));
	if (assigned && line[value] == '\0')
		return fail(ret_fault, value, _("there is no value behind '='"));
	entry.value = line[value] != '\0' ? line + value : NULL;
	entry.value_column = value;
	line[end] = '\0';
	*ret_entry = entry;
	return 1;
}

int settings_next(struct settings_reader *reader, struct settings_entry *ret_entry,
	struct settings_fault *ret_fault)
{
	size_t length;
	char *line;

	while ((line = take_line(reader, &length)) != NULL) {
		size_t start = strspn(line, " \t");

		if (strlen(line) < length)
			return fail(ret_fault, strlen(line), _("a zero byte is no text"));
		if (line[start] != '\0' && line[start] != '#')
			return split(line, start, ret_entry, ret_fault);
	}
	return 0;
}

/* ---- files ---- */

/* -EFBIG: larger than the cap. */
static int read_whole(const char *path, char **ret_text, size_t *ret_length)
{
	FILE *file = fopen(path, "re");
	char *text = file != NULL ? malloc(SETTINGS_MOST_BYTES + 2) : NULL;
	size_t length;
	int r = 0;

	if (text == NULL) {
		r = -errno;
		if (file != NULL)
			fclose(file);
		return r;
	}
	errno = 0;
	length = fread(text, 1, SETTINGS_MOST_BYTES + 1, file);
	if (ferror(file))
		r = errno != 0 ? -errno : -EIO;
	else if (length > SETTINGS_MOST_BYTES)
		r = -EFBIG;
	fclose(file);
	if (r < 0) {
		free(text);
		return r;
	}
	*ret_text = text;
	*ret_length = length;
	return 0;
}

static const struct argp_option *find(const struct argp_option *options, const char *name)
{
	/* Titles of groups have no name; what ends the table has no words either. */
	for (; options->name != NULL || options->doc != NULL; options++) {
		if (options->name != NULL && strcmp(options->name, name) == 0)
			return options;
	}
	return NULL;
}

static error_t complain_of_name(
	struct argp_state *state, const struct argp_option *options, const char *name)
{
	const char *names[100] = { "address" };
	const char *meant;
	size_t count = 1;

	for (; options->name != NULL || options->doc != NULL; options++) {
		if (options->name != NULL && count < sizeof(names) / sizeof(names[0]))
			names[count++] = options->name;
	}
	meant = suggest_nearest(name, names, count);
	if (meant == NULL)
		return cli_complain(state, _("there is no option '%s'"), name);
	return cli_complain(state, _("there is no option '%s'; did you mean '%s'?"), name, meant);
}

static error_t apply_entry(const struct settings_entry *entry, const struct argp_option *options,
	argp_parser_t parser, struct argp_state *state, struct cli_place *place)
{
	const struct argp_option *option = find(options, entry->name);
	bool is_address = strcmp(entry->name, "address") == 0;

	place->column = entry->name_column + 1;
	if (strcmp(entry->name, "config") == 0)
		return cli_complain(state, _("a file cannot name another one"));
	if (option == NULL && !is_address)
		return complain_of_name(state, options, entry->name);
	bool takes_value = is_address || option->arg != NULL;

	place->column = entry->value_column + 1;
	if (takes_value && entry->value == NULL)
		return cli_complain(state, _("'%s' needs a value"), entry->name);
	if (!takes_value && entry->value != NULL)
		return cli_complain(state, _("'%s' takes no value"), entry->name);
	/* argp's contract has char *; none of our parsers writes to it. */
	return parser(is_address ? ARGP_KEY_ARG : option->key, (char *)entry->value, state);
}

error_t settings_apply(const char *path, const struct argp_option *options, argp_parser_t parser,
	struct argp_state *state, char **ret_text)
{
	struct cli_place place = { .path = path };
	struct settings_reader reader;
	struct settings_entry entry;
	struct settings_fault fault;
	size_t length = 0;
	error_t error = 0;
	int r = read_whole(path, ret_text, &length);

	if (r < 0)
		return cli_complain(state, _("cannot read '%s': %s"), path, strerror(-r));
	settings_init(&reader, *ret_text, length);
	state->hook = &place;
	while (error == 0 && (r = settings_next(&reader, &entry, &fault)) != 0) {
		place.line = reader.line;
		if (r > 0) {
			error = apply_entry(&entry, options, parser, state, &place);
		} else {
			place.column = fault.column + 1;
			error = cli_complain(state, "%s", fault.why);
		}
	}
	state->hook = NULL;
	return error;
}
