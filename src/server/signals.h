/*
 * Signals as a descriptor to be polled. They are read by a thread of their own, so that the second request to
 * end is obeyed whatever the main thread is doing: if the process has not ended a few seconds later, that
 * thread ends it. One set a process; main thread, before any other is started: threads inherit the mask, so
 * no signal ever interrupts one of them.
 *
 *   signals_open ──▶ opening ──signals_stop──▶ no thread ──signals_watch──▶ serving
 */
#pragma once

#include <stdbool.h>

/*
 * The end is asked for by SIGTERM and SIGINT, the counters by SIGUSR1, and by SIGHUP, where there is
 * something to read again, that it be read.
 */
enum signals_wish { SIGNALS_NONE, SIGNALS_END, SIGNALS_COUNTERS, SIGNALS_RELOAD };

/*
 * Blocks the signals, SIGHUP only if `reload`, ignores SIGPIPE, and starts the thread. Gives a descriptor,
 * non-blocking and the caller's, that is readable when a signal has come. While the server is being opened (a
 * name server may not answer), one request to end gives that some seconds, and a second one ends it there and then.
 */
int signals_open(bool reload, int *ret_fd);

/* Ends the thread: a sandbox is for the threads that come after it. What comes meanwhile waits. */
void signals_stop(void);
/* Starts it again, for good: it runs until the process ends. -errno. */
int signals_watch(void);

/* The next one that has come: first what can be done, the end last. */
enum signals_wish signals_take(int fd);
