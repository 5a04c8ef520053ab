/*
 * How long a silent connection lives on the way to a service: load balancers, firewalls and address
 * translators forget it after some time, and say so or not (RFC 5382 REQ-5 asks for 2 hours and 4 minutes).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "check/rule.h"

/*
 * Tries up to `bound_ns` of silence, with many connections at once, and prints what was found. 0: found, or
 * still alive at the bound, or interrupted (then: what is known until then); -errno: a line has been
 * printed.
 */
int idle_find(struct rule_trial *trial, uint64_t bound_ns, bool json);

/* Writes that nothing could be tried, as the object that --json promises. */
void idle_write_error(const char *text);
