/*
 * A bracket and a bisection on a logarithmic scale: rates differ by ratios. The last run is
 * always at the rate that is the result; when it breaks there, the search goes on below.
 */
#include "bench/search.h"

#include <math.h>

/* A rate has to break so often in a row to count as broken. */
#define BROKEN_ENOUGH 2

void search_start(struct search *search, const struct search_options *options)
{
	*search = (struct search){
		.options = *options,
		.asked_per_s = fmin(
			fmax(options->first_per_s, options->least_per_s), options->most_per_s),
	};
}

static void finish(struct search *search)
{
	search->best_per_s = search->kept_per_s;
	if (search->kept_per_s <= 0)
		search->end = SEARCH_NONE;
	else if (search->broken_per_s <= 0)
		search->end = search->kept_per_s >= search->options.most_per_s ? SEARCH_ALL
									       : SEARCH_LIMITED;
	else
		search->end = search->upper_not_trusted ? SEARCH_LIMITED : SEARCH_FOUND;
}

/* The next rate to try, or the end. */
static void choose(struct search *search)
{
	const struct search_options *options = &search->options;
	double kept = search->kept_per_s, broken = search->broken_per_s;

	if (broken <= 0) {
		if (kept >= options->most_per_s)
			finish(search);
		else
			search->asked_per_s = fmin(kept * 2, options->most_per_s);
	} else if (kept <= 0) {
		if (broken <= options->least_per_s)
			finish(search);
		else
			search->asked_per_s = fmax(broken / 2, options->least_per_s);
	} else if (broken / kept > 1 + options->precision) {
		search->asked_per_s = sqrt(kept * broken);
	} else {
		search->asked_per_s = kept;
		search->confirming = true;
	}
}

bool search_next(struct search *search, double *ret_per_s)
{
	if (search->end == SEARCH_GOES_ON && search->step_count == SEARCH_MOST_STEPS)
		finish(search);
	if (search->end != SEARCH_GOES_ON)
		return false;
	*ret_per_s = search->asked_per_s;
	return true;
}

static void record_kept(struct search *search)
{
	if (search->confirming) {
		finish(search);
		return;
	}
	search->kept_per_s = search->asked_per_s;
	choose(search);
}

static void record_broken(struct search *search, bool not_trusted)
{
	search->broken_per_s = search->asked_per_s;
	search->upper_not_trusted = not_trusted;
	if (search->confirming) {
		/* It was luck. What is known to be kept now lies lower by as much as the gap may be. */
		search->confirming = false;
		search->kept_per_s = 0;
		search->asked_per_s = fmax(search->broken_per_s / (1 + search->options.precision),
			search->options.least_per_s);
		if (search->broken_per_s <= search->options.least_per_s)
			finish(search);
		return;
	}
	choose(search);
}

double search_once_kept(const struct search *search)
{
	double highest_per_s = 0;

	for (unsigned i = 0; i < search->step_count; i++) {
		if (search->steps[i].outcome == SEARCH_KEPT)
			highest_per_s = fmax(highest_per_s, search->steps[i].rate_per_s);
	}
	return highest_per_s;
}

void search_record(struct search *search, const struct search_step *step)
{
	struct search_step *kept = &search->steps[search->step_count++];

	*kept = *step;
	kept->rate_per_s = search->asked_per_s;
	if (step->outcome == SEARCH_KEPT) {
		search->broken_in_a_row = 0;
		search->failed_in_a_row = 0;
		record_kept(search);
		return;
	}
	if (step->outcome == SEARCH_BROKEN)
		search->failed_in_a_row++;
	if (++search->broken_in_a_row < BROKEN_ENOUGH)
		return; /* the same once more */
	/* One run that broke for certain is enough to know that the limit is not the generator's. */
	record_broken(search, search->failed_in_a_row == 0);
	search->broken_in_a_row = 0;
	search->failed_in_a_row = 0;
}
