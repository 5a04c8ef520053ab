/*
 * The terminal as a page that grows downwards: knows the column that it is in, shows bytes of the
 * network harmlessly (visible.h), and sets short remarks dim at the right edge. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "client/visible.h"

struct screen {
	FILE *out;
	bool ansi; /* the terminal can move its cursor up and clear (ECMA-48) */
	bool dim; /* ... and may use colour: NO_COLOR is not set */
	unsigned columns; /* width of the window */
	unsigned column; /* of the cursor; may equal `columns`, before the terminal wraps */
	bool newline_due; /* held back, so that a remark can still be set in its line */
	struct visible visible;
};

void screen_init(struct screen *screen, FILE *out, bool ansi);

/* Asks for the window's width again. */
void screen_measure(struct screen *screen);

/* Shows bytes of the network. */
void screen_echo(struct screen *screen, const char *bytes, size_t length);

/*
 * A remark at the right edge of the line that the cursor is in, or in the next where it does not
 * fit, and nowhere in a window narrower than itself. Ends the line.
 */
void screen_remark(struct screen *screen, const char *text);

/* Moves to the start of a line, unless already there. */
void screen_fresh_line(struct screen *screen);

/* Says `text` (one or more lines) on lines of its own. */
void screen_say(struct screen *screen, const char *text);

/* How many rows of the window `text`, alone on its line, takes. */
unsigned screen_rows(const struct screen *screen, const char *text);

/*
 * Takes away what is being typed: clears from `rows` above the cursor's row. Where the terminal
 * cannot, begins a new line below it instead.
 */
void screen_clear_up(struct screen *screen, unsigned rows);

/* The cursor has been moved to `column` by others: the kernel, libedit. */
void screen_cursor_at(struct screen *screen, unsigned column);
