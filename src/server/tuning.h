/*
 * Hints to the kernel for a socket that a worker serves. Best effort; any thread.
 */
#pragma once

#include <stdint.h>

#include "net/addr.h"

/* `cpu`: the processor that the worker keeps to, -1: any; `busy_poll_ns` as in engine_options. */
void tuning_apply(int fd, enum addr_scheme scheme, int cpu, uint64_t busy_poll_ns);
