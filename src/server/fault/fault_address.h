/*
 * What stands behind an address, for one listener: ADDRESS "?" PART *("&" PART), where a PART is "fault=" and one
 * SPEC of fault_spec.h, or "proxy=require" or "proxy=accept", once (listener_list.h). The first "?fault=" or
 * "?proxy=" begins them, and no other "?" does; a path that has these very letters spells them with an escape
 * ("\x3ffault=", addr.h). Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol/fault_plan.h"
#include "server/listen/listener_list.h"

/* How long the address is that the text begins with; what follows, if anything, are its parts. */
size_t fault_address_length(const char *text);

struct fault_address {
	struct fault_plan plan; /* of no rules where there are none */
	enum listener_proxy proxy;
};

/* Where and why a text has a part that is none. */
struct fault_address_flaw {
	size_t column; /* in the whole text, from 0 */
	const char *why; /* in the user's language; lives for ever */
	bool in_proxy; /* it is a "proxy=", and not a fault */
};

/*
 * Reads the parts behind the address, whose length that is. -EINVAL: `reterr_flaw`. `datagrams`: it is an address of
 * such; a fault that cannot happen to what comes there is refused, and a proxy.
 */
int fault_address_parse(const char *text, size_t length, bool datagrams,
	struct fault_address *ret_parts, struct fault_address_flaw *reterr_flaw);
