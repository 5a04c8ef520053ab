/*
 * Sizes of messages as --size takes them: one, or several with how often each is to occur among the
 * others: "64", "1M", "64:9,16K:1". Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "protocol/load.h"

/* A weight beyond this would make the others disappear. */
#define MIX_MOST_WEIGHT 1000000

/*
 * Fills `sizes` and `size_count` of `load`. -EINVAL: no such thing; `ret_column` (from 0) and
 * `ret_why`, a translated sentence without a full stop, then say where and why.
 */
int mix_parse(
	const char *text, struct load_options *load, size_t *ret_column, const char **ret_why);

/* Of a message, on average. */
double mix_mean_bytes(const struct load_options *load);
/* The largest. */
uint32_t mix_most_bytes(const struct load_options *load);
