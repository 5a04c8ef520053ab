/*
 * Keeping the column means counting display widths as the terminal does: a wide character that does
 * not fit wraps whole, and a full line wraps only when more follows. The last column stays free of
 * remarks, because terminals disagree about what a newline does there.
 */
#include "talk/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DIM "\033[2m"
#define PLAIN "\033[0m"
#define TAB 8

void screen_init(struct screen *screen, FILE *out, bool ansi)
{
	const char *no_color = getenv("NO_COLOR");

	/* https://no-color.org: any value but the empty one. */
	*screen = (struct screen){
		.out = out,
		.ansi = ansi,
		.dim = ansi && (no_color == NULL || *no_color == '\0'),
	};
	screen_measure(screen);
}

void screen_measure(struct screen *screen)
{
	struct winsize size;

	screen->columns = 80;
	if (ioctl(fileno(screen->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		screen->columns = size.ws_col;
}

static void newline(struct screen *screen)
{
	fputc('\n', screen->out);
	screen->column = 0;
	screen->newline_due = false;
}

static void put(void *context, const char *text, size_t length, unsigned width)
{
	struct screen *screen = context;

	if (screen->newline_due)
		newline(screen);
	if (*text == '\n') {
		screen->newline_due = true;
		return;
	}
	if (*text == '\t') {
		unsigned stop = screen->column - screen->column % TAB + TAB;

		for (; screen->column < stop && screen->column < screen->columns; screen->column++)
			fputc(' ', screen->out);
		return;
	}
	fwrite(text, 1, length, screen->out);
	if (screen->column + width > screen->columns)
		screen->column = 0;
	screen->column += width;
}

void screen_echo(struct screen *screen, const char *bytes, size_t length)
{
	visible_feed(&screen->visible, bytes, length, put, screen);
}

void screen_fresh_line(struct screen *screen)
{
	visible_flush(&screen->visible, put, screen);
	if (screen->newline_due || screen->column > 0)
		newline(screen);
}

static void count_width(void *context, const char *text, size_t length, unsigned width)
{
	*(unsigned *)context += width;
}

static unsigned text_width(const char *text)
{
	struct visible visible = { 0 };
	unsigned width = 0;

	visible_feed(&visible, text, strlen(text), count_width, &width);
	return width;
}

void screen_remark(struct screen *screen, const char *text)
{
	unsigned width = text_width(text);

	visible_flush(&screen->visible, put, screen);
	if (width + 1 > screen->columns) {
		screen_fresh_line(screen);
		return;
	}

	unsigned start = screen->columns - 1 - width;

	if (screen->column > 0 && screen->column + 2 > start)
		newline(screen);
	fprintf(screen->out, "%*s%s%s%s", (int)(start - screen->column), "", screen->dim ? DIM : "",
		text, screen->dim ? PLAIN : "");
	newline(screen);
}

void screen_say(struct screen *screen, const char *text)
{
	screen_fresh_line(screen);
	screen_echo(screen, text, strlen(text));
	screen_fresh_line(screen);
}

unsigned screen_rows(const struct screen *screen, const char *text)
{
	unsigned width = text_width(text);

	return width == 0 ? 1 : (width - 1) / screen->columns + 1;
}

void screen_clear_up(struct screen *screen, unsigned rows)
{
	if (!screen->ansi) {
		newline(screen);
		return;
	}
	fputc('\r', screen->out);
	if (rows > 0)
		fprintf(screen->out, "\033[%uA", rows);
	fputs("\033[J", screen->out);
	screen->column = 0;
}

void screen_cursor_at(struct screen *screen, unsigned column)
{
	screen->column = column;
	screen->newline_due = false;
}
