/*
 * Signals as a descriptor to be polled. Main thread, before any other is started: threads inherit
 * the mask, so no signal ever interrupts one of them.
 */
#pragma once

#include <stdbool.h>

/*
 * The end is asked for by SIGTERM and SIGINT, the counters by SIGUSR1, and by SIGHUP, where there is
 * something to read again, that it be read.
 */
enum signals_wish { SIGNALS_NONE, SIGNALS_END, SIGNALS_COUNTERS, SIGNALS_RELOAD };

/*
 * Blocks the signals, SIGHUP only if `reload`, ignores SIGPIPE; gives a signalfd(2), non-blocking, the
 * caller's.
 */
int signals_open(bool reload, int *ret_fd);

/* The next one that has come. */
enum signals_wish signals_take(int fd);
