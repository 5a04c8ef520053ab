/*
 * The buffers of one engine: bytes are received into them, and the very same bytes are sent from
 * them.
 *
 * Limits: there are two sizes. Large buffers are for speed and count against the pool's cap. A
 * small buffer is always available: a connection that holds none takes one when the large buffers
 * are used up, so that many peers that do not read cannot starve those that do. So the sum is
 * bounded by the cap, plus BUFFER_CONN_BYTES for each connection, plus BUFFER_READY_BYTES where the
 * kernel holds buffers beforehand.
 *
 * Full: buffer_get_large() gives NULL. Thread: one, so the count of references is plain.
 *
 * Ownership: reference counted, because spans of one buffer may wait in several places.
 * buffer_unref() of the last reference returns the buffer to its pool.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BUFFER_LARGE_BYTES (64u << 10) /* all that a busy socket has, in one receive */
#define BUFFER_SMALL_BYTES (4u << 10)
/* A receive that is under way when the cap is reached may fill two; one that begins then, one. */
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
/* Every buffer must have been returned. */
void buffer_pool_fini(struct buffer_pool *pool);

/* An empty buffer with one reference, the caller's; NULL at the cap, or without memory. */
struct buffer *buffer_get_large(struct buffer_pool *pool);
/* NULL only when the system has no memory. */
struct buffer *buffer_get_small(struct buffer_pool *pool);

void buffer_ref(struct buffer *buffer);
/* NULL is fine. */
void buffer_unref(struct buffer *buffer);
