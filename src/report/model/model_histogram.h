/*
 * A histogram inside a result's JSON. "hdr" holds all of it, in HdrHistogram's V2 encoding; what
 * stands beside it is computed from it, but for three things that the encoding does not keep: the
 * exact least and greatest value, and how many values lay above the range.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "stats/histogram.h"

struct model_histogram_fault {
	const char *key; /* NULL: the whole */
	const char *reason; /* in the user's language */
};

/* `whole`: with "hdr". The caller frees the object. -ENOMEM. */
int model_histogram_write(const struct histogram *histogram, bool whole, json_t **ret_object);

/* The caller frees the histogram. -EBADMSG: `fault` says why; -ENOMEM. */
int model_histogram_read(
	json_t *object, struct histogram **ret_histogram, struct model_histogram_fault *fault);
