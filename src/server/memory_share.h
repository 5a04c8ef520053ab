/*
 * What --max-memory and --pending-total mean for threads and connections. Main thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/server.h"

/*
 * The pool of each thread, and how many connections there is memory for (0: no limit). -ENOMEM: it is too
 * little for the threads; one line has been printed.
 */
int memory_share(const struct server_options *options, unsigned thread_count,
	size_t *ret_pool_bytes, uint32_t *ret_connections);
