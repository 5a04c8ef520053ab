/*
 * What io_uring can do here, found out by asking for it: never by the kernel's version, since
 * distributions bring features back and containers take them away. For engine/uring/ only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine/uring/uring_abi.h"

struct uring_probe {
	bool task_work_deferred; /* completions happen only when we wait (Linux 6.1) */
	bool receive_bounded; /* one order, many receives, up to a total (6.17) */
	bool receive_multishot; /* ... and the end of stream is always told: can be relied on */
	bool send_quiet; /* a send that is complete at once need not be answered, any other always is */
};

/* Finds out all of it. 0, or -errno and the reason in words in `why`. */
int uring_probe_all(struct uring_probe *ret_probe, char *why, size_t size);
