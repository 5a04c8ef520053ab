/*
 * Figures as events for the live page (text/event-stream, HTML 9.2), once a second: each is a line of JSON.
 *
 *	tick        sums, limits, what the server is
 *	listeners   rows from `from` on: name, and its figures in the order of PULSE_LISTENER
 *	threads     rows from `from` on: processor time of user and system in ns, sleeps, whether it has answered
 *	slowest     connections by their round-trip time
 *	busiest     connections by their bytes a second
 *	end         that was all of this second
 *
 * Numbers are whole, times in ns unless their name says otherwise. Pure; any thread.
 */
#pragma once

#include <stddef.h>

#include "server/web/figures.h"

/* Room for the largest part that is not cut into rows, and for a row. */
#define PULSE_LEAST_BYTES 8192u

/* Zeroed: at the beginning. */
struct pulse_cursor {
	unsigned part, row;
};

/*
 * Writes whole events, as many as there is room for. Their length; 0: that was all. `size` is PULSE_LEAST_BYTES or
 * more.
 */
size_t pulse_next(
	const struct figures *figures, struct pulse_cursor *cursor, char *buffer, size_t size);
