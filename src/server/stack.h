/*
 * The echo of one worker, and the protocols around it where they are asked for: faults, the guard over how long a
 * connection may stay, and around all of them TLS. What was not asked for is left out, and costs nothing. One thread, the worker's.
 */
#pragma once

#include <stdbool.h>

#include "protocol/echo.h"
#include "protocol/fault.h"
#include "protocol/guard.h"
#include "server/fault/fault_map.h"
#include "server/secure.h"

struct stack {
	struct echo echo; /* for its owner to set up (echo_init) before stack_init() */
	struct fault fault;
	struct guard guard;
	struct secure secure; /* for its owner to put around the others: secure_around() */
	bool faulted, guarded;
};

/* What each remembers of a connection. */
struct stack_memory {
	const struct protocol_conn *echo; /* zeroed where there was no memory */
	unsigned tag; /* of the listener: the outermost knows it, whatever happens */
	enum guard_ending ending;
	bool ended_by_fault;
};

/*
 * The outermost of them but TLS. NULL: without faults, without guard. What is pointed to stays the caller's;
 * `counters` are those of each listener, by its tag.
 */
struct protocol *stack_init(struct stack *stack, struct counters *counters,
	const struct fault_map *faults, const struct guard_options *guard);
void stack_fini(struct stack *stack);

struct stack_memory stack_look(const struct stack *stack, const struct engine_conn *conn);
/* To be called at the end of every connection, last. */
void stack_forget(struct stack *stack, const struct engine_conn *conn);
