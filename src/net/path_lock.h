/*
 * A lock, so that one process at a time replaces a socket file: between the check that no process
 * serves on the file and the bind, another process must not do the same. Any thread; waits
 * PATH_LOCK_MOST_NS at most.
 */
#pragma once

#include "net/addr.h"

#define PATH_LOCK_MOST_NS (2ull * 1000000000)

/*
 * Locks the folder of this address until the descriptor is closed, by its owner or by the process's
 * end; nothing is left behind. -1: there is nothing to lock (no file, or a folder that cannot be
 * read), or another process holds the lock for longer than that. Any user may do so: the caller
 * goes on without the lock.
 */
int path_lock_take(const struct addr *addr);
