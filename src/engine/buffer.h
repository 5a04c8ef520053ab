/*
 * Buffers of one engine: where received bytes arrive, and from where the very same bytes are sent.
 *
 * Two sizes. Large ones are for speed and count against the pool's cap. A small one may always be
 * had: a connection that holds nothing takes one when the large ones are used up, so a crowd of
 * peers that do not read cannot starve those that do. The bound is then the cap, plus CONN_BYTES for
 * each connection, plus READY_BYTES where the kernel is given buffers beforehand.
 *
 * Reference counted, because spans of one buffer may wait in several places; one thread, so the
 * count is plain. buffer_unref() of the last reference gives it back to its pool.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BUFFER_LARGE_BYTES (64u << 10) /* all that a busy socket has, in one receive */
#define BUFFER_SMALL_BYTES (4u << 10)
/* Receives that are under way when the cap is reached may end in two; one that is then begun, in one. */
#define BUFFER_CONN_BYTES (2 * BUFFER_SMALL_BYTES)
#define BUFFER_READY_BYTES (1u << 20)

struct buffer_pool;

struct buffer {
	struct buffer_pool *pool;
	struct buffer *next_free;
	uint32_t references;
	uint32_t capacity;
	uint32_t filled; /* bytes [0, filled) are taken; the rest may be received into */
	unsigned char bytes[];
};

struct buffer_pool {
	size_t cap_bytes;
	size_t large_in_use_bytes;
	size_t small_in_use_bytes;
	struct buffer *free_large, *free_small;
	unsigned free_large_count, free_small_count;
};

void buffer_pool_init(struct buffer_pool *pool, size_t cap_bytes);
/* Every buffer must have been given back. */
void buffer_pool_fini(struct buffer_pool *pool);

/* An empty buffer with one reference, the caller's; NULL when the cap or memory is reached. */
struct buffer *buffer_get_large(struct buffer_pool *pool);
/* NULL only when the system has no memory. */
struct buffer *buffer_get_small(struct buffer_pool *pool);

void buffer_ref(struct buffer *buffer);
/* NULL is fine. */
void buffer_unref(struct buffer *buffer);
