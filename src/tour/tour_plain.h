/*
 * The tour as lines: for paper, pipes and screen readers, and as a test of the kernel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tour/tour_play.h"

/*
 * Stops `first` to `last` with all their breaks, to standard output; what does not hold, to standard error,
 * too. 0; -EPROTO: at least one claim does not hold.
 */
int tour_plain(struct tour_play *play, size_t first, size_t last, bool korean);
