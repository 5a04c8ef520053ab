/*
 * A histogram inside a result's JSON. "hdr" holds all of it, in HdrHistogram's V2 encoding; what
 * stands beside it is computed from it, but for the exact least and greatest value, which that
 * encoding does not keep.
 */
#pragma once

#include <jansson.h>

#include "stats/histogram.h"

struct model_histogram_fault {
	const char *key; /* NULL: the whole */
	const char *reason; /* in the user's language */
};

/* The caller frees the object. -ENOMEM. */
int model_histogram_write(const struct histogram *histogram, json_t **ret_object);

/* The caller frees the histogram. -EBADMSG: `fault` says why; -ENOMEM. */
int model_histogram_read(
	json_t *object, struct histogram **ret_histogram, struct model_histogram_fault *fault);
