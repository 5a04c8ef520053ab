/*
 * Returned buffers are kept on a stack: the buffer that was used last is still in the cache, and
 * with a single busy connection it is always the same one. Only a few are kept, so that after a
 * burst of slow readers the memory is freed.
 */
#include "engine/buffer.h"

#include <stdlib.h>

#define KEEP_LARGE 32
#define KEEP_SMALL 256

void buffer_pool_init(struct buffer_pool *pool, size_t cap_bytes)
{
	*pool = (struct buffer_pool){ .cap_bytes = cap_bytes };
}

static void free_all(struct buffer *first)
{
	while (first != NULL) {
		struct buffer *next = first->next_free;

		free(first);
		first = next;
	}
}

void buffer_pool_fini(struct buffer_pool *pool)
{
	free_all(pool->free_large);
	free_all(pool->free_small);
	*pool = (struct buffer_pool){ 0 };
}

static struct buffer *take(
	struct buffer_pool *pool, struct buffer **stack, unsigned *count, uint32_t capacity)
{
	struct buffer *buffer = *stack;

	if (buffer != NULL) {
		*stack = buffer->next_free;
		(*count)--;
	} else {
		buffer = malloc(sizeof(*buffer) + capacity);
		if (buffer == NULL)
			return NULL;
		buffer->pool = pool;
		buffer->capacity = capacity;
	}
	buffer->next_free = NULL;
	buffer->references = 1;
	buffer->filled = 0;
	return buffer;
}

struct buffer *buffer_get_large(struct buffer_pool *pool)
{
	if (pool->large_in_use_bytes + BUFFER_LARGE_BYTES > pool->cap_bytes)
		return NULL;

	struct buffer *buffer = take(
		pool, &pool->free_large, &pool->free_large_count, BUFFER_LARGE_BYTES);

	if (buffer != NULL)
		pool->large_in_use_bytes += BUFFER_LARGE_BYTES;
	return buffer;
}

struct buffer *buffer_get_small(struct buffer_pool *pool)
{
	struct buffer *buffer = take(
		pool, &pool->free_small, &pool->free_small_count, BUFFER_SMALL_BYTES);

	if (buffer != NULL)
		pool->small_in_use_bytes += BUFFER_SMALL_BYTES;
	return buffer;
}

void buffer_ref(struct buffer *buffer)
{
	buffer->references++;
}

static void give_back(struct buffer *buffer, struct buffer **stack, unsigned *count, unsigned most)
{
	if (*count >= most) {
		free(buffer);
		return;
	}
	buffer->next_free = *stack;
	*stack = buffer;
	(*count)++;
}

void buffer_unref(struct buffer *buffer)
{
	if (buffer == NULL || --buffer->references > 0)
		return;

	struct buffer_pool *pool = buffer->pool;

	if (buffer->capacity == BUFFER_LARGE_BYTES) {
		pool->large_in_use_bytes -= BUFFER_LARGE_BYTES;
		give_back(buffer, &pool->free_large, &pool->free_large_count, KEEP_LARGE);
	} else {
		pool->small_in_use_bytes -= BUFFER_SMALL_BYTES;
		give_back(buffer, &pool->free_small, &pool->free_small_count, KEEP_SMALL);
	}
}
