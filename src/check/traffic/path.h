/*
 * The words for a way to a service that is known to be exact (check --through): what did not come back in full was
 * done by the way, so each finding says what the way did. Pure; any thread.
 */
#pragma once

#include <stddef.h>

#include "check/traffic/exchange.h"

/* One sentence without a full stop, translated; "" where all went well. Returns `buffer`. */
const char *path_format(const struct exchange_plan *plan, const struct exchange_result *result,
	char *buffer, size_t size);
