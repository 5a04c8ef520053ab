/*
 * A comparison for programs (docs/result.md).
 */
#pragma once

#include <jansson.h>

#include "report/compare.h"
#include "report/difference.h"

/* The caller frees it. NULL: no memory. */
json_t *compare_json(
	const struct compare *compare, const struct difference *differences, int difference_count);
