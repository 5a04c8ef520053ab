/*
 * Pipes are opened when they are needed, and a few are kept. Each failure (no descriptors, no
 * memory, no slots) means copying for a while, and then another try.
 */
#include "engine/pipe.h"

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
	return (size_t)slots * PIPE_SLOT_BYTES;
}

/* Read once: the server has raised it by then. Without a limit there is enough. */
static int find_descriptor_end(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT32_MAX)
		return INT32_MAX;
	return (int)limit.rlim_cur - PIPE_SPARE_DESCRIPTORS;
}

void pipe_pool_init(struct pipe_pool *pool, struct buffer_pool *buffers, bool on)
{
	bool small = buffers->cap_bytes / 16 < cost_bytes(PIPE_SLOTS);

	*pool = (struct pipe_pool){
		.buffers = buffers,
		.off = !on,
		.descriptor_end = find_descriptor_end(),
		.slots = small ? PIPE_LEAST_SLOTS : PIPE_SLOTS,
	};
}

static void close_pipe(struct pipe *pipe)
{
	close(pipe->in_fd);
	close(pipe->out_fd);
	free(pipe);
}

bool pipe_pool_trim(struct pipe_pool *pool)
{
	bool any = pool->free != NULL;

	while (pool->free != NULL) {
		struct pipe *pipe = pool->free;

		pool->free = pipe->next_free;
		close_pipe(pipe);
	}
	pool->free_count = 0;
	pool->tight = true;
	return any;
}

void pipe_pool_fini(struct pipe_pool *pool)
{
	pipe_pool_trim(pool);
	*pool = (struct pipe_pool){ .off = true };
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

int pipe_open(uint32_t wanted, int ret_fds[2], uint32_t *ret_slots)
{
	int slots;

	if (pipe2(ret_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	slots = grow(ret_fds[1], wanted);
	if (slots >= (int)PIPE_LEAST_SLOTS) {
		*ret_slots = (uint32_t)slots;
		return 0;
	}
	close(ret_fds[0]);
	close(ret_fds[1]);
	return slots < 0 ? slots : -ENOSPC;
}

static struct pipe *new_pipe(struct pipe_pool *pool)
{
	struct pipe *pipe;
	int fds[2];
	uint32_t slots;

	if (pipe_open(pool->slots, fds, &slots) < 0)
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
static bool is_affordable(const struct pipe_pool *pool, size_t bytes)
{
	const struct buffer_pool *buffers = pool->buffers;

	return pool->pinned_bytes + bytes <= buffers->cap_bytes / 2 &&
		buffers->large_in_use_bytes + bytes <= buffers->cap_bytes;
}

struct pipe *pipe_get(struct pipe_pool *pool)
{
	struct pipe *pipe = pool->free;

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

void pipe_ref(struct pipe *pipe)
{
	pipe->references++;
}

void pipe_unref(struct pipe *pipe)
{
	if (pipe == NULL || --pipe->references > 0)
		return;

	struct pipe_pool *pool = pipe->pool;

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
