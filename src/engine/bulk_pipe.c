/*
 * Pipes are opened when they are needed, and a few are kept while there are connections that have
 * been in bulk. Each failure (no descriptors, no
 * memory, no slots) means copying for a while, and then another try.
 */
#include "engine/bulk_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define KEEP_FREE 4
/* So many requests after a failure are not worth a call each. */
#define SKIP_AFTER_FAILURE 1024

static size_t cost_bytes(uint32_t slots)
{
	return (size_t)slots * BULK_PIPE_SLOT_BYTES;
}

/* Read once: the server has raised it by then. Without a limit there is enough. */
static int find_descriptor_end(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT32_MAX)
		return INT32_MAX;
	return (int)limit.rlim_cur - BULK_PIPE_SPARE_DESCRIPTORS;
}

void bulk_pipe_pool_init(struct bulk_pipe_pool *pool, struct buffer_pool *buffers, bool on)
{
	bool small = buffers->cap_bytes / 16 < cost_bytes(BULK_PIPE_SLOTS);

	*pool = (struct bulk_pipe_pool){
		.buffers = buffers,
		.off = !on,
		.descriptor_end = find_descriptor_end(),
		.slots = small ? BULK_PIPE_LEAST_SLOTS : BULK_PIPE_SLOTS,
	};
}

static void close_pipe(struct bulk_pipe *pipe)
{
	close(pipe->in_fd);
	close(pipe->out_fd);
	free(pipe);
}

static void close_free(struct bulk_pipe_pool *pool)
{
	while (pool->free != NULL) {
		struct bulk_pipe *pipe = pool->free;

		pool->free = pipe->next_free;
		close_pipe(pipe);
	}
	pool->free_count = 0;
}

bool bulk_pipe_pool_trim(struct bulk_pipe_pool *pool)
{
	bool any = pool->free != NULL;

	close_free(pool);
	pool->tight = true;
	return any;
}

void bulk_pipe_pool_enter(struct bulk_pipe_pool *pool)
{
	pool->users++;
}

void bulk_pipe_pool_leave(struct bulk_pipe_pool *pool)
{
	if (--pool->users == 0)
		close_free(pool);
}

void bulk_pipe_pool_fini(struct bulk_pipe_pool *pool)
{
	bulk_pipe_pool_trim(pool);
	*pool = (struct bulk_pipe_pool){ .off = true };
}

/* The slots that a pipe has, after asking for `wanted`; -errno. */
static int grow(int fd, uint32_t wanted)
{
	long page_bytes = sysconf(_SC_PAGESIZE);
	int size = fcntl(fd, F_GETPIPE_SZ);

	/* A user who has many pipes may be refused larger ones (EPERM), or get small ones at once. */
	if (size >= 0 && size < (int)(wanted * page_bytes)) {
		int grown = fcntl(fd, F_SETPIPE_SZ, (int)(wanted * page_bytes));

		size = grown >= 0 ? grown : size;
	}
	return size < 0 ? -errno : (int)(size / page_bytes);
}

int bulk_pipe_open(uint32_t wanted, int ret_fds[2], uint32_t *ret_slots)
{
	int slots;

	if (pipe2(ret_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	slots = grow(ret_fds[1], wanted);
	if (slots >= (int)BULK_PIPE_LEAST_SLOTS) {
		*ret_slots = (uint32_t)slots;
		return 0;
	}
	close(ret_fds[0]);
	close(ret_fds[1]);
	return slots < 0 ? slots : -ENOSPC;
}

static struct bulk_pipe *new_pipe(struct bulk_pipe_pool *pool)
{
	struct bulk_pipe *pipe;
	int fds[2];
	uint32_t slots;

	if (bulk_pipe_open(pool->slots, fds, &slots) < 0)
		return NULL;
	pipe = calloc(1, sizeof(*pipe));
	if (pipe == NULL || fds[0] >= pool->descriptor_end || fds[1] >= pool->descriptor_end) {
		close(fds[0]);
		close(fds[1]);
		free(pipe);
		return NULL;
	}
	pipe->pool = pool;
	pipe->slots = slots;
	pipe->out_fd = fds[0];
	pipe->in_fd = fds[1];
	return pipe;
}

/* Whether the pool of buffers can spare so much. */
static bool is_affordable(const struct bulk_pipe_pool *pool, size_t bytes)
{
	const struct buffer_pool *buffers = pool->buffers;

	return pool->pinned_bytes + bytes <= buffers->cap_bytes / 2 &&
		buffers->large_in_use_bytes + bytes <= buffers->cap_bytes;
}

struct bulk_pipe *bulk_pipe_get(struct bulk_pipe_pool *pool)
{
	struct bulk_pipe *pipe = pool->free;

	if (pool->off || !is_affordable(pool, cost_bytes(pipe != NULL ? pipe->slots : pool->slots)))
		return NULL;
	pool->tight = false;
	if (pipe != NULL) {
		pool->free = pipe->next_free;
		pool->free_count--;
	} else if (pool->skip > 0) {
		pool->skip--;
		return NULL;
	} else {
		pipe = new_pipe(pool);
		if (pipe == NULL) {
			pool->skip = SKIP_AFTER_FAILURE;
			return NULL;
		}
	}
	pipe->references = 1;
	pool->pinned_bytes += cost_bytes(pipe->slots);
	pool->buffers->large_in_use_bytes += cost_bytes(pipe->slots);
	return pipe;
}

void bulk_pipe_ref(struct bulk_pipe *pipe)
{
	pipe->references++;
}

void bulk_pipe_unref(struct bulk_pipe *pipe)
{
	if (pipe == NULL || --pipe->references > 0)
		return;

	struct bulk_pipe_pool *pool = pipe->pool;

	pool->pinned_bytes -= cost_bytes(pipe->slots);
	pool->buffers->large_in_use_bytes -= cost_bytes(pipe->slots);
	/* What is still in it belonged to a connection that has ended: never to the next. */
	if (pipe->bytes > 0 || pool->tight || pool->free_count >= KEEP_FREE) {
		close_pipe(pipe);
		return;
	}
	pipe->next_free = pool->free;
	pool->free = pipe;
	pool->free_count++;
}
