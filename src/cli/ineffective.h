/*
 * Options of `meari bench` that cannot take effect, because others leave them no room. Each is said in
 * a line before anything is sent: a load that is not what its user thinks is worth nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/measure.h"

/* Which options were given, as far as it matters here. */
struct ineffective {
	uint64_t duration_ns; /* of --duration; 0: not given */
	bool depth, threads, interval, seed, arrivals;
};

/* `options` are complete: what was not given has its default. */
void ineffective_say(const struct ineffective *given, const struct measure_options *options);
