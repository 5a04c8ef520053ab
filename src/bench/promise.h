/*
 * A promise, as --assert and --find-max take it: a figure of the result, a comparison, a value.
 *
 *	p99<5ms  p99.9<=20ms  max<1s  mean<300us  sent.p50<1ms  connect.p99<10ms
 *	rate>=10k  bandwidth>=100M  loss==0  loss<0.1%  errors==0  damaged==0  silent==0
 *
 * Latency is that which the load's mode stands for (from the intended time where there is one);
 * `sent.` and `connect.` name one of the others. Pure; any thread; nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats/histogram.h"

/* Holds any text of promise_format_value. */
#define PROMISE_VALUE_TEXT_SIZE 48
/* A longer text is no promise. */
#define PROMISE_TEXT_SIZE 64

enum promise_figure {
	PROMISE_PERCENTILE,
	PROMISE_MIN,
	PROMISE_MEAN,
	PROMISE_STDDEV,
	PROMISE_MAX, /* up to here: latency in ns */
	PROMISE_RATE, /* messages a second */
	PROMISE_BANDWIDTH, /* bytes a second, one way */
	PROMISE_LOSS, /* a ratio, 0 to 1 */
	PROMISE_ERRORS, /* counts, from here on */
	PROMISE_DAMAGED,
	PROMISE_DUPLICATES,
	PROMISE_REORDERED,
	PROMISE_LATE,
	PROMISE_UNSENT,
	PROMISE_SILENT,
	PROMISE_STALLED,
};

enum promise_latency { PROMISE_OF_MODE, PROMISE_SENT, PROMISE_CONNECT };

enum promise_comparison {
	PROMISE_BELOW,
	PROMISE_AT_MOST,
	PROMISE_ABOVE,
	PROMISE_AT_LEAST,
	PROMISE_EQUAL,
	PROMISE_NOT_EQUAL,
};

struct promise {
	enum promise_figure figure;
	enum promise_latency latency; /* for the figures of latency */
	double percentile;
	enum promise_comparison comparison;
	double value; /* ns, a second, ratio, or count: as the figure has it */
	char text[PROMISE_TEXT_SIZE]; /* as written */
};

/* What was measured. A histogram that is NULL or empty was not measured. */
struct promise_facts {
	const struct histogram *latency[3]; /* by enum promise_latency */
	double rate_per_s, bandwidth_bytes_per_s;
	uint64_t sent, lost; /* messages; damaged ones are lost, too */
	uint64_t unsent; /* ... that were due and never sent */
	uint64_t silent, stalled, errors, damaged, duplicates, reordered, late;
	bool verified; /* bytes were compared; otherwise damage is not known */
};

/*
 * -EINVAL: not a promise; `ret_column` (from 0) and `ret_why`, a translated sentence without a full
 * stop, then say where and why.
 */
int promise_parse(
	const char *text, struct promise *ret_promise, size_t *ret_column, const char **ret_why);

/*
 * The value of the figure. False: nothing of the kind was measured, so that the promise is not kept. Errors
 * without a message (refused connections) count as measured.
 */
bool promise_value(
	const struct promise *promise, const struct promise_facts *facts, double *ret_value);

/* Does `value` keep it? */
bool promise_holds(const struct promise *promise, double value);

/* Writes a value of its figure for people: "5.31ms", "12.3k/s", "0.25%", "17". Returns buffer. */
const char *promise_format_value(
	const struct promise *promise, double value, char *buffer, size_t size);

/* The figure alone, as written: "p99.9", "sent.max". Never translated. Returns buffer. */
const char *promise_format_figure(const struct promise *promise, char *buffer, size_t size);
