/*
 * The line of examples/ that makes a step's call: the programs are built in.
 */
#pragma once

#include <stddef.h>

#include "tour/stops/tour_stop.h"

#define TOUR_SOURCE_LINE_SIZE 256

/* The number of the line, from 1; 0: there is none, or no such program. */
unsigned tour_source_find(const struct tour_source *source);

/*
 * `count` lines around it, the line itself behind a ">", with tabs of four columns, at most 80 columns
 * wide. Returns how many there are.
 */
size_t tour_source_around(
	const struct tour_source *source, size_t count, char lines[][TOUR_SOURCE_LINE_SIZE]);
