/*
 * What one worker counts: by listener, and where it is shown (--web) how long connections live, which stand out, and
 * what the thread costs. The thread writes it without locks; between two events it makes a copy, for others to read.
 * Who holds which lock for the copy is the owner's affair.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/web/figures.h"

struct record {
	/* The thread's. */
	struct counters *counters; /* of each listener, by tag */
	unsigned count;
	struct lives lives; /* empty where nothing is shown */
	struct census census;
	/* The copy. */
	struct counters *copied_counters;
	struct lives_sum *copied_lives; /* NULL: nothing is shown */
	struct census copied_census;
	struct figures_thread copied_thread;
};

/* -ENOMEM: record_fini() is fine all the same. Without listeners there is room for one. */
int record_init(struct record *record, size_t listeners, bool shown);
void record_fini(struct record *record);

/* A time of getrusage(2). */
struct timeval;
uint64_t record_time_ns(const struct timeval *time);

/* What the calling thread, the record's own, has cost so far. */
void record_measure(struct figures_thread *ret_thread);
/* Makes the copy. On the thread, or once it has ended; with the lock. */
void record_copy(struct record *record);

/* With the lock: adds what was copied, over all listeners; or by listener, where it is shown. */
void record_sum(const struct record *record, struct counters *sum);
void record_add(const struct record *record, struct figures_listener *sums, struct census *census);
