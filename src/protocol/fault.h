/*
 * A protocol around another one: it injects faults, as plans say (fault_plan.h), and reports each.
 * It is used only where faults are configured. Each listener has a plan, or none: its connections
 * then pass through, at the cost of one branch an event and 40 bytes each.
 *
 * Limits: FAULT_HELD_BYTES and FAULT_HELD_MOST of what is delayed on a connection; at either, it is
 * not read from. Failing: a connection for which there is no memory is reset. Thread: one; a struct
 * fault serves all connections of its thread; sites are shared. Ownership: it holds the state of
 * each connection, until fault_forget() or fault_fini().
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "protocol/fault_event.h"
#include "protocol/fault_plan.h"
#include "protocol/protocol.h"
#include "stats/counters.h"

/* Bytes of one connection that are delayed at a time. */
#define FAULT_HELD_BYTES (256u << 10)
/* Messages of one connection that are delayed at a time. */
#define FAULT_HELD_MOST 1024u

/* The faults of one listener; shared by all threads. */
struct fault_site {
	/*
	 * With rules, or NULL. May be replaced at any time: a connection keeps the plan it began
	 * with.
	 */
	_Atomic(const struct fault_plan *) plan;
	_Atomic uint64_t connections, datagrams; /* so many have come: their numbers */
	_Atomic uint64_t done[FAULT_PLAN_KINDS];
};

struct fault_options {
	struct fault_site *sites; /* by the tags of the listeners (engine_listen) */
	uint64_t (*now_ns)(void); /* clock_now_ns, or a test's own */
	/* Called with each fault event, after it has been counted; may be NULL. */
	void (*report)(void *context, const struct fault_event *event);
	void *context;
};

struct fault_conn;

struct fault {
	struct protocol protocol; /* what engines are given */
	struct protocol *inner; /* one that asks for no deadlines */
	struct counters *counters;
	struct fault_options options;
	struct fault_conn *first;
};

/*
 * `inner`, `counters` (one for each listener, by its tag), sites and their plans stay the caller's and must outlive the
 * fault.
 */
void fault_init(struct fault *fault, struct protocol *inner, struct counters *counters,
	const struct fault_options *options);
/* Forgets the connections for which fault_forget() was not called. */
void fault_fini(struct fault *fault);

/* The inner protocol's memory of a connection; NULL where there was no memory for one. */
const struct protocol_conn *fault_inner(const struct protocol_conn *conn);

/* The tag of the listener, also where there was no memory. */
unsigned fault_tag(const struct protocol_conn *conn);

/* Whether it is a fault that has ended the connection. */
bool fault_has_ended(const struct protocol_conn *conn);

/* To be called at the end of every connection, last. */
void fault_forget(const struct protocol_conn *conn);
