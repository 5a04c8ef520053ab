/*
 * One thread's schedule in real time: hands out what is due, and measures how late that is, which is the
 * generator's own delay. What was due but not handed out by the end is given up, and counted.
 *
 * One thread; nothing is allocated after schedule_init().
 */
#pragma once

#include <stdint.h>

#include "bench/pace.h"
#include "stats/histogram.h"

/* Handed out in one call, at most: then the engine serves its sockets. */
#define SCHEDULE_BURST 256

struct schedule_host {
	/* A message, or in churn a connection, is due. */
	void (*hand_out)(void *context, uint64_t due_ns, uint64_t now_ns);
	/* `count` of them were due at `due_ns` or before, and will not be handed out. */
	void (*give_up)(void *context, uint64_t due_ns, uint64_t count);
	uint64_t (*clock)(void); /* clock_now_ns, but for tests */
	void *context;
};

struct schedule {
	const struct schedule_host *host;
	struct pace pace;
	uint64_t start_ns;
	uint64_t due_ns; /* of the next; CLOCK_NEVER: not begun, or no more */
	struct histogram *lag; /* how late what was due was handed out, or given up */
};

/* -ENOMEM. The host is kept, not owned. */
int schedule_init(struct schedule *schedule, const struct schedule_host *host);
void schedule_fini(struct schedule *schedule);

/* Begins at `start_ns`; the pace is for times since then. */
void schedule_begin(struct schedule *schedule, const struct pace *pace, uint64_t start_ns);

/* Hands out what is due. When to come again: the past, if there was more than a burst. */
uint64_t schedule_keep(struct schedule *schedule, uint64_t now_ns);

/*
 * The end: of what was due before `until_ns`, a last burst is handed out and the rest given up. Up to
 * SCHEDULE_BURST * 256 exactly; more are counted by the rate, in slices of time.
 */
void schedule_end(struct schedule *schedule, uint64_t until_ns);
