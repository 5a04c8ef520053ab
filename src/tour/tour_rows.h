/*
 * The three columns in the middle of the tour's screen: events of one step side by side, the steps below each
 * other. Pure.
 */
#pragma once

#include <stddef.h>

#include "tour/tour_view.h"

/* Columns of each. */
#define TOUR_ROWS_LEFT 29
#define TOUR_ROWS_MIDDLE 18
#define TOUR_ROWS_RIGHT 30

#define TOUR_ROWS_CELL_SIZE 192
/* Older ones are forgotten. */
#define TOUR_ROWS_MOST 96

struct tour_rows_row {
	char left[TOUR_ROWS_CELL_SIZE], middle[TOUR_ROWS_CELL_SIZE], right[TOUR_ROWS_CELL_SIZE];
};

struct tour_rows {
	struct tour_rows_row rows[TOUR_ROWS_MOST];
	size_t count;
};

/* All events, and the call to be made next. */
void tour_rows_make(const struct tour_view *view, struct tour_rows *ret_rows);
