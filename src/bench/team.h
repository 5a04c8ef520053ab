/*
 * The generators of one run, all of them together. Main thread.
 */
#pragma once

#include "bench/generator.h"

/* Zeroed is none. */
struct team {
	struct generator **generators; /* NULL where not made yet */
	unsigned count;
};

/* Places for `count` generators, which are the caller's to fill. -ENOMEM. */
int team_init(struct team *team, unsigned count);
/* Ends those that still run, and frees all. */
void team_fini(struct team *team);

/* Sums; `began_ns` is that of the last to begin, `ended` whether all have, an error any of theirs. All are made. */
struct generator_progress team_progress(const struct team *team);

/* As generator_begin(), generator_stop() and generator_cut(). */
void team_begin(struct team *team, const struct profile *profile, uint64_t start_ns,
	uint64_t from_ns, uint64_t until_ns);
void team_stop(struct team *team);
void team_cut(struct team *team);

/* Waits for all. The error of one of their engines, or 0. */
int team_join(struct team *team);
