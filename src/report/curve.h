/*
 * The shape of a histogram: points for a curve of percentiles, and bars for its shape. Enough of
 * them for a picture, not more.
 */
#pragma once

#include <jansson.h>

#include "stats/histogram.h"

/* Bars of the shape. */
#define CURVE_BARS 60

/*
 * [[percentile, ns], ...] from 0 to 100, closer and closer towards 100: five points each time that
 * half of what was left is left, until nothing is. NULL: no memory.
 */
json_t *curve_percentiles(const struct histogram *histogram);

/*
 * [[from_ns, to_ns, count], ...]: bars of the same width on a logarithmic scale, without a gap. The
 * counts add up to the histogram's. NULL: no memory.
 */
json_t *curve_shape(const struct histogram *histogram);
