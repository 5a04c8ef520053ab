/*
 * What a fault does to datagrams, which belong to no connection. For fault.c only.
 */
#pragma once

#include "protocol/fault.h"

/*
 * An event without a connection: the inner protocol's answer, with the faults of the listener's
 * plan.
 */
void fault_datagram_handle(
	struct fault *fault, const struct protocol_event *event, struct protocol_answer *answer);
