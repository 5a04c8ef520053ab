/*
 * The bytes that wait to be sent on one connection: spans of buffers, and of pipes (without
 * content), in order. Allocated when the kernel takes less than everything, and freed when all has
 * left, so an idle connection has none.
 *
 * Limits: the credit of the protocol bounds the bytes. Failing: -ENOMEM, and nothing has changed.
 * Thread: one. Ownership: it holds a reference of each buffer and pipe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "engine/buffer.h"
#include "protocol/protocol.h"

/* So many spans go into one system call, at most. */
#define OUTPUT_BATCH 32

struct output_entry {
	struct protocol_span span; /* holds a reference of its buffer */
	bool urgent;
};

struct output {
	uint32_t first, count, capacity; /* entries [first, first + count) of a ring */
	struct output_entry *entries;
};

/* Empty; takes no memory for entries yet. -ENOMEM. */
int output_new(struct output **ret_output);
/* Drops the bytes that wait. NULL is fine. */
void output_free(struct output *output);

/*
 * Queues a span behind the others, and takes a reference of its own. -ENOMEM: nothing has changed.
 */
int output_push(struct output *output, const struct protocol_span *span, bool urgent);

/*
 * Fills `vectors` with what may go into one system call: plain spans (`ret_urgent` false), or one
 * urgent span alone (true). Returns their number; 0: the first span is in a pipe.
 */
unsigned output_peek(
	const struct output *output, struct iovec vectors[OUTPUT_BATCH], bool *ret_urgent);

/* The first span; there must be one. */
static inline const struct protocol_span *output_first(const struct output *output)
{
	return &output->entries[output->first].span;
}

/* The pipe that holds the last span; NULL where the last one is in a buffer, or there is none. */
struct bulk_pipe *output_last_pipe(const struct output *output);

/* Whether the first span is in a pipe. */
static inline bool output_starts_unseen(const struct output *output)
{
	return output->count > 0 && protocol_span_is_unseen(output_first(output));
}

/* Drops the first `count` bytes: they have been sent. */
void output_advance(struct output *output, size_t count);

/* The last buffer, if more may be received into it, right behind the last span; NULL otherwise. */
struct buffer *output_tail(const struct output *output);

static inline bool output_is_empty(const struct output *output)
{
	return output == NULL || output->count == 0;
}
