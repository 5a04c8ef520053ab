/*
 * Standard output as the far end of a stream: written without ever blocking, where the kernel has a
 * way, so that a slow reader does not keep this process from noticing anything else. The
 * descriptor's own flags are left alone: it is shared with the shell and the other processes that
 * were started with it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum sink_kind { SINK_FILE, SINK_OWN, SINK_SOCKET, SINK_CAREFUL };

struct sink {
	enum sink_kind kind;
	int fd; /* what to poll and write; ours to close with SINK_OWN only */
};

/* Never fails: there is always a way to write. */
void sink_init(struct sink *sink, int fd);
void sink_fini(struct sink *sink);

/* As write(2), -errno on failure; -EAGAIN: poll for POLLOUT first. */
ssize_t sink_write(const struct sink *sink, const void *bytes, size_t length);
