/*
 * A result as JSON (docs/result.md): one object on one line, so that runs can be appended to one
 * file. What a histogram says of itself (count, mean, percentiles) is written beside its counts for
 * readers that cannot decode them.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "report/model/model.h"

/*
 * The object; the caller frees it. -EINVAL: a number that JSON cannot hold (NAN or infinite where a
 * figure is due, a count above INT64_MAX); -ENOMEM.
 */
int model_write_json(const struct model *model, json_t **ret_object);

/* ... without what is needed to compute with it: the histograms' "hdr". */
int model_write_summary(const struct model *model, json_t **ret_object);

/* One of `intervals`, as it stands in a result; the caller frees it. -EINVAL, -ENOMEM as above. */
int model_write_interval(const struct model_interval *interval, json_t **ret_object);

/* The whole to a stream, with the newline. Also -EIO: could not be written. */
int model_write(const struct model *model, FILE *out);

/* Text for JSON: bytes that are not UTF-8 as a whole have theirs above ASCII replaced by '?'. */
json_t *model_write_text(const char *text);
