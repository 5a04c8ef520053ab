/*
 * A fault as people write it: "delay=20ms", "close,after=100,p=10%", "delay=uniform:1ms:5ms,seed=7".
 *
 *   SPEC = KIND ["=" VALUE] *("," ("p=" SHARE | "seed=" N | "after=" SIZE | "for=" TIME | "per=" WHAT))
 *
 * Any thread.
 */
#pragma once

#include <stddef.h>

#include "protocol/fault_plan.h"

/* No text that is taken is longer. */
#define FAULT_SPEC_MOST 512

/* How a fault of each kind begins: "delay=", "stall", ...; NULL behind the last. For whoever offers them; lives for ever. */
const char *fault_spec_beginning(size_t index);

/*
 * -EINVAL: not a fault; then `ret_column` is the place in the text, from 0, and `ret_why` the reason in the
 * user's language, which lives until this thread's next call. A time must have its unit, 0 excepted: elsewhere
 * seconds may be left out, and here milliseconds would be meant.
 */
int fault_spec_parse(const char *text, struct fault_plan_rule *ret_rule, size_t *ret_column,
	const char **ret_why);
