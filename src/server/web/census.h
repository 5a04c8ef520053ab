/*
 * Looks at some of a worker's connections, a few at a time and each in its turn, and remembers those that stand out: the
 * slowest by TCP's round-trip time, and the busiest by bytes a second. However many there are, a look costs no more than
 * a few calls of getsockopt(2). One thread, the worker's; what it has found is copied.
 *
 * Limits: CENSUS_MOST of each kind; the connections a round are given; CENSUS_SLOTS slots a round are gone through.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

#define CENSUS_MOST 8u
#define CENSUS_SLOTS 16384u
#define CENSUS_PEER_SIZE 112

/* As it was when it was last looked at. */
struct census_entry {
	uint32_t slot;
	uint64_t opened_ns; /* 0: there is no such entry */
	uint64_t looked_ns;
	unsigned listener; /* its tag */
	char peer[CENSUS_PEER_SIZE];
	bool is_tcp; /* what follows is known */
	uint32_t rtt_us, retransmits; /* smoothed; segments sent again since the beginning */
	uint64_t pending_bytes; /* received here, and not taken by the peer's kernel yet */
	uint64_t received_bytes;
	double bytes_per_s; /* between the last two looks, or since it was opened */
};

struct census {
	uint32_t next_slot; /* where the next round begins */
	uint64_t looked; /* so many looks, since the start */
	struct census_entry slowest[CENSUS_MOST], busiest[CENSUS_MOST]; /* the first is foremost */
};

/* What the census must know of a connection, and its owner knows. */
struct census_fact {
	uint64_t opened_ns; /* 0: not known, it is passed over */
	unsigned listener;
	uint64_t received_bytes;
	uint32_t pending_bytes;
};

typedef void census_know_fn(
	void *context, const struct engine_conn *conn, struct census_fact *ret_fact);

/* One round: `most` connections at most, those that it remembers first. From a task of the engine. */
void census_take(struct census *census, struct engine *engine, unsigned most, census_know_fn *know,
	void *context);

/* Adds what another one has found: the foremost of both stay. */
void census_merge(struct census *census, const struct census *more);
