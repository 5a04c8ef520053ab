/*
 * Signals that end a conversation, as something to poll for: while one of these is open they are
 * blocked, and arrive through a descriptor instead of in the middle of anything. SIGPIPE is
 * ignored meanwhile. One at a time; main thread only.
 */
#pragma once

#include <signal.h>

struct interrupt {
	int fd; /* readable when one has come */
	sigset_t before;
	struct sigaction pipe_before;
};

/*
 * Takes over SIGINT, SIGTERM, SIGHUP and SIGQUIT, and those of `more` (ends with 0; may be NULL).
 */
int interrupt_init(struct interrupt *interrupt, const int *more);

/* Gives the signals back. One that has come and was not taken then does what it does. */
void interrupt_fini(struct interrupt *interrupt);

/* The number of a signal that has come, or 0. */
int interrupt_take(const struct interrupt *interrupt);
