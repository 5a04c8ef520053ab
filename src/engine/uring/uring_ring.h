/*
 * A ring's beginning and end. For engine/uring/ only. Each ring belongs to the thread that opened it, but
 * any number of threads may open and close rings of their own at once.
 */
#pragma once

#include <stdbool.h>

#include "engine/uring/uring_abi.h"

/*
 * A ring for the calling thread alone. `ret_deferred`: completions happen only when we wait (Linux 6.1).
 * -errno.
 */
int uring_ring_open(unsigned entries, struct io_uring *ret_ring, bool *ret_deferred);

/* Lets go of it. What the kernel still had to do is called off, and may be answered a little later. */
void uring_ring_close(struct io_uring *ring);
