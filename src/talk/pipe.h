/*
 * The conversation of a script, over a stream: sends all of the input, finishes sending
 * (half-close), and writes what comes back to the output until the server finishes too. Memory is
 * constant; nothing in the loop blocks but poll(2). Says nothing by itself. Main thread only
 * (it takes over signals).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/ending.h"
#include "net/addr.h"

/*
 * What was sent and is not yet back has to be kept for comparing, so this caps it: while it is
 * full, nothing more is read or sent. Large enough to keep a fast path of 30 ms busy at 1 Gbit/s.
 */
#define PIPE_VERIFY_WINDOW (4u << 20)
/* Of each direction's buffer; beyond 256 KiB loopback gets no faster and caches colder. */
#define PIPE_BUFFER (256u << 10)

struct pipe_options {
	int socket; /* connected stream, non-blocking; stays the caller's */
	enum addr_scheme scheme;
	int input;
	int output;
	bool verify; /* compare while it streams, stop at the first difference */
	uint64_t timeout_ns; /* longest silence while something is due; CLOCK_NEVER: none */
};

/* -ENOMEM, -EMFILE and the like: it could not begin. Otherwise 0 and how it ended. */
int pipe_run(const struct pipe_options *options, struct ending *ret_ending);
