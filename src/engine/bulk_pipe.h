/*
 * The pipes of one engine, through which bytes of a connection in bulk move from its socket into
 * its socket without being copied (splice(2)). A pipe is borrowed for a turn, and goes back empty;
 * only where the peer does not read, it stays with the connection for longer.
 *
 * Limits: what is in a pipe keeps whole pages, at worst BULK_PIPE_SLOT_BYTES a slot, however few bytes
 * it is. So a pipe that is in use counts as so many bytes of the buffers' pool, and all of them
 * together may have half of it. A pipe has BULK_PIPE_SLOTS slots, or BULK_PIPE_LEAST_SLOTS where the pool is
 * small or the kernel grants no more (pipe(7), pipe-user-pages-soft); with fewer, copying is better.
 * Two descriptors each: the last BULK_PIPE_SPARE_DESCRIPTORS of the limit are left to connections.
 *
 * Full, or failing: bulk_pipe_get() gives NULL, and the caller copies. Thread: one.
 *
 * Ownership: reference counted, like buffers. The last bulk_pipe_unref() returns an empty pipe to its
 * pool; one that still holds bytes is closed, and the bytes are dropped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/buffer.h"

#define BULK_PIPE_SLOT_BYTES (64u << 10)
#define BULK_PIPE_SLOTS 64u
#define BULK_PIPE_LEAST_SLOTS 16u
#define BULK_PIPE_SPARE_DESCRIPTORS 64

struct bulk_pipe_pool;

struct bulk_pipe {
	struct bulk_pipe_pool *pool;
	struct bulk_pipe *next_free;
	uint32_t references;
	uint32_t slots;
	uint32_t bytes; /* in it: kept up to date where bytes are moved */
	int in_fd, out_fd; /* bytes go in at the one and out at the other */
};

struct bulk_pipe_pool {
	struct buffer_pool *buffers; /* where they are counted */
	bool off; /* bulk_pipe_get() gives NULL, for ever */
	bool tight; /* descriptors have run out: what comes back is closed */
	int descriptor_end; /* a pipe has no descriptor as high as this */
	uint32_t slots; /* what a new one asks for */
	unsigned skip; /* after a failure: so many requests are refused without trying */
	size_t pinned_bytes; /* by those in use, as counted */
	struct bulk_pipe *free;
	unsigned free_count;
	unsigned users; /* open connections that have been in bulk; without one, none is kept */
	uint64_t moved_bytes; /* by all of them, ever */
};

/* `buffers` is initialized, and outlives the pool. `on` false: bulk_pipe_get() always gives NULL. */
void bulk_pipe_pool_init(struct bulk_pipe_pool *pool, struct buffer_pool *buffers, bool on);
/* Every pipe must have been returned. */
void bulk_pipe_pool_fini(struct bulk_pipe_pool *pool);
/* Descriptors have run out: closes what is not in use. True if that was any. */
bool bulk_pipe_pool_trim(struct bulk_pipe_pool *pool);

/* A connection is in bulk for the first time, and, later, has ended. */
void bulk_pipe_pool_enter(struct bulk_pipe_pool *pool);
void bulk_pipe_pool_leave(struct bulk_pipe_pool *pool);

/* An empty pipe with one reference, the caller's; NULL: not now. */
struct bulk_pipe *bulk_pipe_get(struct bulk_pipe_pool *pool);
void bulk_pipe_ref(struct bulk_pipe *pipe);
/* NULL is fine. */
void bulk_pipe_unref(struct bulk_pipe *pipe);

/*
 * The two ends of a new pipe, as of pipe2(2), and its slots, `wanted` of them if the kernel grants
 * that. 0 or -errno; -ENOSPC: it grants fewer than BULK_PIPE_LEAST_SLOTS.
 */
int bulk_pipe_open(uint32_t wanted, int ret_fds[2], uint32_t *ret_slots);
