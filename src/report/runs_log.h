/*
 * A log of HdrHistogram as one run: its histograms added, its lines as intervals.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "report/model/model.h"
#include "report/model/model_read.h"

/* Holds any note. */
#define RUNS_NOTE_SIZE 256

/* How files are read. Zeroed: as they say themselves. */
struct runs_options {
	const char *tag; /* of a log, only the lines with this one */
	uint64_t unit_ns; /* of a log's values; 0: not given, so nanoseconds */
	/* Takes a note about the figures, a sentence in the user's language; may be NULL. */
	void (*say)(void *context, const char *note);
	void *context;
};

/* Errors, tag and what is left out: as runs_load(). The caller calls model_fini(). */
int runs_log_read(FILE *file, const struct runs_options *options, struct model *ret_run,
	struct model_fault *fault);
