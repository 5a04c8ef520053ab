/*
 * The conversation of a person at a terminal: the textbook's client, grown up. A prompt, a typed
 * line, the echo below it; commands that begin with a slash (command.h); and the server's end
 * reported at once, also in the middle of a typed line. Main thread only (it takes over signals and
 * the terminal, and gives both back).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/ending.h"
#include "net/addr.h"

/* How long lines typed ahead wait for the echo of the one before, so that both stay together. */
#define PROMPT_GRACE_NS 200000000ull

struct prompt_options {
	int socket; /* connected, non-blocking; the caller closes it, and that sends the RST of /reset */
	enum addr_scheme scheme;
	bool verbose; /* show round-trip times */
	uint64_t
		timeout_ns; /* how long to wait for what is due: a datagram's echo, the server's end */
};

/*
 * Talks on standard input and output. -ENOMEM, -EMFILE and the like: it could not begin. Otherwise
 * 0 and how it ended: ENDING_FINE also after Ctrl-C, which is an ordinary way to leave.
 */
int prompt_run(const struct prompt_options *options, struct ending *ret_ending);
