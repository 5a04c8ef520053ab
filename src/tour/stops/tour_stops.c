/*
 * The order is the chapter's: an address, a connection, bytes, an end; then what goes wrong; then one's own.
 */
#include "tour/stops/tour_stops.h"

#include <stdio.h>
#include <string.h>

const struct tour_stop *const tour_stops[TOUR_STOPS] = { &tour_stop_address, &tour_stop_connect,
	&tour_stop_stream, &tour_stop_ending, &tour_stop_buffers, &tour_stop_bytewise,
	&tour_stop_dead, &tour_stop_many, &tour_stop_yours };

bool tour_stops_find(const char *text, size_t *ret_index)
{
	for (size_t i = 0; i < TOUR_STOPS; i++) {
		char number[8];

		snprintf(number, sizeof(number), "%zu", i + 1);
		if (strcmp(text, number) == 0 || strcmp(text, tour_stops[i]->name) == 0) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}
