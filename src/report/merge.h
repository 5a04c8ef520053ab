/*
 * Several runs as one result. Histograms are added, so the percentiles are those of all messages
 * together; percentiles are never averaged.
 *
 * Runs whose times overlap (several machines at work at once) count as one stretch of time, in which
 * their rates add up; stretches follow one another, and their rates are averaged by length. A run
 * belongs to a stretch if it shares at least half of the shorter one's time with its first run.
 *
 * Generators of a fleet (each has a rank of its own, and all ran together) have a load in common: their connections,
 * threads and rates asked for add up.
 */
#pragma once

#include "report/model/model.h"

/*
 * What only one run can have (intervals, search, asserts) is left out, unless there is only one; what
 * the runs do not share (difference.h) is the first one's; a label that they do not share is left out. The caller calls model_fini().
 * -ENOMEM; -EOVERFLOW: more than a count can hold.
 */
int merge_runs(const struct model *runs, size_t count, struct model *ret_merged);

/* Whether they are generators of a fleet, as above: their loads are one load. */
bool merge_is_fleet(const struct model *runs, size_t count);

/*
 * Adds `more` to *sum (NULL: nothing yet), which is replaced by a wider or finer one where it would
 * lose something. Errors as merge_runs().
 */
int merge_histogram(struct histogram **sum, const struct histogram *more);

/* Whether they ran at the same time, as above. A run that does not say when it was, was at another time. */
bool merge_run_together(const struct model *a, const struct model *b);

/*
 * The same one by one, for generators that ran together: a sum of one run, and each of the others. The caller makes
 * sure that they did, and calls model_fini(). Errors as merge_runs(); the sum is then of no use.
 */
int merge_begin(const struct model *run, struct model *ret_merged);
int merge_add(struct model *merged, const struct model *run);
