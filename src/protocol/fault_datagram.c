/*
 * The faults of each datagram are drawn independently. The answer says when it is to leave, and
 * whether twice; the engine sees to that (engine/postponed.h): nothing is held here.
 */
#include "protocol/fault_datagram.h"

#include "base/clock.h"
#include "protocol/fault_event.h"

static void spoil(const struct fault *fault, struct fault_site *site, const struct fault_plan *plan,
	unsigned index, uint64_t number, struct protocol_answer *answer)
{
	const struct fault_plan_rule *rule = &plan->rules[index];
	uint64_t dice = fault_plan_begin(plan, index, number);
	struct fault_event done = {
		.kind = rule->kind,
		.tag = (unsigned)(site - fault->options.sites),
		.to_datagram = true,
		.number = number,
		.after_bytes = answer->send.length,
	};

	if (!fault_plan_draw_chance(&dice, rule->probability))
		return;
	switch (rule->kind) {
	case FAULT_PLAN_DROP: answer->send = (struct protocol_span){ 0 }; break;
	case FAULT_PLAN_DUPLICATE: answer->twice = true; break;
	case FAULT_PLAN_DELAY:
	case FAULT_PLAN_REORDER:
		if (answer->wake_ns == 0)
			answer->wake_ns = fault->options.now_ns();
		answer->wake_ns = clock_after_ns(
			answer->wake_ns, fault_plan_draw_ns(&dice, &rule->time));
		break;
	case FAULT_PLAN_TRUNCATE:
		if (answer->send.length <= rule->bytes)
			return;
		answer->send.length = (uint32_t)rule->bytes;
		break;
	case FAULT_PLAN_CORRUPT:
		if (answer->send.length == 0)
			return;
		fault_plan_flip(
			&dice, (unsigned char *)(uintptr_t)answer->send.bytes, answer->send.length);
		break;
	default: return;
	}
	fault_event_report(fault, &done);
}

void fault_datagram_handle(
	struct fault *fault, const struct protocol_event *event, struct protocol_answer *answer)
{
	fault->inner->handle(fault->inner, NULL, event, answer);
	if (event->kind != PROTOCOL_DATAGRAM || answer->send.bytes == NULL)
		return;

	struct fault_site *site = &fault->options.sites[event->tag];
	const struct fault_plan *plan = atomic_load_explicit(&site->plan, memory_order_acquire);

	if (plan == NULL)
		return;

	uint64_t number = atomic_fetch_add_explicit(&site->datagrams, 1, memory_order_relaxed);

	for (unsigned i = 0; i < plan->count && answer->send.bytes != NULL; i++)
		spoil(fault, site, plan, i, number, answer);
}
