/*
 * A ring of buffers (io_uring_register_buf_ring(3)). Few are in it: the kernel takes them in turn,
 * and those that were used last are still in the cache. It is filled up once a round.
 */
#include "engine/uring/uring_group.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int uring_group_init(struct uring_group *group, struct io_uring *ring, uint16_t id,
	struct buffer_pool *pool, struct buffer *(*get)(struct buffer_pool *pool), uint16_t most)
{
	struct io_uring_buf_reg registration = { .bgid = id };
	int r;

	*group = (struct uring_group){ .pool = pool, .get = get, .id = id, .most = most };
	group->entries = 1;
	while (group->entries < most)
		group->entries *= 2;
	r = -posix_memalign((void **)&group->ring, (size_t)sysconf(_SC_PAGESIZE),
		group->entries * sizeof(struct io_uring_buf));
	if (r < 0) {
		group->ring = NULL;
		return r;
	}
	registration.ring_addr = (uintptr_t)group->ring;
	registration.ring_entries = group->entries;
	io_uring_buf_ring_init(group->ring);
	r = io_uring_register_buf_ring(ring, &registration, 0);
	if (r < 0) {
		free(group->ring);
		group->ring = NULL;
		return r;
	}
	for (uint16_t i = 0; i < most; i++)
		group->missing[group->missing_count++] = (uint16_t)(most - 1 - i);
	return 0;
}

void uring_group_fini(struct uring_group *group)
{
	for (unsigned i = 0; i < group->most; i++)
		buffer_unref(group->buffers[i]);
	free(group->ring);
	*group = (struct uring_group){ 0 };
}

void uring_group_abandon(struct uring_group *group)
{
	for (unsigned i = 0; i < group->most; i++)
		group->buffers[i] = NULL;
}

void uring_group_fill(struct uring_group *group)
{
	int added = 0;

	while (group->missing_count > 0) {
		struct buffer *buffer = group->get(group->pool);

		if (buffer == NULL)
			break;
		uint16_t number = group->missing[--group->missing_count];

		group->buffers[number] = buffer;
		io_uring_buf_ring_add(group->ring, buffer->bytes, buffer->capacity, number,
			io_uring_buf_ring_mask(group->entries), added++);
	}
	if (added > 0)
		io_uring_buf_ring_advance(group->ring, added);
}

struct buffer *uring_group_take(struct uring_group *group, uint32_t completion_flags)
{
	uint16_t number = (uint16_t)(completion_flags >> IORING_CQE_BUFFER_SHIFT);
	struct buffer *buffer = number < group->most ? group->buffers[number] : NULL;

	if (buffer != NULL) {
		group->buffers[number] = NULL;
		group->missing[group->missing_count++] = number;
	}
	return buffer;
}
