/*
 * One call of a step, made for real. The worker's thread makes it (tour_runner.h); what a call needs, and
 * what comes of it, is in the world.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tour/stops/tour_stop.h"
#include "tour/tour_world.h"

/*
 * Stop 6 sends two lines, "hello world!\n". The first is always fast: a connection that is new, or was silent
 * for a while, does not delay its ACKs at first.
 */
#define TOUR_CALL_LINE_BYTES 13
#define TOUR_CALL_LINES 2

/*
 * Makes it; blocks as long as the kernel lets it. 0 or more, or -errno; what the number means: enum tour_op.
 * -EINTR: the runner has called it off.
 */
int64_t tour_call_make(struct tour_world *world, const struct tour_call *call);

/* Whether it takes as long as other programs take: a compiler, a server that is tried. */
bool tour_call_is_of_programs(const struct tour_call *call);

/* How the call will be written, before it is made: "accept(3, ...)". Returns `text`. */
const char *tour_call_describe(
	const struct tour_world *world, const struct tour_call *call, char *text, size_t size);
