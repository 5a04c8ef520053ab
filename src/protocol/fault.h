/*
 * A protocol around another one that does wrong on purpose, as plans say (fault_plan.h), and tells of every
 * wrong that it does. It is put there only where faults were asked for; without any, nobody knows of it.
 * Each listener has a plan, or none: then its connections go through, for one branch an event and 40 bytes
 * each. One struct fault serves all connections of one thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "protocol/fault_event.h"
#include "protocol/fault_plan.h"
#include "protocol/protocol.h"
#include "stats/counters.h"

/* Bytes of one connection that are delayed at once; then it is not read from. */
#define FAULT_HELD_BYTES (256u << 10)
/* Messages of one connection that are delayed at once. */
#define FAULT_HELD_MOST 1024u

/* What goes wrong on one listener; shared by all threads. */
struct fault_site {
	/* With rules, or NULL: nothing. May be another at any time: a connection keeps the one that it met. */
	_Atomic(const struct fault_plan *) plan;
	_Atomic uint64_t connections, datagrams; /* that have come: numbers them in their order */
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

/* `inner`, `counters`, sites and their plans stay the caller's and must outlive the fault. */
void fault_init(struct fault *fault, struct protocol *inner, struct counters *counters,
	const struct fault_options *options);
/* Forgets the connections that were never told as closed. */
void fault_fini(struct fault *fault);

/* The inner protocol's memory of a connection; NULL where there was no memory for one. */
const struct protocol_conn *fault_inner(const struct protocol_conn *conn);

/* Whether it is a fault that has ended the connection. */
bool fault_has_ended(const struct protocol_conn *conn);

/* To be told at the end of every connection: the last that is heard of it. */
void fault_forget(const struct protocol_conn *conn);
