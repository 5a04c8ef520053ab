/*
 * Figures as Prometheus reads them (text format 0.0.4), line by line, so that an answer is never built as a whole. Names
 * and labels are listed in meari-serve(1): a counter of SIGUSR1 is meari_NAME_total. There is no label that a peer could
 * make grow: listener, thread, reason, and bounds. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/web/figures.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
/* Any line fits: a name, and a listener's name with each character escaped. */
#define METRICS_LINE_SIZE (2 * FIGURES_NAME_SIZE + 256)

/* How far it has come; zeroed: at the beginning. */
struct metrics_cursor {
	unsigned family, row;
	bool headed; /* the family's help and type have been written */
};

/* The next line, or lines; its length, and 0 behind the last one. `line` has METRICS_LINE_SIZE. */
size_t metrics_next(const struct figures *figures, struct metrics_cursor *cursor, char *line);

/* What a counter of this name counts, in English; NULL: that is not written yet. */
const char *metrics_counter_help(const char *name);
