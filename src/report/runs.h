/*
 * The runs that the files hold: results in JSON (model_read.h), any number in a file, or logs of
 * HdrHistogram (stats/hdrlog_reader.h), of which each is one run. Everything in a file is foreign.
 */
#pragma once

#include "report/model/model.h"
#include "report/model/model_read.h"
#include "report/runs_log.h"

/* Of one file of JSON; of a single result MODEL_MOST_BYTES. */
#define RUNS_MOST_FILE_BYTES (128u << 20)
/* Of all files together. */
#define RUNS_MOST 1024
#define RUNS_MOST_HISTOGRAM_BYTES (512u << 20)

/* Zeroed is empty. Owns the runs. */
struct runs {
	struct model *items;
	size_t count;
	size_t log_count; /* of the files that were logs of HdrHistogram */
	size_t histogram_bytes;
};

/*
 * Adds the runs of a file; "-" is standard input. Of a log, the lines without a tag are taken and
 * those tagged "intended", "sent" and "connect", as `meari bench --hdr` writes them; with a tag only
 * those that have this one. A log whose last line is cut off is read up to there, and is then an
 * interrupted run. Of `meari bench --json-lines` the intervals are passed over: the result behind
 * them has them all.
 * -EBADMSG: `fault` says what is wrong with it; -ENODATA: nothing in it; -EFBIG: it, or all together,
 * is too large; -errno of opening and reading; -ENOMEM. After a failure what was there still is, and
 * perhaps some runs of the file.
 */
int runs_load(struct runs *runs, const char *path, const struct runs_options *options,
	struct model_fault *fault);
void runs_fini(struct runs *runs);

/* All of a file; the caller frees `ret_bytes`. -EFBIG: more than RUNS_MOST_FILE_BYTES; -ENOMEM; -errno of reading. */
int runs_read_all(FILE *file, char **ret_bytes, size_t *ret_length);
