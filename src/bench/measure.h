/*
 * `meari bench` after its options have been read: makes the run or the search, shows its progress, writes
 * the result in every form asked for, and gives the verdict. What failed is reported through the log, one
 * line each. Main thread; blocks until the run has ended.
 */
#pragma once

#include <stdbool.h>

#include "bench/bench.h"
#include "bench/fleet/launcher.h"
#include "bench/profile.h"
#include "bench/promise.h"
#include "stats/plot.h"

#define MEASURE_MOST_PROMISES 32

struct measure_options {
	struct bench_options bench;
	const char *
		rate_text; /* --rate as given; NULL: closed loop, or a search from the usual rate */
	struct profile profile; /* of it */
	uint64_t warm_up_ns, duration_ns;
	size_t promise_count;
	struct promise promises[MEASURE_MOST_PROMISES];
	bool has_goal;
	struct promise goal; /* of --find-max */
	bool json, json_lines, quiet;
	bool plots; /* draws pictures below the figures */
	enum plot_style plot_style;
	struct launcher_rank rank;
	const char *hdr_path, *html_path, *label; /* NULL: none */
	int argc;
	char **argv;
};

enum measure_verdict {
	MEASURE_KEPT, /* it was measured, and what was asserted holds */
	MEASURE_FAILED, /* it could not be measured or written, or nothing came back */
	MEASURE_BROKEN, /* what was asserted does not hold, or no rate keeps the promise searched with */
	MEASURE_NOT_JUDGED, /* what was asserted holds, but the service failed in a way it does not cover */
	MEASURE_INTERRUPTED, /* by the signal in `ret_signal`; what was measured until then is written */
};

enum measure_verdict measure(const struct measure_options *options, int *ret_signal);
