/*
 * Options of `meari bench` that cannot take effect beside the others. A warning names each of them before
 * anything is sent, because the user expects another load than the one that is made.
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
