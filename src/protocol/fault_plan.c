/*
 * The sequences are SplitMix64 (Steele, Lea and Flood, 2014): one addition and a mixer, so a
 * sequence costs eight bytes a rule and connection, and two that begin elsewhere have nothing to do
 * with each other.
 */
#include "protocol/fault_plan.h"

#include <math.h>

#define STEP 0x9e3779b97f4a7c15ull

const char *fault_plan_key(enum fault_plan_kind kind)
{
	static const char *const keys[] = {
#define FAULT_PLAN_KEY(kind, counter, key) key,
		FAULT_PLAN_EACH(FAULT_PLAN_KEY)
#undef FAULT_PLAN_KEY
	};

	return keys[kind];
}

bool fault_plan_is_of_streams(enum fault_plan_kind kind)
{
	return kind != FAULT_PLAN_DROP && kind != FAULT_PLAN_TRUNCATE &&
		kind != FAULT_PLAN_DUPLICATE && kind != FAULT_PLAN_REORDER;
}

bool fault_plan_is_of_datagrams(enum fault_plan_kind kind)
{
	return !fault_plan_is_of_streams(kind) || kind == FAULT_PLAN_DELAY ||
		kind == FAULT_PLAN_CORRUPT;
}

void fault_plan_append(struct fault_plan *plan, const struct fault_plan *more)
{
	for (unsigned i = 0; i < more->count; i++)
		plan->rules[plan->count++] = more->rules[i];
}

static uint64_t mix(uint64_t bits)
{
	bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9ull;
	bits = (bits ^ bits >> 27) * 0x94d049bb133111ebull;
	return bits ^ bits >> 31;
}

uint64_t fault_plan_begin(const struct fault_plan *plan, unsigned index, uint64_t number)
{
	uint64_t of_rule = mix(plan->rules[index].seed + STEP * (index + 1));

	return mix(of_rule + STEP * (number + 1));
}

uint64_t fault_plan_draw(uint64_t *state)
{
	*state += STEP;
	return mix(*state);
}

double fault_plan_draw_share(uint64_t *state)
{
	return (double)(fault_plan_draw(state) >> 11) * 0x1p-53;
}

bool fault_plan_draw_chance(uint64_t *state, double probability)
{
	return fault_plan_draw_share(state) < probability;
}

static double table_ns(const struct fault_plan_time *time, double percent)
{
	const struct fault_plan_quantile *q = time->quantiles;

	if (percent <= q[0].percent)
		return (double)q[0].ns;
	for (unsigned i = 1; i < time->quantile_count; i++) {
		if (percent <= q[i].percent)
			return (double)q[i - 1].ns +
				(percent - q[i - 1].percent) / (q[i].percent - q[i - 1].percent) *
				((double)q[i].ns - (double)q[i - 1].ns);
	}
	return (double)q[time->quantile_count - 1].ns;
}

uint64_t fault_plan_draw_ns(uint64_t *state, const struct fault_plan_time *time)
{
	double first_ns = (double)time->first_ns, second_ns = (double)time->second_ns, ns = 0;
	double share = fault_plan_draw_share(state);

	switch (time->shape) {
	case FAULT_PLAN_FIXED: return time->first_ns;
	case FAULT_PLAN_UNIFORM: ns = first_ns + share * (second_ns - first_ns); break;
	case FAULT_PLAN_NORMAL:
		/* Box and Muller, 1958; 1 - share is never 0. */
		ns = first_ns +
			second_ns * sqrt(-2 * log(1 - share)) *
				cos(2 * M_PI * fault_plan_draw_share(state));
		break;
	case FAULT_PLAN_PARETO: ns = first_ns * pow(1 - share, -1 / time->exponent); break;
	case FAULT_PLAN_TABLE: ns = table_ns(time, share * 100); break;
	}
	if (!(ns > 0))
		return 0;
	return ns < (double)FAULT_PLAN_MOST_NS ? (uint64_t)ns : FAULT_PLAN_MOST_NS;
}

uint64_t fault_plan_draw_gap(uint64_t *state, uint64_t mean)
{
	double share = fault_plan_draw_share(state);

	if (mean <= 1)
		return 1;
	/* Geometric; the least share that is not 1 keeps it below 40 times the mean. */
	return 1 + (uint64_t)(log(1 - share) / log1p(-1 / (double)mean));
}

uint32_t fault_plan_flip(uint64_t *state, unsigned char *bytes, uint32_t length)
{
	uint64_t at = fault_plan_draw(state) % (length * 8ull);

	bytes[at / 8] ^= (unsigned char)(1u << at % 8);
	return (uint32_t)(at / 8);
}
