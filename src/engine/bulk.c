/*
 * The calls, and when they are worth it. splice(2) between two sockets needs a pipe between them;
 * on the way pages change hands, and are counted twice (in the pipe, and as what the peer has not
 * acknowledged), never copied.
 */
#include "engine/bulk.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/call.h"

bool bulk_may_move(const struct engine *engine, const struct conn *conn)
{
	const struct protocol *protocol = engine->protocol;

	if (!(conn->flags & CONN_BULK) || conn->flags & CONN_EXHAUST || conn->held != NULL ||
		engine->accept.paused || !protocol->takes_unseen(protocol, &conn->protocol))
		return false;
	/* A little is not worth a pipe, but behind what is in one anything is. */
	return output_is_empty(conn->output) ? conn->credit >= BUFFER_LARGE_BYTES
					     : output_last_pipe(conn->output) != NULL;
}

void bulk_note_filled(struct engine *engine, struct conn *conn)
{
	bool again = (conn->flags & CONN_FILLED) != 0;

	conn->flags |= CONN_FILLED;
	if (!again || engine->pipes.off || engine->protocol->takes_unseen == NULL ||
		engine->options.mark_urgent || call_is_watched())
		return;
	if (!(conn->flags & CONN_BULK_ONCE))
		bulk_pipe_pool_enter(&engine->pipes);
	conn->flags |= CONN_BULK | CONN_BULK_ONCE;
}

/* This kernel, or this container, does not move bytes so at all. */
static bool is_refused(ssize_t error)
{
	return error == -EINVAL || error == -ENOSYS || error == -EPERM || error == -EACCES ||
		error == -EOPNOTSUPP;
}

/* The one whose bytes wait, to go on in it, or an empty one. */
static struct bulk_pipe *find_pipe(struct engine *engine, const struct conn *conn)
{
	struct bulk_pipe *pipe = output_last_pipe(conn->output);

	if (pipe == NULL)
		return bulk_pipe_get(&engine->pipes);
	bulk_pipe_ref(pipe);
	return pipe;
}

/* A pipe takes no more, and splice(2) says the same as if nothing were there. */
static bool is_full(const struct bulk_pipe *pipe)
{
	struct pollfd polled = { .fd = pipe->in_fd, .events = POLLOUT };

	return poll(&polled, 1, 0) != 1;
}

ssize_t bulk_receive(struct engine *engine, struct conn *conn, struct protocol_span *ret_span)
{
	struct bulk_pipe *pipe = find_pipe(engine, conn);
	bool was_empty;
	ssize_t n;

	if (pipe == NULL)
		return 0;
	was_empty = pipe->bytes == 0;
	n = call_splice(conn->fd, pipe->in_fd, conn->credit);
	if (n > 0) {
		pipe->bytes += (uint32_t)n;
		engine->pipes.moved_bytes += (uint64_t)n;
		*ret_span = (struct protocol_span){ .length = (uint32_t)n, .buffer = pipe };
		if (n < (ssize_t)BULK_LEAST_BYTES && was_empty)
			conn_clear(conn, CONN_BULK);
		return n;
	}
	if (n == -EAGAIN && !was_empty && is_full(pipe))
		n = 0;
	else if (n == 0)
		conn->flags |= CONN_EXHAUST;
	bulk_pipe_unref(pipe);
	if (n < 0 && is_refused(n)) {
		engine->pipes.off = true;
		conn_clear(conn, CONN_BULK);
		return 0;
	}
	return n;
}

ssize_t bulk_send(const struct conn *conn, const struct protocol_span *span)
{
	struct bulk_pipe *pipe = span->buffer;
	ssize_t n = call_splice(pipe->out_fd, conn->fd, span->length);

	if (n > 0)
		pipe->bytes -= (uint32_t)n;
	/* There are bytes in it: this would be a fault of the kernel's, and never pass. */
	return n == 0 ? -EIO : n;
}

static int move_a_byte(const int pipe_ends[2])
{
	int ends[2];
	char byte = 1;
	ssize_t r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	r = call_send(ends[0], &byte, 1, MSG_NOSIGNAL);
	if (r > 0)
		r = call_splice(ends[1], pipe_ends[1], 1);
	if (r > 0)
		r = call_splice(pipe_ends[0], ends[1], 1);
	close(ends[0]);
	close(ends[1]);
	return r < 0 ? (int)r : r == 0 ? -EIO : 0;
}

int bulk_try(uint32_t *ret_slots)
{
	int ends[2];
	int r = bulk_pipe_open(BULK_PIPE_SLOTS, ends, ret_slots);

	if (r < 0)
		return r;
	r = move_a_byte(ends);
	close(ends[0]);
	close(ends[1]);
	return r;
}
