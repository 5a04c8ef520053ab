/*
 * Faults as a part of an address, for one listener: ADDRESS "?fault=" SPEC *("&fault=" SPEC), where a SPEC
 * is one of fault_spec.h. The first "?fault=" begins them, and no other "?" does; a path that has these
 * very letters spells them with an escape ("\x3ffault=", addr.h). Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol/fault_plan.h"

/* How long the address is that the text begins with; what follows, if anything, are faults. */
size_t fault_address_length(const char *text);

/*
 * Reads the faults behind the address, whose length that is. 0: `ret_plan` has them, none where there are
 * none. -EINVAL: `ret_column` is the place in the whole text, from 0, and `ret_why` the reason in the user's
 * language, which lives for ever. `datagrams`: it is an address of such; a fault that cannot
 * happen to what comes there is refused.
 */
int fault_address_parse(const char *text, size_t length, bool datagrams,
	struct fault_plan *ret_plan, size_t *ret_column, const char **ret_why);
