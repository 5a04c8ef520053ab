/*
 * A fault that was injected, once: which, and where. For fault*.c, and for the owner of a fault
 * (fault.h), to which each is reported.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "protocol/fault_plan.h"

struct fault;

struct fault_event {
	enum fault_plan_kind kind;
	unsigned tag; /* of the listener */
	bool to_datagram;
	uint64_t number; /* of the connection or datagram, in the order of coming */
	uint64_t after_bytes; /* received before */
};

/*
 * Counts the event, in the thread's counters and in those of its listener, and reports it to the
 * fault's owner.
 */
void fault_event_report(const struct fault *fault, const struct fault_event *event);
