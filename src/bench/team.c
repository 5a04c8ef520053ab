/*
 * What is done to one generator after the other.
 */
#include "bench/team.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int team_init(struct team *team, unsigned count)
{
	team->generators = calloc(count, sizeof(struct generator *));
	team->count = count;
	return team->generators != NULL ? 0 : -ENOMEM;
}

void team_fini(struct team *team)
{
	for (unsigned i = 0; team->generators != NULL && i < team->count; i++) {
		if (team->generators[i] == NULL)
			continue;
		generator_cut(team->generators[i]);
		generator_join(team->generators[i]);
		generator_free(team->generators[i]);
	}
	free(team->generators);
	memset(team, 0, sizeof(*team));
}

struct generator_progress team_progress(const struct team *team)
{
	struct generator_progress sum = { .ended = true };

	for (unsigned i = 0; i < team->count; i++) {
		struct generator_progress one = generator_progress(team->generators[i]);

		sum.open += one.open;
		sum.reached = sum.reached || one.reached;
		sum.settled += one.settled;
		sum.began_ns = one.began_ns > sum.began_ns ? one.began_ns : sum.began_ns;
		sum.error = one.error < 0 ? one.error : sum.error;
		sum.result = one.result < 0 ? one.result : sum.result;
		sum.ended = sum.ended && one.ended;
	}
	return sum;
}

void team_begin(struct team *team, const struct profile *profile, uint64_t start_ns,
	uint64_t from_ns, uint64_t until_ns)
{
	for (unsigned i = 0; i < team->count; i++)
		generator_begin(team->generators[i], profile, start_ns, from_ns, until_ns);
}

void team_stop(struct team *team)
{
	for (unsigned i = 0; i < team->count; i++)
		generator_stop(team->generators[i]);
}

void team_cut(struct team *team)
{
	for (unsigned i = 0; i < team->count; i++)
		generator_cut(team->generators[i]);
}

int team_join(struct team *team)
{
	int r = 0;

	for (unsigned i = 0; i < team->count; i++) {
		int one = generator_join(team->generators[i]);

		r = one < 0 ? one : r;
	}
	return r;
}
