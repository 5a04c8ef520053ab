/*
 * How the rate of an open loop goes over time, as people write it: stages, one after the other.
 *
 *	10k            ten thousand a second, to the end of the run
 *	1k@10s,5k@10s  steps
 *	1k..50k@30s    a ramp: the rate grows evenly
 *
 * Every stage but the last needs its time; a last one without goes on to the end of the run. Pure; any
 * thread; nothing is allocated.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PROFILE_MOST_STAGES 64

struct profile_stage {
	double from_per_s, to_per_s; /* alike, unless it is a ramp */
	uint64_t length_ns; /* CLOCK_NEVER: to the end of the run; the last stage only */
};

struct profile {
	size_t count; /* at least 1 */
	struct profile_stage stages[PROFILE_MOST_STAGES];
};

/*
 * -EINVAL: not a profile; `ret_column` (from 0) and `ret_why`, a translated sentence without a full
 * stop, then say where and why.
 */
int profile_parse(
	const char *text, struct profile *ret_profile, size_t *ret_column, const char **ret_why);

/* One stage of one rate, to the end of the run. */
void profile_init_constant(struct profile *profile, double per_s);

/* Begins with `length_ns` more at the rate that it begins with: the warm-up. -ENOSPC: the stages are full. */
int profile_lead_in(struct profile *profile, uint64_t length_ns);

/* Ends at `length_ns`: a longer one is cut; a last stage without a time gets what is left. */
void profile_cut(struct profile *profile, uint64_t length_ns);

/* Of all stages; CLOCK_NEVER where the last has no time. */
uint64_t profile_length_ns(const struct profile *profile);

/* The rate at a time since the start, and how many arrivals it asks for until then. */
double profile_rate_at(const struct profile *profile, uint64_t at_ns);
double profile_count_until(const struct profile *profile, uint64_t until_ns);
