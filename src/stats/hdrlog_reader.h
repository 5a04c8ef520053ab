/*
 * Reads logs of histograms, ours and others' (format 1.0 to 1.3; stats/hdrlog.h): interval by
 * interval, so a log may be longer than memory. Everything in it is foreign.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stats/hdrlog.h"

struct hdrlog_reader;

struct hdrlog_reader_interval {
	/* "": none. No commas, blanks or control characters; other bytes may be anything. */
	char tag[HDRLOG_TAG_SIZE];
	/* Since the epoch if the log says what its stamps count from, otherwise as they stand. */
	uint64_t start_ns;
	uint64_t length_ns;
	double max; /* as it stands there, in the writer's unit; NAN: not a number */
	struct histogram *histogram; /* the caller's, to be freed */
};

/* `file` stays the caller's and must outlive the reader. -ENOMEM. */
int hdrlog_reader_new(FILE *file, struct hdrlog_reader **ret_reader);
/* NULL is fine. */
void hdrlog_reader_free(struct hdrlog_reader *reader);

/*
 * 1: an interval; 0: the end; or an error, after which reading may go on with the next line:
 * -EBADMSG, -ENOTSUP, -EMSGSIZE (as hdrlog_decode; here also of the line or its format), -ENOMEM,
 * or that of reading, after which it may not. hdrlog_reader_why() and _line() say more, and
 * hdrlog_reader_is_cut() whether the line may only be incomplete.
 */
int hdrlog_reader_next(struct hdrlog_reader *reader, struct hdrlog_reader_interval *ret_interval);

/*
 * Whether the line read last is the last of all and has no end: its writer may not have finished
 * it.
 */
bool hdrlog_reader_is_cut(const struct hdrlog_reader *reader);
/* The number, from 1, of the line read last. */
uint64_t hdrlog_reader_line(const struct hdrlog_reader *reader);
/* What was wrong, in words for _(); NULL: the error number says it. */
const char *hdrlog_reader_why(const struct hdrlog_reader *reader);
/* StartTime of the log, since the epoch; 0 until it was read. */
uint64_t hdrlog_reader_start_ns(const struct hdrlog_reader *reader);
