/*
 * Pictures of latency as text, for a terminal: how many took how long, and how long it took over time. Of braille
 * patterns and block elements, or of ASCII for a terminal that has no others. Values are in ns; scales of time are
 * logarithmic, so that what is rare and slow is seen beside what is common.
 *
 * A course holds PLOT_SLOTS moments; when they are full, two become one, so a run may be of any length. One thread;
 * nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "stats/histogram.h"

#define PLOT_SLOTS 256u
/* Narrower than that it is not drawn, but as if it were so wide. */
#define PLOT_LEAST_COLUMNS 40u

enum plot_style { PLOT_BRAILLE, PLOT_ASCII };

/* Of one stretch of time: the least, one in the middle, the greatest; and how many came to nothing. */
struct plot_slot {
	uint64_t low_ns, middle_ns, high_ns; /* 0: nothing was measured */
	uint64_t lost;
};

struct plot_course {
	uint64_t slot_ns; /* how long each is */
	unsigned used;
	struct plot_slot slots[PLOT_SLOTS];
};

/* `slot_ns`: the finest step. */
void plot_course_init(struct plot_course *course, uint64_t slot_ns);
/* `at_ns` since the beginning. What comes to a slot that has values widens it. */
void plot_course_add(struct plot_course *course, uint64_t at_ns, uint64_t low_ns,
	uint64_t middle_ns, uint64_t high_ns);
void plot_course_add_lost(struct plot_course *course, uint64_t at_ns, uint64_t count);

/* What is drawn: each a whole block of lines; nothing where nothing was measured. `columns` 0: 80. */
void plot_write_shape(
	const struct histogram *histogram, enum plot_style style, unsigned columns, FILE *out);
/* `band` and `peak` say, translated, what the filled part and the single dots are; `peak` NULL: there are none. */
void plot_write_course(const struct plot_course *course, enum plot_style style, unsigned columns,
	const char *band, const char *peak, FILE *out);

/* What this terminal has: braille where its locale is UTF-8, but for those known to lack it. */
enum plot_style plot_style_of_terminal(void);
