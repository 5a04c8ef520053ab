/*
 * One process at a time takes a path in a folder: between finding that nobody answers on a socket file and
 * answering there oneself, another one must not do the same. Any thread; waits PATH_LOCK_MOST_NS at most.
 */
#pragma once

#include "net/addr.h"

#define PATH_LOCK_MOST_NS (2ull * 1000000000)

/*
 * Locks the folder of this address until the descriptor is closed, by its owner or by the process's end; nothing
 * is left behind. -1: there is nothing to lock (no file, or a folder that cannot be read), or somebody
 * else keeps it for longer than that, who may be anybody: then it is done without.
 */
int path_lock_take(const struct addr *addr);
