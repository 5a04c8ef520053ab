/*
 * The stops of the tour, in their order. Constant.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tour/stops/tour_stop.h"

#define TOUR_STOPS 9

extern const struct tour_stop tour_stop_address, tour_stop_connect, tour_stop_stream,
	tour_stop_ending, tour_stop_buffers, tour_stop_bytewise, tour_stop_dead, tour_stop_many,
	tour_stop_yours;

extern const struct tour_stop *const tour_stops[TOUR_STOPS];

/* By its number from 1, or its name. False: there is none. */
bool tour_stops_find(const char *text, size_t *ret_index);
