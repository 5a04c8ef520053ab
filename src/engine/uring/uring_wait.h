/*
 * Submitting and waiting. For engine/uring/ only; one thread.
 */
#pragma once

#include "engine/uring/uring_core.h"

/*
 * Submits what is ordered, and returns when there is a completion or the time `due_ns` has come.
 * -errno: the ring has failed, and is of no more use.
 */
int uring_wait(struct uring_engine *engine, uint64_t due_ns);
