/*
 * Counters for programs: an object with every counter by its name, and "connections_open". Any thread.
 */
#pragma once

#include <jansson.h>

#include "stats/counters.h"

/* The caller's; NULL: no memory. */
json_t *counters_json(const struct counters *counters);
