/*
 * Are these runs better or worse than those? For each figure: the median of either side, by which
 * factor the one differs from the other, an interval that holds the true factor with a confidence of
 * 99 percent (rank.h), and a verdict that says no more than that interval does.
 *
 * 99 percent, because eight figures are compared: at 95 a difference would be seen every few times
 * where there is none. With fewer than five runs on either side nothing can be that sure.
 */
#pragma once

#include "report/figure.h"
#include "report/model/model.h"
#include "report/objection.h"

#define COMPARE_CONFIDENCE 0.99
#define COMPARE_LEAST_RUNS 5
/* Differences up to this are not worth a word, however sure. */
#define COMPARE_DEFAULT_MARGIN 0.01

enum compare_verdict {
	COMPARE_TOO_FEW, /* not enough runs */
	COMPARE_SAME, /* the whole interval lies within the margin */
	COMPARE_UNCLEAR, /* the interval holds "no difference", and more than the margin */
	COMPARE_BETTER,
	COMPARE_WORSE,
	COMPARE_MIXED, /* over all: some figures are better, some worse */
	COMPARE_NOT_JUDGED, /* over all: nothing is worse, but that means nothing (objections) */
};

struct compare_figure {
	const struct figure *figure;
	double *baseline, *values; /* ascending; runs without this figure are left out */
	size_t baseline_count, count;
	double baseline_median, median;
	/*
	 * The factor, or for errors (which may be 0) the difference; its interval. NAN: not known.
	 */
	double effect, low, high;
	enum compare_verdict verdict;
};

struct compare {
	size_t baseline_runs, runs;
	double margin;
	struct compare_figure figures[FIGURE_COUNT]; /* those that both sides have */
	size_t figure_count;
	enum compare_verdict verdict; /* over all */
	bool worse; /* some figure is */
	/* What stands against any verdict but "worse"; none: it can be relied upon. */
	struct objection objections[OBJECTION_MOST];
	size_t objection_count;
};

/* The caller calls compare_fini(). -ENOMEM. */
int compare_runs(const struct model *baseline, size_t baseline_count, const struct model *runs,
	size_t count, double margin, struct compare *ret_compare);
void compare_fini(struct compare *compare);

/* "better" and so on, in JSON; never translated. */
const char *compare_verdict_name(enum compare_verdict verdict);

/* Whether the effect of this figure is a factor; otherwise it is a difference. */
bool compare_is_factor(const struct compare_figure *figure);
