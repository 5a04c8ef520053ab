/*
 * When a load begins, where a time was asked for (start.h): by CLOCK_REALTIME until shortly before, then by
 * CLOCK_MONOTONIC, since CLOCK_REALTIME may be set at any moment. How late it was is noted, not hidden.
 *
 * Pure: the caller reads the clocks, waits, and connects. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * From here on a clock that is set is not followed: threads get their order to begin so long before, because a busy
 * machine may let them wait for a processor.
 */
#define BEGINNING_LEAD_NS 100000000u

struct beginning {
	uint64_t unix_ns; /* asked for; 0: at once */
	bool over; /* it is the first run's: for those behind it nothing is asked */
	bool began;
	uint64_t late_ns;
};

/* A time to begin at is still ahead of this run. */
bool beginning_is_asked(const struct beginning *beginning);

/*
 * When to connect: 5 s and half a millisecond for each connection before, so that all are open in time and none is
 * idle for hours, since services cut idle connections. 0: at once.
 */
uint64_t beginning_connect_unix_ns(const struct beginning *beginning, uint32_t connections);

/* When to give the order to begin. 0: at once. */
uint64_t beginning_order_unix_ns(const struct beginning *beginning);

/* That time by CLOCK_MONOTONIC, from both clocks read together; at least `lead_ns` from now. */
uint64_t beginning_start_ns(
	const struct beginning *beginning, uint64_t now_ns, uint64_t unix_ns, uint64_t lead_ns);

/* The first run has ended. Its load was to begin at `start_ns`, which was `start_unix_ns`, and did at `began_ns` (0: not). */
void beginning_note(
	struct beginning *beginning, uint64_t start_ns, uint64_t start_unix_ns, uint64_t began_ns);
