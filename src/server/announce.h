/*
 * What the server says of itself as a whole, to the log and to the process that started it (--ready-fd). Main thread.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "server/listen/listener.h"
#include "stats/counters.h"

void announce_start(const struct listener_list *listeners, const char *engine, unsigned threads);

/*
 * --ready-fd: the addresses, one a line, those of web pages last and as URLs, then the end of the file. They are written by announce_ready(). A reader that
 * is slow is waited for by a thread, which announce_prepare_ready() starts, so that none is started later.
 * `fd` is taken over; -1: NULL. Without memory: NULL, one line has been logged, and nothing is written.
 * The other two free what was prepared; NULL is fine.
 */
struct announce_ready;
struct announce_ready *announce_prepare_ready(const struct listener_list *listeners, int fd);
void announce_ready(struct announce_ready *ready);
/* Closes the descriptor; nothing is written. */
void announce_cancel_ready(struct announce_ready *ready);

void announce_counters(const struct counters *sum);
void announce_draining(const struct counters *sum, uint64_t drain_ns);
void announce_end(const struct counters *sum);
