/*
 * A line is found by what it holds and not by its number, so that a comment more in a program changes
 * nothing here. Its first line that is code and holds the text is meant.
 */
#include "tour/tour_source.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tour/tour_examples.h"
#include "tour/tour_view.h"

#define TAB_COLUMNS 4
#define MOST_COLUMNS 80

static const char *find_program(const char *name)
{
	for (size_t i = 0; name != NULL && i < TOUR_COUNT(tour_examples); i++) {
		if (strcmp(tour_examples[i].name, name) == 0)
			return tour_examples[i].text;
	}
	return NULL;
}

/* Copies a line; returns where the next one begins, or NULL. */
static const char *take_line(const char *text, char *line)
{
	size_t length = strcspn(text, "\n"), kept = length;

	if (*text == '\0')
		return NULL;
	if (kept >= TOUR_SOURCE_LINE_SIZE)
		kept = TOUR_SOURCE_LINE_SIZE - 1;
	memcpy(line, text, kept);
	line[kept] = '\0';
	return text + length + (text[length] == '\n');
}

static bool is_comment(const char *line)
{
	line += strspn(line, " \t");
	return line[0] == '*' || strncmp(line, "/*", 2) == 0;
}

unsigned tour_source_find(const struct tour_source *source)
{
	const char *text = find_program(source->file);
	char line[TOUR_SOURCE_LINE_SIZE];

	for (unsigned number = 1; text != NULL && (text = take_line(text, line)) != NULL;
		number++) {
		if (!is_comment(line) && strstr(line, source->line) != NULL)
			return number;
	}
	return 0;
}

/* With tabs as blanks, and cut behind the last column. */
static void show_line(const char *line, bool is_meant, char *shown)
{
	size_t used = (size_t)snprintf(shown, TOUR_SOURCE_LINE_SIZE, is_meant ? "> " : "  ");

	for (; *line != '\0' && used + 8 < TOUR_SOURCE_LINE_SIZE; line++) {
		if (*line == '\t')
			used += (size_t)snprintf(
				shown + used, TOUR_SOURCE_LINE_SIZE - used, "%*s", TAB_COLUMNS, "");
		else
			shown[used++] = *line;
		shown[used] = '\0';
	}
	if (tour_view_width(shown) <= MOST_COLUMNS)
		return;
	/* Comments may be in Korean: back to the start of a character each time. */
	while (tour_view_width(shown) > MOST_COLUMNS - 3) {
		do
			used--;
		while ((shown[used] & 0xc0) == 0x80);
		shown[used] = '\0';
	}
	strcat(shown, "...");
}

static unsigned count_lines(const char *text)
{
	unsigned count = 0;

	for (; text != NULL && *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

size_t tour_source_around(
	const struct tour_source *source, size_t count, char lines[][TOUR_SOURCE_LINE_SIZE])
{
	unsigned meant = tour_source_find(source);
	const char *text = find_program(source->file);
	unsigned all = count_lines(text);
	unsigned first = meant > count / 2 ? meant - (unsigned)(count / 2) : 1;
	char line[TOUR_SOURCE_LINE_SIZE];
	size_t shown = 0;

	if (meant == 0)
		return 0;
	if (all > count && first + count > all + 1)
		first = all + 1 - (unsigned)count;
	for (unsigned number = 1; shown < count && (text = take_line(text, line)) != NULL;
		number++) {
		if (number >= first)
			show_line(line, number == meant, lines[shown++]);
	}
	return shown;
}
