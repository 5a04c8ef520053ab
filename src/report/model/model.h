/*
 * One result of a measurement, as every part of the program sees it: `meari bench` fills it, its
 * JSON form is what files hold (docs/result.md), `meari report` merges, compares and draws it.
 *
 * A zeroed struct is an empty result. It owns all that its pointers lead to, histograms too;
 * model_fini() gives it back. NULL texts and histograms mean "not known". One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stats/histogram.h"

#define MODEL_FORMAT "meari-result"
#define MODEL_VERSION 1

/* Caps on what a file can make grow; model_append() and the reader hold them. */
#define MODEL_MOST_ITEMS 65536 /* in any list */
#define MODEL_MOST_TEXT_BYTES 4096 /* of one text */
#define MODEL_MOST_BYTES (16u << 20) /* of one result as JSON */

/* An array that grows. What it holds stands beside each; see model_append(). */
struct model_list {
	void *items;
	size_t count;
};

/* A count that may not be there, where 0 would claim that it is 0. */
struct model_known {
	uint64_t count;
	bool known;
};

struct model_option {
	char *name;
	char *value;
};

/* Where it was measured; environment_read() fills all but the last two. */
struct model_environment {
	char *kernel; /* "Linux 6.1.0-18-amd64" */
	char *version; /* meari's that measured */
	char *machine; /* "x86_64": the kind, never the host's name */
	char *cpu; /* the processor's own name for itself */
	uint64_t cpus; /* that the program may use */
	char *engine;
	struct model_list options; /* struct model_option */
};

/* Of a generator that was one of many. A text or a count that is not known is not there. */
struct model_fleet {
	struct model_known rank; /* from 0 */
	struct model_known size;
	char *host; /* its name; only where there is a rank */
	char *from; /* "OMPI_COMM_WORLD_RANK", "--rank": who said the rank */
	struct model_known start_unix_ns; /* when the load, warm-up included, was to begin */
	struct model_known late_ns; /* ... and how late it did */
};

struct model_target {
	char *address;
	char *scheme; /* "tcp", "udp", "unix", "unixgram" */
};

enum model_mode { MODEL_CLOSED, MODEL_OPEN, MODEL_CHURN };
enum model_arrivals { MODEL_CONSTANT, MODEL_POISSON };

struct model_size {
	uint64_t bytes;
	uint64_t weight; /* relative to the others' */
};

/* What was asked for. */
struct model_load {
	enum model_mode mode;
	uint64_t connections;
	uint64_t pipeline; /* requests under way on each */
	struct model_list sizes; /* struct model_size */
	double rate_per_s; /* open loop, constant; otherwise 0 */
	enum model_arrivals arrivals; /* open loop */
	char *profile; /* open loop whose rate changes: as it was given */
	uint64_t threads;
	bool verify;
	uint64_t busy_poll_ns;
};

struct model_counts {
	uint64_t sent;
	uint64_t received;
	uint64_t lost;
	uint64_t late;
	uint64_t duplicates;
	uint64_t reordered;
	uint64_t damaged;
	uint64_t connects;
	uint64_t connect_errors;
	uint64_t resets;
	uint64_t bytes_sent;
	uint64_t bytes_received;
	/* Results from before there were these have 0. */
	uint64_t handshakes_full, handshakes_resumed; /* of TLS */
	uint64_t unsent; /* messages that were due and never sent; so `sent + unsent` were due */
	uint64_t silent; /* connections that brought nothing back within the measuring */
	uint64_t stalled; /* ... that did at first and brought nothing more until its end */
	uint64_t overruns; /* ... that brought more bytes than were sent */
	uint64_t faults; /* datagrams that the kernel did not send, or said were refused */
	uint64_t strays; /* ... that came back and answer nothing that was sent */
};

struct model_rate {
	double asked_per_s; /* 0: nothing was asked for (closed loop) */
	double reached_per_s;
	double bytes_per_s; /* received */
};

/* In nanoseconds. */
struct model_latency {
	struct histogram *intended; /* from when a request should have been sent (open loop) */
	struct histogram *sent; /* from when it was sent */
	struct histogram *connect;
};

struct model_interval {
	uint64_t start_ns; /* since the measuring began */
	uint64_t length_ns;
	uint64_t sent;
	uint64_t received;
	double asked_per_s;
	/* From intended where there is one, otherwise from sent; 0: nothing was measured. */
	uint64_t p50_ns;
	uint64_t p99_ns;
	uint64_t max_ns;
	uint64_t errors;
	struct model_known unsent; /* due in it and never sent; part of the errors */
};

struct model_figure {
	char *name;
	double value;
};

/* Why the figures cannot be trusted; reason.h words it. */
struct model_reason {
	char *code; /* "generator-cpu", "behind-schedule", ... */
	struct model_list figures; /* struct model_figure */
	char *text; /* both as a sentence, in English, for people who read the file itself */
};

struct model_trust {
	bool doubted; /* "trusted" in JSON is its opposite, so that zero means well */
	struct model_list reasons; /* struct model_reason */
};

/* One step of the search for the highest rate. */
struct model_step {
	double rate_per_s;
	double reached_per_s;
	char *figure; /* "p99" */
	double value; /* of the figure, ns for times; NAN: there was none */
	bool kept; /* the promise */
	bool doubted; /* the generator was the limit: says nothing about the service */
};

enum model_search_end {
	MODEL_NOT_SEARCHED,
	MODEL_FOUND,
	MODEL_AT_LEAST, /* found; more could not be generated */
	MODEL_WHOLE_RANGE, /* even the highest rate keeps it */
	MODEL_NO_RATE, /* not even the lowest does */
	MODEL_INTERRUPTED, /* ended early */
};

/* What came of the search for the highest rate. */
struct model_find_max {
	char *promise; /* "p99<5ms" */
	double limit; /* of its figure: ns for times */
	enum model_search_end end;
	double rate_per_s; /* the highest that is known to keep it; 0: none */
};

struct model_assert {
	char *text; /* "p99<5ms" */
	double value; /* as in model_step */
	bool holds;
};

struct model {
	char *program; /* "meari bench" */
	struct model_list command; /* char * */
	char *label;
	uint64_t started_unix_ns;
	uint64_t duration_ns; /* of the measuring, without the warm-up */
	uint64_t warm_up_ns;
	bool interrupted; /* ended early; what was measured until then is here */
	struct model_fleet fleet;
	struct model_environment environment;
	struct model_target target;
	struct model_load load;
	struct model_counts counts;
	struct model_rate rate;
	struct model_latency latency;
	struct model_list intervals; /* struct model_interval */
	struct model_trust trust;
	struct model_list search; /* struct model_step */
	struct model_find_max find_max;
	struct model_list asserts; /* struct model_assert */
};

/* The percentiles that every form of a result shows, ascending. */
#define MODEL_PERCENTILE_COUNT 8
extern const double model_percentiles[MODEL_PERCENTILE_COUNT];

/* Frees all that it holds and empties it. */
void model_fini(struct model *model);

/* Replaces *text (owned by a model) by a copy of `value`; NULL: by nothing. 0 or -ENOMEM. */
int model_set_text(char **text, const char *value);

/*
 * One more item of `size` bytes, zeroed, at the end of a list; valid until the next one. NULL: no
 * memory, or the list is at MODEL_MOST_ITEMS. `size` must be that of the list's type:
 *
 *	struct model_interval *interval = model_append(&model->intervals, sizeof(*interval));
 */
void *model_append(struct model_list *list, size_t size);

/* The same for a list of texts: a copy of `text`. 0, -ENOMEM, or -E2BIG at the cap. */
int model_append_text(struct model_list *list, const char *text);

/* Latency as people mean it: from intended where there is one, otherwise from sent; or NULL. */
const struct histogram *model_main_latency(const struct model *model);
