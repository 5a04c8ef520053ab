/*
 * An option's line has two columns: how it is written, and what it does. Where the terminal is too
 * narrow for both, what it does goes below.
 */
#include "cli/usage.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/number.h"
#include "base/text.h"

/* The second column begins here at the latest; longer options have a line of their own. */
#define MOST_TEXT_COLUMN 30
/* It is not made narrower than this. */
#define LEAST_TEXT_WIDTH 34
/* ... but goes below, indented so far. */
#define TEXT_BELOW_COLUMN 10

#define HEAD_SIZE 128

unsigned usage_width(FILE *out)
{
	const char *columns = getenv("COLUMNS");
	struct winsize window = { 0 };
	uint64_t width;

	if (columns == NULL || number_parse(columns, 1, 10000, &width) < 0) {
		width = USAGE_DEFAULT_WIDTH;
		if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &window) == 0 &&
			window.ws_col > 0)
			width = window.ws_col;
	}
	if (width < USAGE_LEAST_WIDTH)
		width = USAGE_LEAST_WIDTH;
	return width < USAGE_MOST_WIDTH ? (unsigned)width : USAGE_MOST_WIDTH;
}

/* ---- words ---- */

/* The columns of the character at `text`, with its bytes; what is none counts as one. */
static unsigned character_width(const char *text, size_t length, size_t *ret_bytes)
{
	uint32_t code;
	int taken = text_decode(text, length, &code);

	*ret_bytes = taken > 0 ? (size_t)taken : 1;
	return taken > 0 ? text_columns(code) : 1;
}

static unsigned width_of(const char *text, size_t length)
{
	unsigned columns = 0;
	size_t bytes;

	for (; length > 0; text += bytes, length -= bytes)
		columns += character_width(text, length, &bytes);
	return columns;
}

void usage_end_line(struct usage_text *text)
{
	fputc('\n', text->out);
	text->column = 0;
	text->fresh = true;
}

static void indent_to(struct usage_text *text, unsigned column)
{
	if (column > text->column) {
		fprintf(text->out, "%*s", (int)(column - text->column), "");
		text->column = column;
	}
}

void usage_go_to(struct usage_text *text, unsigned column)
{
	if (!text->fresh && text->column + 2 > column)
		usage_end_line(text);
	text->indent = column;
	text->fresh = true;
}

/* A word longer than a line is cut between characters. */
static void write_word(struct usage_text *text, const char *word, size_t length)
{
	unsigned columns = width_of(word, length);
	size_t bytes;

	if (!text->fresh && text->column + 1 + columns > text->width)
		usage_end_line(text);
	if (!text->fresh) {
		fputc(' ', text->out);
		text->column++;
	} else {
		indent_to(text, text->indent);
	}
	text->fresh = false;
	for (; length > 0; word += bytes, length -= bytes) {
		columns = character_width(word, length, &bytes);
		if (text->column + columns > text->width) {
			usage_end_line(text);
			indent_to(text, text->indent);
			text->fresh = false;
		}
		fwrite(word, 1, bytes, text->out);
		text->column += columns;
	}
}

void usage_write(struct usage_text *text, const char *words)
{
	while (*words != '\0') {
		size_t length = strcspn(words, " \n");

		if (length > 0)
			write_word(text, words, length);
		else if (*words == '\n')
			usage_end_line(text);
		words += length > 0 ? length : 1;
	}
}

/* ---- options ---- */

static bool is_shown(const struct options_row *row)
{
	return !options_is_title(row) && !(row->kind & OPTIONS_HIDDEN);
}

/* "=N", "[=N]", or nothing; behind a letter alone a blank stands for the "=". */
static void write_value(const struct options_row *row, char *value, size_t size)
{
	bool is_optional = row->kind & OPTIONS_OPTIONAL;

	value[0] = '\0';
	if (row->value != NULL)
		snprintf(value, size, "%s%s%s%s", is_optional ? "[" : "",
			row->name != NULL ? "=" : " ", _(row->value), is_optional ? "]" : "");
}

/* "  -c, --connections=N" */
static void write_head(const struct options_row *row, char *head, size_t size)
{
	char value[HEAD_SIZE], letter = options_letter(row);

	write_value(row, value, sizeof(value));
	if (row->name == NULL)
		snprintf(head, size, "  -%c%s", letter, value);
	else if (letter != '\0')
		snprintf(head, size, "  -%c, --%s%s", letter, row->name, value);
	else
		snprintf(head, size, "      --%s%s", row->name, value);
}

static unsigned widest_head(const struct options_row *row, unsigned widest)
{
	char head[HEAD_SIZE];

	for (; !options_is_end(row); row++) {
		if (!is_shown(row))
			continue;
		write_head(row, head, sizeof(head));

		unsigned width = width_of(head, strlen(head));

		if (width > widest && width + 2 <= MOST_TEXT_COLUMN)
			widest = width;
	}
	return widest;
}

static void write_rows(
	struct usage_text *text, const struct options_row *rows, unsigned text_column)
{
	char head[HEAD_SIZE];

	for (const struct options_row *row = rows; !options_is_end(row); row++) {
		if (options_is_title(row)) {
			usage_end_line(text);
			text->indent = 1;
			usage_write(text, _(row->help));
			usage_end_line(text);
		} else if (is_shown(row)) {
			write_head(row, head, sizeof(head));
			fputs(head, text->out);
			text->column = width_of(head, strlen(head));
			text->fresh = false;
			usage_go_to(text, text_column);
			usage_write(text, _(row->help));
			usage_end_line(text);
		}
	}
}

static void write_usage_line(
	struct usage_text *text, const char *title, const char *options, const char *arguments)
{
	usage_write(text, _("Usage:"));
	usage_write(text, title);
	text->indent = 12;
	usage_write(text, options);
	if (arguments != NULL)
		usage_write(text, arguments);
}

void usage_help(const struct options_table *table, const struct options_row *more,
	const char *title, unsigned width, FILE *out)
{
	struct usage_text text = { .out = out, .width = width, .fresh = true };
	unsigned text_column = widest_head(more, widest_head(table->rows, 0)) + 2;

	if (text_column + LEAST_TEXT_WIDTH > width)
		text_column = TEXT_BELOW_COLUMN;
	write_usage_line(&text, title, _(" [OPTION...]"), _(table->arguments));
	usage_end_line(&text);
	text.indent = 0;
	usage_write(&text, _(table->about));
	usage_end_line(&text);
	if (!options_is_title(table->rows))
		usage_end_line(&text);
	write_rows(&text, table->rows, text_column);
	write_rows(&text, more, text_column);
	if (table->closing == NULL)
		return;
	usage_end_line(&text);
	text.indent = 0;
	usage_write(&text, _(table->closing));
	usage_end_line(&text);
}

void usage_short(const struct options_table *table, const struct options_row *more,
	const char *title, unsigned width, FILE *out)
{
	const struct options_row *tables[] = { table->rows, more };
	struct usage_text text = { .out = out, .width = width, .fresh = true };
	char letters[HEAD_SIZE] = "[-", word[2 * HEAD_SIZE], value[HEAD_SIZE];
	size_t count = strlen(letters);

	for (size_t i = 0; i < 2; i++) {
		for (const struct options_row *row = tables[i]; !options_is_end(row); row++) {
			if (is_shown(row) && options_letter(row) != '\0' && row->value == NULL &&
				count + 2 < sizeof(letters))
				letters[count++] = options_letter(row);
		}
	}
	letters[count] = ']';
	write_usage_line(&text, title, letters, NULL);
	for (size_t i = 0; i < 2; i++) {
		for (const struct options_row *row = tables[i]; !options_is_end(row); row++) {
			if (!is_shown(row) || row->name == NULL)
				continue;
			write_value(row, value, sizeof(value));
			snprintf(word, sizeof(word), "[--%s%s]", row->name, value);
			usage_write(&text, word);
		}
	}
	usage_write(&text, _(table->arguments));
	usage_end_line(&text);
}
