/*
 * Signals as a descriptor to be polled. Main thread, before any other is started: threads inherit
 * the mask, so no signal ever interrupts one of them.
 */
#pragma once

/* The end is asked for by SIGTERM and SIGINT, the counters by SIGUSR1. */
enum signals_wish { SIGNALS_NONE, SIGNALS_END, SIGNALS_COUNTERS };

/* Blocks the signals, ignores SIGPIPE; gives a signalfd(2), non-blocking, the caller's. */
int signals_open(int *ret_fd);

/* The next one that has come. */
enum signals_wish signals_take(int fd);
