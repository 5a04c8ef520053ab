/*
 * One run for each question of the search.
 */
#include "bench/climb.h"

#include <math.h>

/* A gap of 5 % is within what repeated runs differ by on a quiet machine. */
#define PRECISION 0.05
/* A run of fewer messages keeps a promise by chance: the search does not go below, unless it begins there. */
#define LEAST_MESSAGES 10

static struct search_step judge(const struct promise *promise, const struct outcome *outcome)
{
	struct promise_facts facts = outcome_facts(outcome);
	double carried = (double)outcome->record->counts.offered * 1e9 /
		(double)(outcome->duration_ns > 0 ? outcome->duration_ns : 1);
	struct search_step step = { .reached_per_s = outcome->reached_per_s };
	bool kept;

	step.value_known = promise_value(promise, &facts, &step.value);
	/* Errors are also all that was lost, damaged or never sent. */
	kept = step.value_known && promise_holds(promise, step.value) && facts.sent > 0 &&
		facts.errors == 0 && outcome->reached_per_s >= CLIMB_CARRIED_LEAST * carried;
	step.trusted = outcome_is_trusted(outcome);
	step.wrong = outcome_is_wrong(outcome);
	/*
	 * What holds in spite of a generator at its limit holds all the more. What breaks there may be the
	 * generator's doing, unless the service did what no late message explains.
	 */
	step.outcome = kept                                                   ? SEARCH_KEPT
		: !outcome_is_limited(outcome) || outcome_has_failed(outcome) ? SEARCH_BROKEN
									      : SEARCH_NOT_TRUSTED;
	return step;
}

int climb(struct bench *bench, const struct promise *promise, double first_per_s,
	uint64_t warm_up_ns, uint64_t duration_ns, const struct climb_watch *watch,
	struct search *search, struct outcome *ret_outcome)
{
	struct search_options options = {
		.first_per_s = first_per_s,
		.least_per_s = fmin(
			first_per_s, fmax(1, LEAST_MESSAGES * 1e9 / (double)duration_ns)),
		.most_per_s = CLIMB_MOST_PER_S,
		.precision = PRECISION,
	};
	struct outcome best = { 0 };
	bool have_best = false, best_is_kept = false;
	int signal = 0;
	double rate_per_s;
	int r = 0;

	search_start(search, &options);
	while (signal == 0 && search_next(search, &rate_per_s)) {
		struct outcome outcome;
		struct profile profile;
		struct search_step step;

		watch->begins(watch->bench.context, rate_per_s);
		profile_init_constant(&profile, rate_per_s);
		r = bench_run(bench, &profile, warm_up_ns, duration_ns, &watch->bench, &outcome);
		if (r < 0)
			break;
		signal = outcome.signal;
		step = judge(promise, &outcome);
		if (signal == 0) {
			search_record(search, &step);
			watch->ends(watch->bench.context, &search->steps[search->step_count - 1]);
		}
		/* The search ends with a run at the rate found, so the last that kept it is the best. */
		if (!have_best || (signal == 0 && (step.outcome == SEARCH_KEPT || !best_is_kept))) {
			outcome_fini(&best);
			best = outcome;
			have_best = true;
			best_is_kept = step.outcome == SEARCH_KEPT;
		} else {
			outcome_fini(&outcome);
		}
	}
	if (r < 0 || !have_best) {
		outcome_fini(&best);
		return r;
	}
	best.signal = signal;
	*ret_outcome = best;
	return 0;
}
