/*
 * What `meari bench` does once its options are read: the run or the search, what is shown meanwhile,
 * the result in every form asked for, and what all that means for the exit status. Main thread.
 */
#pragma once

#include <stdbool.h>

#include "bench/bench.h"
#include "bench/profile.h"
#include "bench/promise.h"
#include "cli/cli.h"

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
	const char *hdr_path, *html_path, *label; /* NULL: none */
	int argc;
	char **argv;
};

enum cli_status measure(const struct measure_options *options);
