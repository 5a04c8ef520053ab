/*
 * Finds the highest rate that keeps a promise: runs a load at each rate that a search asks for (search.h).
 * Main thread; blocks.
 *
 * A rate is kept when the promise holds, there were no errors, and echoes came back at 97 % of the rate asked
 * for, at least. Otherwise a service that falls behind would pass in a short run.
 */
#pragma once

#include "bench/bench.h"
#include "bench/search.h"

#define CLIMB_CARRIED_LEAST 0.97
#define CLIMB_FIRST_PER_S 1000
#define CLIMB_MOST_PER_S 1e9

struct climb_watch {
	struct bench_watch bench; /* of each run; its context is the other's too */
	void (*begins)(void *context, double rate_per_s);
	void (*ends)(void *context, const struct search_step *step); /* not after a signal */
};

/*
 * Fills `search`, and `ret_outcome` with the last run at the rate that was found; if none was found, with the last
 * run of all. The caller calls outcome_fini(). A signal ends the search early. -errno: it could not run; one
 * line has been printed.
 */
int climb(struct bench *bench, const struct promise *promise, double first_per_s,
	uint64_t warm_up_ns, uint64_t duration_ns, const struct climb_watch *watch,
	struct search *search, struct outcome *ret_outcome);
