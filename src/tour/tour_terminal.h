/*
 * The terminal of the tour: keys one at a time, the whole window drawn anew. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <termios.h>

#include "client/interrupt.h"
#include "tour/tour_screen.h"

struct tour_terminal {
	struct termios before;
	struct interrupt interrupt;
	bool ambiguous_is_wide; /* it shows lines and arrows two columns wide */
	unsigned columns, rows;
};

enum tour_key {
	TOUR_KEY_NONE,
	TOUR_KEY_ENTER,
	TOUR_KEY_RESIZED,
	TOUR_KEY_SIGNAL,
	TOUR_KEY_END, /* Ctrl-D, or the terminal is gone */
	/* all others are their character */
};

/* Takes over standard input and output, which are a terminal, and the signals. -errno. */
int tour_terminal_init(struct tour_terminal *terminal);
/* Gives everything back; the screen is as it was before. */
void tour_terminal_fini(struct tour_terminal *terminal);

/* Waits for one. `ret_signal` is set with TOUR_KEY_SIGNAL, and otherwise 0. */
int tour_terminal_key(struct tour_terminal *terminal, int *ret_signal);

void tour_terminal_show(
	char lines[static TOUR_SCREEN_LINES][TOUR_SCREEN_LINE_SIZE], unsigned count);
