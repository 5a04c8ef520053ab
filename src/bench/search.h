/*
 * The search for the highest rate that keeps a promise: doubles until it breaks (halves, when the first
 * already does), halves the gap until it is narrow, and has what it found confirmed. It does not run
 * anything: it names the next rate, and the caller records how the run at that rate went.
 *
 *	search_start(&search, &options);
 *	while (search_next(&search, &rate_per_s))
 *		... run ...; search_record(&search, &step);
 *
 * A measurement has noise: a rate counts as broken only when it broke twice in a row. Pure; one thread;
 * nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SEARCH_MOST_STEPS 64

struct search_options {
	double first_per_s; /* where to begin */
	double least_per_s, most_per_s; /* bounds */
	double precision; /* the gap that is narrow enough: 0.05 is 5 % */
};

enum search_outcome {
	SEARCH_KEPT,
	SEARCH_BROKEN, /* by what was measured */
	SEARCH_NOT_TRUSTED, /* the generator was the limit: says nothing about the service */
};

/* One run, for the curve. */
struct search_step {
	double rate_per_s; /* asked; set by search_record() */
	double reached_per_s;
	double value; /* of the promise's figure */
	bool value_known;
	bool trusted; /* nothing speaks against the figures of this run */
	bool wrong; /* something came back that had not been sent so */
	enum search_outcome outcome;
};

enum search_end {
	SEARCH_GOES_ON,
	SEARCH_FOUND,
	SEARCH_NONE, /* not even the lowest rate keeps it */
	SEARCH_ALL, /* even the highest rate keeps it */
	SEARCH_LIMITED, /* found, but the next higher could not be generated: it is at least this */
};

struct search {
	struct search_options options;
	size_t step_count;
	struct search_step steps[SEARCH_MOST_STEPS]; /* the curve, in the order walked */
	enum search_end end;
	double best_per_s; /* kept, and confirmed at the end; 0: none yet */

	double kept_per_s, broken_per_s; /* the bracket; 0: no such end yet */
	bool upper_not_trusted; /* what bounds it above is the generator */
	double asked_per_s;
	unsigned broken_in_a_row,
		failed_in_a_row; /* the latter: of them, those that are SEARCH_BROKEN */
	bool confirming;
};

void search_start(struct search *search, const struct search_options *options);

/* False: it has ended, see `end`. Otherwise search_record() must follow. */
bool search_next(struct search *search, double *ret_per_s);

void search_record(struct search *search, const struct search_step *step);

/* The highest rate that kept it in any run, also where it broke there later; 0: none did. */
double search_once_kept(const struct search *search);
