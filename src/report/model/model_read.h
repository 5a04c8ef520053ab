/*
 * Reading a result from JSON that anybody may have written (docs/result.md): the type and the range
 * of each known field are checked, sizes are capped, and the first fault is reported with
 * its place. Keys that are not known are passed over, so that a later meari may add some.
 */
#pragma once

#include "report/model/model.h"

/* What was wrong, in the user's language; nothing in it comes from the file. */
struct model_fault {
	unsigned line, column; /* from 1; 0: see `place` */
	char place[96]; /* "intervals[3].p99_ns"; empty: the whole */
	char reason[160];
};

/*
 * Reads the first of possibly several objects in `bytes`. `model` is overwritten; the caller calls
 * model_fini(). `ret_used`: how many bytes the object and the white space behind it took.
 * -ENOMSG: it is no result, but an interval of `meari bench --json-lines`; `ret_used` is set, too.
 * -EBADMSG: `fault` says why; -EFBIG: it is longer than MODEL_MOST_BYTES; -ENOMEM. After a failure
 * `model` is as it was.
 */
int model_read(const char *bytes, size_t length, struct model *model, size_t *ret_used,
	struct model_fault *fault);
