/*
 * The tour at a terminal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tour/tour_play.h"

/*
 * Begins at stop `first`, and goes on as far as its user wants; initialises `play`, which is the caller's to
 * end. 0, the signal that ended it, or -errno.
 */
int tour_interactive(struct tour_play *play, bool isolated, int packets, size_t first, bool korean);
