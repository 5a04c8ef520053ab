/*
 * Arrivals by time change: an arrival that is the n-th of a process of rate 1 comes when the profile
 * has asked for n. So one inverse of profile_count_until() serves constant and Poisson arrivals,
 * steps and ramps; and rounding never adds up, because every time is computed from the count and not
 * from the time before.
 *
 * The generator is xoshiro256** (Blackman and Vigna), seeded by splitmix64 as its authors advise.
 */
#include "bench/pace.h"

#include <math.h>

#include "base/clock.h"

static uint64_t rotate(uint64_t word, unsigned by)
{
	return word << by | word >> (64 - by);
}

static uint64_t split_mix(uint64_t *state)
{
	uint64_t word = *state += 0x9e3779b97f4a7c15;

	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
	word = (word ^ word >> 27) * 0x94d049bb133111eb;
	return word ^ word >> 31;
}

static uint64_t random_next(uint64_t state[4])
{
	uint64_t result = rotate(state[1] * 5, 7) * 9, shifted = state[1] << 17;

	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= shifted;
	state[3] = rotate(state[3], 45);
	return result;
}

/* The distance to the next of a Poisson process of rate 1. */
static double exponential(uint64_t state[4])
{
	/* 53 bits, and never 0: the logarithm is finite. */
	return -log(((double)(random_next(state) >> 11) + 1) / 9007199254740992.0);
}

static void advance(struct pace *pace)
{
	if (pace->arrivals == PACE_CONSTANT)
		pace->position = (double)(pace->number++ * pace->share_count + pace->index);
	else
		pace->position += pace->share_count * exponential(pace->random);
}

void pace_init(struct pace *pace, const struct profile *profile, enum pace_arrivals arrivals,
	uint64_t seed, unsigned index, unsigned share_count)
{
	uint64_t state = seed + index * 0xd1342543de82ef95;

	*pace = (struct pace){
		.profile = profile,
		.arrivals = arrivals,
		.index = index,
		.share_count = share_count,
	};
	for (size_t i = 0; i < 4; i++)
		pace->random[i] = split_mix(&state);
	advance(pace);
}

static double stage_count(const struct profile_stage *stage)
{
	if (stage->length_ns == CLOCK_NEVER)
		return stage->from_per_s > 0 ? INFINITY : 0;
	return (stage->from_per_s + stage->to_per_s) / 2 * ((double)stage->length_ns / 1e9);
}

/* When the stage has asked for `count`, in seconds since its start. */
static double stage_inverse(const struct profile_stage *stage, double count)
{
	double rate = stage->from_per_s, slope;

	if (stage->to_per_s == rate || count <= 0)
		return count <= 0 ? 0 : count / rate;
	slope = (stage->to_per_s - rate) / ((double)stage->length_ns / 1e9);
	/* The root of slope/2 t^2 + rate t - count, in the form that loses no digits. */
	return 2 * count / (rate + sqrt(fmax(0, rate * rate + 2 * slope * count)));
}

uint64_t pace_next_ns(struct pace *pace)
{
	const struct profile *profile = pace->profile;
	const struct profile_stage *stage;
	double within_ns;

	for (;; pace->stage++) {
		if (pace->stage == profile->count)
			return CLOCK_NEVER;
		stage = &profile->stages[pace->stage];

		double count = stage_count(stage);

		/* A hair of tolerance: 0.1 a second for 70 seconds is 7 and not 7.000000001. */
		if (isinf(count) ||
			pace->position < pace->stage_start + count - 1e-9 * fmax(1, count))
			break;
		pace->stage_start += count;
		if (stage->length_ns != CLOCK_NEVER)
			pace->stage_start_ns += stage->length_ns;
	}
	within_ns = stage_inverse(stage, pace->position - pace->stage_start) * 1e9;
	advance(pace);
	/* 2^63 ns are 292 years: beyond that nothing is sent. */
	return within_ns < 9.2e18 ? pace->stage_start_ns + (uint64_t)(within_ns + 0.5)
				  : CLOCK_NEVER;
}
