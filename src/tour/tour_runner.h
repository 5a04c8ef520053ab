/*
 * The workers: threads that make the calls of a stop, one call at a time each, and wait in the kernel where
 * the call waits. The main thread starts a call and looks on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tour/tour_log.h"
#include "tour/tour_world.h"

struct tour_runner;

struct tour_outcome {
	bool waits; /* it has not returned: the thread sleeps in the kernel */
	int64_t result; /* of a call that has returned */
	double ms; /* that it took */
	double delay_ms; /* in which a worker was ready to go on, and had no processor; at least 0 */
};

/* Threads until tour_runner_free(). Both pointers stay the caller's. -errno. */
int tour_runner_new(
	struct tour_world *world, struct tour_log *log, struct tour_runner **ret_runner);
/* Calls that wait are called off. */
void tour_runner_free(struct tour_runner *runner);

/* True while this worker's call has not returned, or its return was not yet collected. */
bool tour_runner_is_busy(struct tour_runner *runner, enum tour_who who);

/*
 * Makes a call. Returns when it has returned, or after `patience_ms` if all workers then sleep in the kernel; a
 * worker that is busy makes none: the outcome is -EBUSY.
 */
struct tour_outcome tour_runner_make(
	struct tour_runner *runner, const struct tour_call *call, unsigned patience_ms);

/* For one that was waiting: has it returned within `patience_ms`? */
bool tour_runner_collect(struct tour_runner *runner, enum tour_who who, unsigned patience_ms,
	struct tour_outcome *ret_outcome);

/* Calls off all that wait; afterwards no worker is busy. */
void tour_runner_call_off(struct tour_runner *runner);
