/*
 * The schedule of an open loop: when each message is meant to be sent, whatever has become of those
 * before it. Threads share nothing: each has a pace of its own, and together they make the profile's
 * rate. Constant arrivals of several threads interleave evenly; Poisson arrivals of several threads
 * are Poisson again (superposition).
 *
 * The same seed gives the same schedule. Pure; one thread each; nothing is allocated.
 */
#pragma once

#include <stdint.h>

#include "bench/profile.h"

enum pace_arrivals { PACE_CONSTANT, PACE_POISSON };

struct pace {
	const struct profile *profile; /* the caller's */
	enum pace_arrivals arrivals;
	unsigned index, share_count; /* this one of so many */
	uint64_t random[4];
	uint64_t number; /* of the next arrival of this pace */
	double position; /* of the next arrival, among those of all: profile_count_until() there */
	size_t stage; /* that `position` was last seen in */
	double stage_start; /* profile_count_until() at its start */
	uint64_t stage_start_ns;
};

void pace_init(struct pace *pace, const struct profile *profile, enum pace_arrivals arrivals,
	uint64_t seed, unsigned index, unsigned share_count);

/* The next intended time since the start, never smaller than the one before; CLOCK_NEVER: no more. */
uint64_t pace_next_ns(struct pace *pace);
