/*
 * Each kind of fault has a counter of its own, and each listener counts for itself.
 */
#include "protocol/fault_event.h"

#include "protocol/fault.h"

void fault_event_report(const struct fault *fault, const struct fault_event *event)
{
	switch (event->kind) {
#define COUNT(kind, counter, key)                                                                  \
	case FAULT_PLAN_##kind: fault->counters[event->tag].faults_##counter++; break;
		FAULT_PLAN_EACH(COUNT)
#undef COUNT
	case FAULT_PLAN_KINDS: break;
	}
	atomic_fetch_add_explicit(
		&fault->options.sites[event->tag].done[event->kind], 1, memory_order_relaxed);
	if (fault->options.report != NULL)
		fault->options.report(fault->options.context, event);
}
