/*
 * What --help and --usage print, from the tables of options. Lines are broken by the columns that
 * characters take, not by bytes: a Korean syllable has three bytes and two columns. Needs a UTF-8 LC_CTYPE
 * for that. Nothing is allocated; errors of `out` stay in its error flag.
 */
#pragma once

#include <stdio.h>

#include "cli/options.h"

#define USAGE_DEFAULT_WIDTH 80
#define USAGE_LEAST_WIDTH 30 /* what is narrower is taken for this */
#define USAGE_MOST_WIDTH 120 /* longer lines are hard to read */

/* Columns to write into: $COLUMNS, or what the terminal `out` has, or the default. */
unsigned usage_width(FILE *out);

/* Where a text stands that is written word by word. */
struct usage_text {
	FILE *out;
	unsigned width;
	unsigned indent; /* of lines that a break begins */
	unsigned column;
	bool fresh; /* nothing but blanks is in this line */
};

/* Writes all words of `text`; a line feed in it begins a line. */
void usage_write(struct usage_text *text, const char *words);
/* Blanks up to this column, in the next line if it is past; the text goes on from here, and breaks to here. */
void usage_go_to(struct usage_text *text, unsigned column);
/* Ends the line. */
void usage_end_line(struct usage_text *text);

/* `title`: "meari serve"; `more`: rows below those of the table. */
void usage_help(const struct options_table *table, const struct options_row *more,
	const char *title, unsigned width, FILE *out);
/* All options in one paragraph. */
void usage_short(const struct options_table *table, const struct options_row *more,
	const char *title, unsigned width, FILE *out);
