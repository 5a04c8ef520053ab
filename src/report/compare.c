/*
 * Comparing two groups of runs. All factors between a run of the one and a run of the other are put
 * into order: their median is the estimate (Hodges and Lehmann), and the distribution of U says how
 * many to leave off at either end for the interval.
 */
#include "report/compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/rank.h"

/* What a rate of 0 counts as: once in a quarter of an hour. */
#define LEAST_RATE 1e-3

static int collect(const struct figure *figure, const struct model *runs, size_t count,
	double **ret_values, size_t *ret_count)
{
	double *values = calloc(count + 1, sizeof(*values));
	size_t known = 0;

	if (values == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		double value = figure_value(figure, &runs[i]);

		if (!isnan(value))
			values[known++] = value;
	}
	rank_sort(values, known);
	*ret_values = values;
	*ret_count = known;
	return 0;
}

bool compare_is_factor(const struct compare_figure *figure)
{
	return figure->figure->unit != FIGURE_PER_MILLION;
}

static enum compare_verdict judge(const struct compare_figure *one, double margin)
{
	bool factor = compare_is_factor(one);
	double none = factor ? 1 : 0;
	/* Differences are of errors, of which none is too few to be worth a word. */
	double high_margin = factor ? 1 + margin : 0;
	double low_margin = factor ? 1 / (1 + margin) : 0;

	if (one->low >= low_margin && one->high <= high_margin)
		return COMPARE_SAME;
	if (one->low > none)
		return one->figure->more_is_better ? COMPARE_BETTER : COMPARE_WORSE;
	if (one->high < none)
		return one->figure->more_is_better ? COMPARE_WORSE : COMPARE_BETTER;
	return COMPARE_UNCLEAR;
}

/* All factors (or differences), ascending; their number is that of all pairs. */
static double *pair_up(const struct compare_figure *one)
{
	double *pairs = calloc(one->baseline_count * one->count, sizeof(*pairs));
	size_t at = 0;

	if (pairs == NULL)
		return NULL;
	for (size_t i = 0; i < one->baseline_count; i++) {
		for (size_t j = 0; j < one->count; j++) {
			/* A time below the resolution of a clock is not nothing, and nothing has no
			 * factor to anything. */
			double least = one->figure->unit == FIGURE_NS ? 1
				: one->figure->unit == FIGURE_PER_S   ? LEAST_RATE
								      : 0;
			double before = fmax(one->baseline[i], least);
			double after = fmax(one->values[j], least);

			pairs[at++] = compare_is_factor(one) ? after / before : after - before;
		}
	}
	rank_sort(pairs, at);
	return pairs;
}

static int weigh(struct compare_figure *one, double margin)
{
	size_t pair_count = one->baseline_count * one->count, index;
	CLEANUP_FREE double *pairs = pair_up(one);

	if (pairs == NULL)
		return -ENOMEM;
	one->baseline_median = rank_median(one->baseline, one->baseline_count);
	one->median = rank_median(one->values, one->count);
	one->effect = rank_median(pairs, pair_count);
	one->low = one->high = NAN;
	one->verdict = COMPARE_TOO_FEW;
	if (one->baseline_count < COMPARE_LEAST_RUNS || one->count < COMPARE_LEAST_RUNS)
		return 0;

	int r = rank_interval(one->baseline_count, one->count, COMPARE_CONFIDENCE, &index);

	if (r < 0)
		return r == -ERANGE ? 0 : r;
	one->low = pairs[index];
	one->high = pairs[pair_count - 1 - index];
	one->verdict = judge(one, margin);
	return 0;
}

/* BETTER and WORSE outweigh the others, and both together are MIXED. */
static enum compare_verdict join(enum compare_verdict all, enum compare_verdict one)
{
	bool judged = all >= COMPARE_BETTER && one >= COMPARE_BETTER;

	if (judged && all != one)
		return COMPARE_MIXED;
	return one > all ? one : all;
}

/* Says no more than can be said: without what is worse, silence is no sign of health. */
static void object(const struct model *baseline, const struct model *runs, struct compare *compare)
{
	struct objection_known known[FIGURE_COUNT];

	for (size_t i = 0; i < compare->figure_count; i++)
		known[i] = (struct objection_known){ compare->figures[i].figure,
			compare->figures[i].baseline_count, compare->figures[i].count };
	compare->objection_count = objection_find(baseline, compare->baseline_runs, runs,
		compare->runs, COMPARE_LEAST_RUNS, known, compare->figure_count,
		compare->objections);
	if (compare->objection_count > 0 && !compare->worse && compare->verdict != COMPARE_TOO_FEW)
		compare->verdict = COMPARE_NOT_JUDGED;
}

int compare_runs(const struct model *baseline, size_t baseline_count, const struct model *runs,
	size_t count, double margin, struct compare *ret_compare)
{
	struct compare compare = {
		.baseline_runs = baseline_count,
		.runs = count,
		.margin = margin,
		.verdict = COMPARE_TOO_FEW,
	};
	int r = 0;

	for (size_t i = 0; i < FIGURE_COUNT && r == 0; i++) {
		struct compare_figure *one = &compare.figures[compare.figure_count];

		if (!figure_table[i].compared)
			continue;
		*one = (struct compare_figure){ .figure = &figure_table[i] };
		r = collect(one->figure, baseline, baseline_count, &one->baseline,
			&one->baseline_count);
		if (r == 0)
			r = collect(one->figure, runs, count, &one->values, &one->count);
		if (r == 0 && one->baseline_count > 0 && one->count > 0) {
			r = weigh(one, margin);
			compare.verdict = join(compare.verdict, one->verdict);
			compare.worse |= one->verdict == COMPARE_WORSE;
			compare.figure_count++;
		} else {
			free(one->baseline);
			free(one->values);
		}
	}
	if (r < 0) {
		compare_fini(&compare);
		return r;
	}
	object(baseline, runs, &compare);
	*ret_compare = compare;
	return 0;
}

void compare_fini(struct compare *compare)
{
	for (size_t i = 0; i < compare->figure_count; i++) {
		free(compare->figures[i].baseline);
		free(compare->figures[i].values);
	}
	compare->figure_count = 0;
}

const char *compare_verdict_name(enum compare_verdict verdict)
{
	static const char *const names[] = {
		[COMPARE_TOO_FEW] = "not-enough-runs",
		[COMPARE_SAME] = "same",
		[COMPARE_UNCLEAR] = "unclear",
		[COMPARE_BETTER] = "better",
		[COMPARE_WORSE] = "worse",
		[COMPARE_MIXED] = "mixed",
		[COMPARE_NOT_JUDGED] = "not-judged",
	};

	return names[verdict];
}
