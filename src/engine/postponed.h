/*
 * Answers to datagrams that are not to leave yet. Each is a copy that knows where it goes; together they
 * have one timer, that of the first that is due. For engine/ only; one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/arrivals.h"
#include "engine/timer.h"

/* All that wait in one engine, with what is remembered of each; beyond it an answer is lost. */
#define POSTPONED_MOST_BYTES ((size_t)16 << 20)

struct engine;
struct postponed_answer;

struct postponed {
	struct timer timer;
	struct postponed_answer **heap; /* the first that is due is the first */
	size_t count, capacity;
	size_t bytes;
	uint64_t order; /* of adding: what is due at the same time leaves in it */
};

/*
 * Copies the answer, which leaves by this socket when it is due. Without memory, or beyond the bound, the
 * protocol is told that it is lost.
 */
void postponed_add(struct engine *engine, int fd, int family, const struct arrival *arrival,
	const struct protocol_span *answer, uint64_t due_ns);

/* The timer has come: sends what is due, and tells the protocol what became of it. */
void postponed_send_due(struct engine *engine);

/* The sockets are going: what waits is told as lost. */
void postponed_give_up(struct engine *engine);

/* Frees what waits and tells nobody. */
void postponed_fini(struct postponed *postponed);
