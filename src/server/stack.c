/*
 * From the outside to the inside: guard, fault, echo.
 */
#include "server/stack.h"

#include "base/clock.h"

static void on_fault(void *context, const struct fault_event *event)
{
	fault_map_log_event(context, event);
}

struct protocol *stack_init(struct stack *stack, struct counters *counters,
	const struct fault_map *faults, const struct guard_options *guard)
{
	struct protocol *outermost = &stack->echo.protocol;

	stack->faulted = faults != NULL;
	stack->guarded = guard != NULL;
	if (stack->faulted) {
		const struct fault_options options = {
			.sites = fault_map_sites(faults),
			.now_ns = clock_now_ns,
			.report = on_fault,
			.context = (void *)(uintptr_t)faults,
		};

		fault_init(&stack->fault, outermost, counters, &options);
		outermost = &stack->fault.protocol;
	}
	if (stack->guarded) {
		guard_init(&stack->guard, outermost, counters, guard);
		outermost = &stack->guard.protocol;
	}
	return outermost;
}

void stack_fini(struct stack *stack)
{
	if (stack->guarded)
		guard_fini(&stack->guard);
	if (stack->faulted)
		fault_fini(&stack->fault);
}

/* What is around the echo; NULL where the guard had no memory. */
static const struct protocol_conn *under_guard(
	const struct stack *stack, const struct protocol_conn *outermost)
{
	return stack->guarded ? guard_inner(outermost) : outermost;
}

struct stack_memory stack_look(
	const struct stack *stack, const struct secure *secure, const struct engine_conn *conn)
{
	static const struct protocol_conn nothing;
	enum engine_close_reason reason = ENGINE_CLOSE_DONE;
	int error = 0;
	const struct protocol_conn *outermost = secure_judge(secure, conn, &reason, &error)
							.protocol;
	const struct protocol_conn *under = under_guard(stack, outermost);
	struct stack_memory memory = { .echo = under };

	if (stack->guarded)
		memory.tag = guard_tag(outermost);
	else
		memory.tag = stack->faulted ? fault_tag(outermost) : echo_tag(outermost);
	memory.tag = secure_tag(secure, conn, memory.tag);
	memory.ending = stack->guarded ? guard_ending(outermost) : GUARD_NOT_ENDED;
	if (stack->faulted && under != NULL) {
		memory.ended_by_fault = fault_has_ended(under);
		memory.echo = fault_inner(under);
	}
	if (memory.echo == NULL)
		memory.echo = &nothing;
	return memory;
}

void stack_forget(const struct stack *stack, const struct protocol_conn *outermost)
{
	const struct protocol_conn *under = under_guard(stack, outermost);

	if (stack->faulted && under != NULL)
		fault_forget(under);
	if (stack->guarded)
		guard_forget(outermost);
}
