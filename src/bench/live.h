/*
 * Shows a run while it goes on: at a terminal one block that is redrawn in place (progress, rate, latency,
 * errors, a line of bars), elsewhere one line for each interval. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "bench/bench.h"

#define LIVE_LINES 4
#define LIVE_LINE_SIZE 256
#define LIVE_HISTORY 60

struct live {
	FILE *out;
	bool redraws; /* the terminal can move its cursor up and clear (ECMA-48) */
	bool bars; /* ... and shows block characters */
	const char *title; /* the caller's */
	unsigned widths[LIVE_LINES]; /* of the lines that are on the screen now */
	unsigned line_count;
	struct outcome_interval figures; /* of the last tick of the measuring */
	bool measured; /* `figures` has some */
	double history[LIVE_HISTORY]; /* rates, the newest last */
	unsigned history_count;
};

void live_init(struct live *live, FILE *out, const char *title);

/* True: at a terminal, where live_tick() draws. */
bool live_redraws(const struct live *live);

/* At a terminal: draws anew. */
void live_tick(struct live *live, const struct bench_progress *progress);
/* Elsewhere: a line. */
void live_interval(struct live *live, const struct outcome_interval *interval);

/* Removes the block, so that other text can be printed in its place. */
void live_clear(struct live *live);

/* The bars of `count` values between 0 and the greatest, a column each. Pure. */
void live_draw_bars(const double *values, size_t count, bool blocks, char *buffer, size_t size);

/* What the next block shows of the measuring. Pure. */
void live_remember(struct live *live, const struct bench_progress *progress);

/*
 * The lines of the block for a window of so many columns, each cut to fit (at least 1, at most
 * LIVE_LINES). Pure, but for the language.
 */
unsigned live_compose(const struct live *live, const struct bench_progress *progress,
	unsigned columns, unsigned rows, char lines[static LIVE_LINES][LIVE_LINE_SIZE]);
