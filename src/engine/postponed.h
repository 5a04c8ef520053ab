/*
 * Answers to datagrams that are to leave later. Each is a copy with the address it goes to; one
 * timer, set for the first that is due, serves them all. At most POSTPONED_MOST_BYTES. For engine/
 * only; one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/arrivals.h"
#include "engine/timer.h"

/* The answers that wait in one engine, with their addresses; an answer beyond it is lost. */
#define POSTPONED_MOST_BYTES ((size_t)16 << 20)

struct datagram;
struct engine;
struct postponed_answer;

struct postponed {
	struct timer timer;
	struct postponed_answer **heap; /* heap[0] is due first */
	size_t count, capacity;
	size_t bytes;
	uint64_t order; /* of the next to be added: answers due at the same time leave in it */
};

/*
 * Copies the answer, which leaves by this socket when it is due. Without memory, or beyond the
 * bound, it is reported to the protocol as lost.
 */
void postponed_add(struct engine *engine, const struct datagram *datagram,
	const struct arrival *arrival, const struct protocol_span *answer, uint64_t due_ns);

/* The timer has fired: sends what is due, and reports to the protocol what became of it. */
void postponed_send_due(struct engine *engine);

/* The sockets are closed: the answers that wait are reported as lost. */
void postponed_give_up(struct engine *engine);

/* Frees the answers that wait, without a report. */
void postponed_fini(struct postponed *postponed);
