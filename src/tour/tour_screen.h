/*
 * The tour's screen: from what is known to 24 lines of at most 80 columns. A pure function; the same view
 * gives the same lines.
 */
#pragma once

#include "tour/tour_view.h"

#define TOUR_SCREEN_COLUMNS 80
#define TOUR_SCREEN_LINES 24
#define TOUR_SCREEN_LINE_SIZE 1024

void tour_screen_draw(
	const struct tour_view *view, char lines[static TOUR_SCREEN_LINES][TOUR_SCREEN_LINE_SIZE]);
