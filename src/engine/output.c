/*
 * The queue of a connection whose peer reads slowly. Bytes that are received meanwhile continue in
 * the last buffer and lengthen the last span, so that many small receives do not become many
 * entries.
 */
#include "engine/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bulk_pipe.h"

#define LEAST_CAPACITY 4

int output_new(struct output **ret_output)
{
	struct output *output = calloc(1, sizeof(*output));

	if (output == NULL)
		return -ENOMEM;
	*ret_output = output;
	return 0;
}

static struct output_entry *entry_at(const struct output *output, uint32_t index)
{
	return &output->entries[(output->first + index) & (output->capacity - 1)];
}

static void ref(const struct protocol_span *span)
{
	if (span->buffer == NULL)
		return;
	if (protocol_span_is_unseen(span))
		bulk_pipe_ref(span->buffer);
	else
		buffer_ref(span->buffer);
}

static void unref(const struct protocol_span *span)
{
	if (protocol_span_is_unseen(span))
		bulk_pipe_unref(span->buffer);
	else
		buffer_unref(span->buffer);
}

void output_free(struct output *output)
{
	if (output == NULL)
		return;
	for (uint32_t i = 0; i < output->count; i++)
		unref(&entry_at(output, i)->span);
	free(output->entries);
	free(output);
}

static int grow(struct output *output)
{
	uint32_t capacity = output->capacity == 0 ? LEAST_CAPACITY : output->capacity * 2;
	struct output_entry *entries = malloc(capacity * sizeof(*entries));

	if (entries == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < output->count; i++)
		entries[i] = *entry_at(output, i);
	free(output->entries);
	output->entries = entries;
	output->capacity = capacity;
	output->first = 0;
	return 0;
}

/* True when the span goes on exactly where the last one ends, in the same buffer. */
static bool continues_last(const struct output *output, const struct protocol_span *span)
{
	if (output->count == 0 || span->buffer == NULL)
		return false;

	const struct output_entry *last = entry_at(output, output->count - 1);

	if (last->urgent || last->span.buffer != span->buffer)
		return false;
	return span->bytes == NULL || last->span.bytes + last->span.length == span->bytes;
}

int output_push(struct output *output, const struct protocol_span *span, bool urgent)
{
	if (!urgent && continues_last(output, span)) {
		entry_at(output, output->count - 1)->span.length += span->length;
		return 0;
	}
	if (output->count == output->capacity) {
		int r = grow(output);

		if (r < 0)
			return r;
	}
	*entry_at(output, output->count) = (struct output_entry){ .span = *span, .urgent = urgent };
	output->count++;
	ref(span);
	return 0;
}

unsigned output_peek(
	const struct output *output, struct iovec vectors[OUTPUT_BATCH], bool *ret_urgent)
{
	unsigned count = 0;

	*ret_urgent = output->count > 0 && entry_at(output, 0)->urgent;
	while (count < output->count && count < OUTPUT_BATCH) {
		const struct output_entry *entry = entry_at(output, count);

		/* MSG_OOB marks the last byte of its call: an urgent span travels alone. */
		if ((entry->urgent && count > 0) || protocol_span_is_unseen(&entry->span))
			break;
		vectors[count].iov_base = (void *)entry->span.bytes;
		vectors[count].iov_len = entry->span.length;
		count++;
		if (entry->urgent)
			break;
	}
	return count;
}

void output_advance(struct output *output, size_t count)
{
	while (count > 0) {
		struct protocol_span *span = &entry_at(output, 0)->span;

		if (count < span->length) {
			if (span->bytes != NULL)
				span->bytes += count;
			span->length -= (uint32_t)count;
			return;
		}
		count -= span->length;
		unref(span);
		output->first = (output->first + 1) & (output->capacity - 1);
		output->count--;
	}
}

struct bulk_pipe *output_last_pipe(const struct output *output)
{
	if (output_is_empty(output))
		return NULL;

	const struct protocol_span *last = &entry_at(output, output->count - 1)->span;

	return protocol_span_is_unseen(last) ? last->buffer : NULL;
}

struct buffer *output_tail(const struct output *output)
{
	if (output_is_empty(output))
		return NULL;

	const struct protocol_span *last = &entry_at(output, output->count - 1)->span;
	struct buffer *buffer = last->buffer;

	if (buffer == NULL || last->bytes == NULL ||
		last->bytes + last->length != buffer->bytes + buffer->filled ||
		buffer->filled == buffer->capacity)
		return NULL;
	return buffer;
}
