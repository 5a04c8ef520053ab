/*
 * Makes a result as files hold it (report/model/model.h) from the outcome of a run (bench/outcome.h). It is
 * here because a report does not know load generators, and the rest of the generator does not know reports.
 */
#pragma once

#include <stdbool.h>

#include "bench/bench.h"
#include "bench/fleet/launcher.h"
#include "bench/search.h"
#include "report/model/model.h"

/* What a result has besides what was measured. */
struct result_context {
	int argc;
	char **argv; /* the command line; argv[0] is "meari bench" */
	const char *label; /* NULL: none */
	const struct bench_options *options;
	const struct bench *bench;
	const struct launcher_rank *rank;
	const char *rate_text; /* --rate as it was given; NULL: closed loop */
	double rate_per_s; /* 0: it changes, or there is none */
	const struct promise *promises; /* of --assert */
	size_t promise_count;
	const struct promise *goal; /* of --find-max; NULL: none */
	const struct search *search;
};

/*
 * Fills an empty `model`. The promises are evaluated here and nowhere else: `model->asserts` has the goal
 * of a search first, if there is one, then `promises` in their order. -ENOMEM, or -E2BIG for a text that no
 * result may hold; the caller must call model_fini() in any case.
 */
int result_fill(
	struct model *model, const struct result_context *context, const struct outcome *outcome);

/* One interval as the result's `intervals` have it. */
struct model_interval result_interval(const struct outcome_interval *interval);
