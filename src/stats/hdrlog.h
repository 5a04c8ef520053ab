/*
 * Histograms as text that other tools understand: the HdrHistogram V2 encoding (zlib, base64), and
 * its log of intervals, format 1.3. Values are nanoseconds. Older encodings are read, too.
 *
 *	#[Histogram log format version 1.3]
 *	#[StartTime: 1700000000.000 (seconds since epoch)]
 *	#[BaseTime: 1700000000.000 (seconds since epoch)]
 *	"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
 *	Tag=sent,0.000,1.000,2.351,HISTFAAAA...
 *
 * The encoding holds bounds and counters, no more: min and max of what is decoded are the ends of
 * their steps, and the number of values beyond the range is not in it.
 *
 * To memory instead of a file: open_memstream(3); from memory: fmemopen(3). Any thread, each its
 * own file and reader.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stats/histogram.h"

/* One line, and so one encoded histogram, at most; the largest that can be made is about half. */
#define HDRLOG_LINE_CAP_BYTES (16u << 20)
/* A tag, its end included. */
#define HDRLOG_TAG_SIZE 256

/* ---- one histogram ---- */

/* The text is the caller's, to be freed. -ENOMEM. */
int hdrlog_encode(const struct histogram *histogram, char **ret_text);

/*
 * Reads foreign text: V0, V1 or V2, compressed. The histogram is the caller's. -EBADMSG: not the
 * encoding, or damaged; -ENOTSUP: an encoding of HdrHistogram, but not one of these (values of
 * floating point, not compressed, a later one), or with bounds that ours does not have; -EMSGSIZE:
 * longer than HDRLOG_LINE_CAP_BYTES; -ENOMEM.
 */
int hdrlog_decode(const char *text, size_t length, struct histogram **ret_histogram);

/* ---- writing a log ---- */

/* Everything before the first interval. `start_ns` is since the epoch. -errno of writing. */
int hdrlog_write_head(FILE *file, uint64_t start_ns);

/*
 * One interval, from `start_ns` after the start of the head. `tag` may be NULL: none. -EINVAL: a
 * tag that is empty, too long, or has a comma, blank or control character in it; -ENOMEM; -errno of
 * writing. Buffered as the file is: check fclose(3), too.
 */
int hdrlog_write_interval(FILE *file, const char *tag, uint64_t start_ns, uint64_t length_ns,
	const struct histogram *histogram);
