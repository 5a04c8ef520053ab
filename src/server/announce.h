/*
 * What the server says of itself as a whole, to the log and to whoever started it (--ready-fd). Main thread.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "server/listen/listener.h"
#include "stats/counters.h"

void announce_start(const struct listener_list *listeners, const char *engine, unsigned threads);
/* Tells whoever waits at `fd` that it may connect: the addresses, one a line, then the end. -1: nobody. */
void announce_ready(const struct listener_list *listeners, int fd);
void announce_counters(const struct counters *sum);
void announce_draining(const struct counters *sum, uint64_t drain_ns);
void announce_end(const struct counters *sum);
