/*
 * A log line that a crowd of events must not repeat without end: it is written at most once in LOG_LIMIT_NS, and then
 * with the number of events that it left out. One for each line; zeroed is ready. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define LOG_LIMIT_NS (10 * CLOCK_NS_PER_S)

struct log_limit {
	uint64_t logged_ns; /* 0: never */
	uint64_t left_out; /* since then */
};

/* True: the line is due at `now_ns`, and `ret_left_out` events had no line since the last one. False: counted. */
bool log_limit_is_due(struct log_limit *limit, uint64_t now_ns, uint64_t *ret_left_out);
