/*
 * What io_uring can do here, found out by trying it: never by the kernel's version, since
 * distributions backport features and containers block them. For engine/uring/ only; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine/uring/uring_abi.h"

struct uring_probe {
	bool task_work_deferred; /* completions happen only when we wait (Linux 6.1) */
	bool receive_bounded; /* one request receives many times, up to a total (6.17) */
	bool receive_multishot; /* ... and always reports the end of stream: it can be relied on */
	bool send_quiet; /* a send without a completion has sent everything */
};

/* Tries all of it. 0, or -errno and the reason in words in `reterr_why`. */
int uring_probe_all(struct uring_probe *ret_probe, char *reterr_why, size_t size);
