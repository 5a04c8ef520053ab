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
#include "cli/meant.h"

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
		return fail(ret_fault, end, _("a name is followed by a blank or '='"));
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
			return fail(ret_fault, strlen(line), _("a NUL byte is not text"));
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

/* What a wrong name was probably meant to be. */
static const char *nearest(const struct options_row *rows, const char *name)
{
	const char *option = meant_name(rows, name);
	bool is_refused = option != NULL && strcmp(option, "config") == 0;
	const char *const names[] = { is_refused ? NULL : option, "address" };

	return suggest_nearest(name, names, sizeof(names) / sizeof(names[0]));
}

static int apply_entry(
	const struct settings_entry *entry, struct cli_state *state, struct cli_place *place)
{
	const struct options_row *rows = state->table->rows, *row = options_find(rows, entry->name);
	bool is_address = strcmp(entry->name, "address") == 0;
	bool takes_value = is_address || (row != NULL && row->value != NULL);

	place->column = entry->name_column + 1;
	if (strcmp(entry->name, "config") == 0)
		return cli_complain(state, _("a file cannot name another one"));
	/* The language is chosen before the file is read, and the others print something and end. */
	if (row == NULL && options_find(cli_standard_options, entry->name) != NULL)
		return cli_complain(
			state, _("'%s' is for the command line, not for a file"), entry->name);
	if (row == NULL && !is_address)
		return cli_complain_meant(state, nearest(rows, entry->name),
			_("there is no option '%s'"), entry->name);
	place->column = entry->value_column + 1;
	if (takes_value && entry->value == NULL && (is_address || !(row->kind & OPTIONS_OPTIONAL)))
		return cli_complain(state, _("'%s' needs a value"), entry->name);
	if (!takes_value && entry->value != NULL)
		return cli_complain(state, _("'%s' takes no value"), entry->name);
	if (is_address)
		return state->table->take(CLI_KEY_ARGUMENT, entry->value, state);
	return cli_apply(state, row, entry->value);
}

int settings_apply(const char *path, struct cli_state *state, char **ret_text)
{
	struct cli_place place = { .path = path };
	struct settings_reader reader;
	struct settings_entry entry;
	struct settings_fault fault;
	size_t length = 0;
	int applied = 0, r = read_whole(path, ret_text, &length);

	if (r < 0)
		return cli_complain(state, _("cannot read '%s': %s"), path, strerror(-r));
	settings_init(&reader, *ret_text, length);
	state->place = &place;
	while (applied == 0 && (r = settings_next(&reader, &entry, &fault)) != 0) {
		place.line = reader.line;
		if (r > 0) {
			applied = apply_entry(&entry, state, &place);
		} else {
			place.column = fault.column + 1;
			applied = cli_complain(state, "%s", fault.why);
		}
	}
	state->place = NULL;
	return applied;
}
