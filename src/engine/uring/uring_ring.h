/*
 * Opening and closing a ring. For engine/uring/ only. Each ring belongs to the thread that opened
 * it, but any number of threads may open and close rings of their own at once.
 */
#pragma once

#include <stdbool.h>

#include "engine/uring/uring_abi.h"

/*
 * A ring for the calling thread alone. `ret_deferred`: completions happen only when we wait (Linux
 * 6.1). -errno.
 */
int uring_ring_open(unsigned entries, struct io_uring *ret_ring, bool *ret_deferred);

/* Closes it. Requests that are under way are cancelled, which may take effect a little later. */
void uring_ring_close(struct io_uring *ring);
