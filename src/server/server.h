/*
 * The echo server as a whole: listeners, workers, signals, the end. Main thread; speaks through the
 * log, also of its own failures.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

#define SERVER_DEFAULT_DRAIN_NS (5ull * 1000000000)
#define SERVER_MOST_THREADS 1024
#define SERVER_LEAST_POOL_BYTES (1u << 20)

struct server_options {
	const struct addr_spec *specs; /* at least one */
	size_t spec_count;
	const char *engine; /* "auto" or a name */
	unsigned threads; /* 0: as many as there are processors to use */
	int backlog;
	uint32_t pending_bytes; /* unsent bytes of one connection, at most */
	size_t pool_bytes; /* buffers of all connections together, at most */
	bool return_urgent;
	uint64_t busy_poll_ns; /* as in engine_options */
	bool pin; /* each thread keeps to one processor, and to the connections that come in there */
	uint64_t drain_ns;
	int ready_fd; /* -1: none; taken over */
};

/*
 * Serves until SIGTERM or SIGINT. 0: ended as asked; -errno: it could not run, one line has been
 * printed.
 */
int server_run(const struct server_options *options);
