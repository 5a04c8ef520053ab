/*
 * The outcome of one run of a load: what was recorded, in total and over time, and whether the figures can
 * be trusted. Main thread.
 *
 * A figure is doubted when it could be the generator's and not the service's: the generator had no
 * processor time left, or handed messages out late, or could not make the connections asked for. It is doubted,
 * too, when it is not of the whole load: messages that were due were never sent, or connections were silent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/promise.h"
#include "protocol/load_record.h"

/* A day of seconds: longer runs have longer intervals, not more of them. */
#define OUTCOME_MOST_INTERVALS 65536

/* Limits of what is trusted. */
#define OUTCOME_CPU_MOST 0.95 /* of a thread's time, running or waiting for a processor */
#define OUTCOME_LAG_MOST_NS 1000000 /* 99 of 100 messages must be handed out within this */
#define OUTCOME_LAG_LEAST_NS 100000 /* ... and a lateness below this never counts */
#define OUTCOME_LAG_SHARE 0.25 /* of the latency's own p99 */

struct outcome_interval {
	uint64_t start_ns, length_ns; /* since the measuring began */
	uint64_t sent, received, errors;
	/* Open loop: due in it and never sent; while the run goes on: not sent by its end. Part of errors. */
	uint64_t unsent;
	uint64_t bytes_received;
	double asked_per_s, reached_per_s;
	uint64_t p50_ns, p99_ns, max_ns; /* of the latency that counts */
};

enum outcome_doubt_kind {
	OUTCOME_NO_CPU,
	OUTCOME_BEHIND,
	OUTCOME_UNCONNECTED, /* by `connect_error` a limit of this machine, or the service's doing */
	OUTCOME_OUT_OF_RANGE, /* up to here: a limit of the generator */
	OUTCOME_UNSENT, /* from here on: not the whole load was carried */
	OUTCOME_SILENT,
	OUTCOME_DOUBT_COUNT,
};

struct outcome {
	struct load_record *record;
	bool open_loop; /* latency counts from the intended time */
	int signal; /* that cut it short; 0: none */
	bool verified; /* bytes were compared */
	uint64_t started_unix_ns, duration_ns, warm_up_ns; /* as it was, not as it was planned */
	double asked_per_s, reached_per_s, bytes_per_s; /* bytes received */
	uint32_t connections, connected; /* asked for, and the most that were open at the end */
	int connect_error; /* -errno of the last that failed, or 0 */

	/* How the generator itself was. */
	double cpu_share, delay_share; /* of the busiest thread */
	uint64_t lag_p99_ns, lag_max_ns; /* open loop */
	uint64_t given_up; /* open loop: messages that it was too far behind to hand out */
	bool doubts[OUTCOME_DOUBT_COUNT];

	size_t interval_count;
	struct outcome_interval *intervals;
};

/* -ENOMEM. */
int outcome_init(struct outcome *outcome);
void outcome_fini(struct outcome *outcome);

/*
 * All errors: messages unsent, lost, damaged, or come back twice; connections silent, stalled, refused, reset, ended;
 * datagrams that the kernel did not send, or that are unknown; more bytes than were sent.
 */
uint64_t outcome_errors(const struct load_record_counts *counts);
/*
 * At the end: a message that never came and an unknown one that did are one damaged message. Datagrams damaged
 * beyond recognition are counted so.
 */
void outcome_settle(struct load_record_counts *counts);
/* What was recorded in an interval so long; the rate asked, and when it began, are left to the caller. */
struct outcome_interval outcome_summarize(
	const struct load_record *record, const struct histogram *latency, uint64_t length_ns);

/* Counts what was never sent in the intervals in which it was due. `end_ns`: the waits' end, as an interval's. */
void outcome_spread_unsent(struct outcome *outcome, uint64_t end_ns);
/* The latency that the mode stands for. */
const struct histogram *outcome_latency(const struct outcome *outcome);
struct promise_facts outcome_facts(const struct outcome *outcome);

/* -ENOMEM; at the cap the interval is left out. */
int outcome_add_interval(struct outcome *outcome, const struct outcome_interval *interval);

/* The latency that is not exceeded by as many messages as were handed out in `lag_p99_ns`. */
uint64_t outcome_late_latency_ns(const struct outcome *outcome);

/* A thread's times of running and of waiting for a processor: those of the busiest one are kept. */
void outcome_note_thread(
	struct outcome *outcome, uint64_t length_ns, uint64_t cpu_ns, uint64_t delay_ns);

/* Sets `doubts` by all the rest. `spinning`: with busy polling the processor time says nothing. */
void outcome_judge(struct outcome *outcome, bool spinning);
bool outcome_is_trusted(const struct outcome *outcome);
/* A limit of the generator is in the figures. */
bool outcome_is_limited(const struct outcome *outcome);
/*
 * As far as the generator could make the load, the service took it: nothing due was left unsent, no connection
 * was silent, stalled, or refused by the service. Otherwise the figures say nothing about the missing part.
 */
bool outcome_is_complete(const struct outcome *outcome);
/* -errno of connect(2): it failed for want of something that this machine or its user has to give. */
bool outcome_is_own_shortage(int error);
/* Something came back damaged, twice, unknown, or in addition to what was sent. */
bool outcome_is_wrong(const struct outcome *outcome);
/*
 * The service did what a generator at its limit does not cause: something is wrong, or connections were silent,
 * stalled, reset, ended, or refused by the service.
 */
bool outcome_has_failed(const struct outcome *outcome);

/* "generator-cpu": its code in a result (report/model/reason.h has the sentence). */
const char *outcome_doubt_code(enum outcome_doubt_kind kind);
