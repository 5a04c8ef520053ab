/*
 * The way up to the highest rate that keeps a promise: runs of a load, one after the other, at the rates
 * that a search asks for (search.h). Main thread.
 *
 * A rate is kept when the promise holds, nothing was lost or failed, and the load was really carried:
 * echoes came back at 97 % of the rate asked for, at least. A service that falls behind would otherwise
 * pass as long as the run is short.
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
	void (*ends)(void *context, const struct search_step *step);
};

/*
 * `search` is filled. `ret_outcome`: of the last run at the rate that was found, or where there is none of
 * the last run of all; the caller's to give back. Interrupted: ends early, with what there is.
 * -errno: could not run; one line has been printed.
 */
int climb(struct bench *bench, const struct promise *promise, double first_per_s,
	uint64_t warm_up_ns, uint64_t duration_ns, const struct climb_watch *watch,
	struct search *search, struct outcome *ret_outcome);
