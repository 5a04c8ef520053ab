/*
 * A group of buffers that the kernel may receive into: it picks one when bytes have come, so a
 * connection that waits holds none. Limits: URING_GROUP_MOST buffers; when the group is empty,
 * receives fail with ENOBUFS. For engine/uring/ only; one thread. Ownership: the buffers are the
 * pool's; one that the kernel has filled leaves the group, and its reference is the caller's that
 * takes it.
 */
#pragma once

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/buffer.h"

#define URING_GROUP_MOST 256

struct uring_group {
	struct io_uring_buf_ring *ring;
	struct buffer_pool *pool;
	struct buffer *(*get)(struct buffer_pool *pool);
	uint16_t id;
	uint16_t entries; /* a power of two, URING_GROUP_MOST at most */
	uint16_t most; /* so many are in the group, at most */
	uint16_t missing_count; /* numbers that name no buffer now */
	uint16_t missing[URING_GROUP_MOST];
	struct buffer *buffers[URING_GROUP_MOST]; /* by number: those that the kernel has */
};

/*
 * Registers an empty group. `get` gives the buffers, all of one size; `most` of them at a time.
 * -ENOMEM or -errno of the registration.
 */
int uring_group_init(struct uring_group *group, struct io_uring *ring, uint16_t id,
	struct buffer_pool *pool, struct buffer *(*get)(struct buffer_pool *pool), uint16_t most);
/* The ring must be gone: the kernel no longer uses them. */
void uring_group_fini(struct uring_group *group);
/* The kernel may go on using the buffers that it has: they are leaked on purpose. */
void uring_group_abandon(struct uring_group *group);

/* Gives the kernel as many as are missing and available. */
void uring_group_fill(struct uring_group *group);

/* The buffer that a completion names; its reference is the caller's. */
struct buffer *uring_group_take(struct uring_group *group, uint32_t completion_flags);

/* Buffers that the kernel has, or will have after the next fill. */
static inline unsigned uring_group_count(const struct uring_group *group)
{
	return (unsigned)(group->most - group->missing_count);
}
