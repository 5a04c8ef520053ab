/*
 * A fleet as JSON: `meari report --expect N --json` (docs/result.md, "A fleet"). The page has the same.
 */
#pragma once

#include <jansson.h>

#include "report/difference.h"
#include "report/fleet/fleet.h"

/*
 * The object, of a settled fleet; the caller frees it. `whole`: with the merged result. Errors as
 * model_write_json().
 */
int fleet_json(const struct fleet *fleet, const struct difference *differences,
	int difference_count, bool whole, json_t **ret_object);
