/*
 * The figures by which runs are compared: one number each, by name. The table of runs, the
 * comparison and the page all show these.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "report/model/model.h"

enum figure_unit { FIGURE_PER_S, FIGURE_NS, FIGURE_PER_MILLION };

/* Holds any text of figure_format(). */
#define FIGURE_TEXT_SIZE 32

struct figure {
	const char *name; /* in JSON, never translated */
	const char *title; /* N_("...") for people */
	enum figure_unit unit;
	bool more_is_better;
	bool compared; /* not so the maximum: one message, which no number of runs makes steady */
};

#define FIGURE_COUNT 9
extern const struct figure figure_table[FIGURE_COUNT];

/* The figure of a run; NAN where it has none. A rate at which nothing came back is 0, not none. */
double figure_value(const struct figure *figure, const struct model *run);

/* Whether anything was tried in a run, so that having had no errors means something. */
bool figure_has_tried(const struct model_counts *counts);

/* All that should not be, messages and connections together. */
uint64_t figure_errors(const struct model_counts *counts);

/* For people, three significant digits and the unit: "1.23ms", "45.6k/s"; NAN: "-". Returns buffer. */
const char *figure_format(enum figure_unit unit, double value, char *buffer, size_t size);
