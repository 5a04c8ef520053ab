/*
 * The shim of tests/torture: one call of the server, chosen by name and by the way that led to it, fails
 * once. Linked into meari-torture only, in front of whatever may fail (--wrap of the linker): what the
 * program calls is what is held here, what the libraries call among themselves is theirs.
 * Not with clang's sanitizers: their runtime is linked in, and its own calls would be held, too.
 *
 *   shim.c        who is the victim, what has been called, the report
 *   shim_calls.c  memory and system calls
 *   shim_ring.c   io_uring: its calls, and the orders themselves
 *
 * The environment says what is to happen:
 *
 *   MEARI_TORTURE=NAME@WAY:NTH:ERROR    the NTH call of NAME on this way fails with ERROR (a number)
 *   MEARI_TORTURE=NAME/EVERY:ERROR      every EVERY-th call of NAME does, whatever its way
 *   MEARI_TORTURE_REPORT=N              descriptor for the report, one line each:
 *       hit NAME WAY ERROR              at once when a call has been made to fail
 *       call NAME WAY COUNT             at the end: every way that was gone, and how often
 *   MEARI_TORTURE_DEPTH=N               how many functions make a way, the shim's own among them (default: all)
 *
 * A way is a hash of the return addresses within the program, the innermost first: the same in every run of
 * one build, whatever the threads do.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* An ERROR for what sends bytes: it sends, but one byte only. */
#define SHIM_SHORT (-1)

/*
 * Counts a call of `name`. 0: it is to be made; otherwise the error that it has. Any thread. From its
 * wrapper itself, so that the way begins there.
 */
int shim_strike(const char *name);
/* The same for an order of a ring, which has no way: all of a name count as one. */
int shim_strike_order(const char *name);
