/*
 * The echo of one worker, and the protocols around it where they are asked for: faults, and around both the guard over
 * how long a connection may stay. What was not asked for is left out, and costs nothing. One thread, the worker's.
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
 * The outermost protocol, for the engine. NULL: without faults, without guard. What is pointed to stays the caller's;
 * `counters` are those of each listener, by its tag.
 */
struct protocol *stack_init(struct stack *stack, struct counters *counters,
	const struct fault_map *faults, const struct guard_options *guard);
void stack_fini(struct stack *stack);

/* Of an open connection, or one that ends; under the stage of `secure`, where it has one. */
struct stack_memory stack_look(
	const struct stack *stack, const struct secure *secure, const struct engine_conn *conn);
/* To be called at the end of every connection, last; `outermost` is what secure_judge() gives. */
void stack_forget(const struct stack *stack, const struct protocol_conn *outermost);
