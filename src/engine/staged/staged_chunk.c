/*
 * One large chunk is always at hand. What is small is copied out of it before it is handed on: else
 * a slow peer with many small messages would hold a large chunk for each.
 */
#include "engine/staged/staged_chunk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a record may add on the way out: header, nonce, padding, tag (SSL3_RT_MAX_ENCRYPTED_OVERHEAD). */
#define RECORD_BYTES (STAGED_CHUNK_PLAIN_BYTES + 320u)
#define CHUNK_BYTES (4 * RECORD_BYTES)
/* Less than this is copied into a chunk of its own size. */
#define SMALL_BYTES 4096u

struct staged_chunk {
	struct staged_chunk *next, *before;
	uint32_t capacity, length, sent;
	uint32_t plain; /* bytes of the protocol inside that end in it */
	unsigned char bytes[];
};

static struct staged_chunk *new_chunk(struct staged_chunk_store *store)
{
	struct staged_chunk *chunk = store->spare;

	store->spare = NULL;
	if (chunk == NULL) {
		chunk = malloc(sizeof(*chunk) + CHUNK_BYTES);
		if (chunk == NULL)
			return NULL;
		chunk->capacity = CHUNK_BYTES;
	}
	chunk->next = chunk->before = NULL;
	chunk->length = chunk->sent = chunk->plain = 0;
	return chunk;
}

static void free_chunk(struct staged_chunk_store *store, struct staged_chunk *chunk)
{
	store->bytes -= chunk->capacity;
	if (store->spare == NULL && chunk->capacity == CHUNK_BYTES)
		store->spare = chunk;
	else
		free(chunk);
}

/* A chunk that has not been handed out and has room; NULL: no memory. */
static struct staged_chunk *chunk_for(struct staged_chunk_queue *queue, size_t length)
{
	struct staged_chunk_store *store = queue->store;
	struct staged_chunk *chunk = queue->unasked != NULL ? queue->last : NULL;

	if (chunk != NULL && chunk->capacity - chunk->length >= length)
		return chunk;
	chunk = new_chunk(store);
	if (chunk == NULL)
		return NULL;
	store->bytes += chunk->capacity;
	chunk->before = queue->last;
	if (queue->last != NULL)
		queue->last->next = chunk;
	else
		queue->first = chunk;
	queue->last = chunk;
	if (queue->unasked == NULL)
		queue->unasked = chunk;
	return chunk;
}

int staged_chunk_take(void *context, const unsigned char *bytes, size_t length)
{
	struct staged_chunk_queue *queue = context;

	while (length > 0) {
		size_t some = length < RECORD_BYTES ? length : RECORD_BYTES;
		struct staged_chunk *chunk = chunk_for(queue, some);

		if (chunk == NULL)
			return -ENOMEM;
		memcpy(chunk->bytes + chunk->length, bytes, some);
		chunk->length += (uint32_t)some;
		queue->unsent_bytes += some;
		bytes += some;
		length -= some;
	}
	return 0;
}

/* A large chunk that holds little is put into a small one, and is there for the next connection. */
static struct staged_chunk *shrink(struct staged_chunk_queue *queue, struct staged_chunk *chunk)
{
	struct staged_chunk_store *store = queue->store;
	struct staged_chunk *small;

	if (chunk->length > SMALL_BYTES || chunk->next != NULL || chunk->capacity < CHUNK_BYTES)
		return chunk;
	small = malloc(sizeof(*small) + chunk->length);
	if (small == NULL)
		return chunk;
	*small = *chunk;
	small->capacity = chunk->length;
	memcpy(small->bytes, chunk->bytes, chunk->length);
	store->bytes += small->capacity;
	free_chunk(store, chunk);
	queue->last = queue->unasked = small;
	if (small->before != NULL)
		small->before->next = small;
	else
		queue->first = small;
	return small;
}

void staged_chunk_send(struct staged_chunk_queue *queue, struct protocol_answer *answer)
{
	struct staged_chunk *chunk = queue->unasked;

	if (chunk == NULL)
		return;
	chunk = shrink(queue, chunk);
	queue->unasked = chunk->next;
	answer->send = (struct protocol_span){ .bytes = chunk->bytes, .length = chunk->length };
}

size_t staged_chunk_sent(struct staged_chunk_queue *queue, size_t count)
{
	size_t plain = 0;

	assert(count <= queue->unsent_bytes);
	queue->unsent_bytes -= count;
	while (count > 0) {
		struct staged_chunk *chunk = queue->first;
		uint32_t left = chunk->length - chunk->sent;
		uint32_t some = count < left ? (uint32_t)count : left;

		assert(chunk != queue->unasked);
		chunk->sent += some;
		count -= some;
		if (chunk->sent < chunk->length)
			break;
		plain += chunk->plain;
		queue->first = chunk->next;
		if (queue->first == NULL)
			queue->last = NULL;
		else
			queue->first->before = NULL;
		free_chunk(queue->store, chunk);
	}
	queue->unsent_plain -= plain;
	return plain;
}

void staged_chunk_note_plain(struct staged_chunk_queue *queue, uint32_t count)
{
	queue->last->plain += count;
	queue->unsent_plain += count;
}

void staged_chunk_clear(struct staged_chunk_queue *queue)
{
	while (queue->first != NULL) {
		struct staged_chunk *chunk = queue->first;

		queue->first = chunk->next;
		free_chunk(queue->store, chunk);
	}
	*queue = (struct staged_chunk_queue){ .store = queue->store };
}

void staged_chunk_store_fini(struct staged_chunk_store *store)
{
	free(store->spare);
	store->spare = NULL;
}
