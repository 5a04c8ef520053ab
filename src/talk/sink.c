/*
 * O_NONBLOCK belongs to the open file, not to the descriptor, and ours is shared; so a pipe or a
 * terminal is opened once more through /proc. Where that is not allowed (a pipe of another user,
 * after su), a pipe that polls writable still takes PIPE_BUF bytes without blocking (pipe(7)).
 */
#include "talk/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void sink_init(struct sink *sink, int fd)
{
	struct stat status;
	char path[40];

	*sink = (struct sink){ .kind = SINK_FILE, .fd = fd };
	if (fstat(fd, &status) < 0)
		return;
	if (S_ISSOCK(status.st_mode)) {
		sink->kind = SINK_SOCKET;
		return;
	}
	if (!S_ISFIFO(status.st_mode) && !isatty(fd))
		return;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

	int own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	sink->kind = own >= 0 ? SINK_OWN : SINK_CAREFUL;
	sink->fd = own >= 0 ? own : fd;
}

void sink_fini(struct sink *sink)
{
	if (sink->kind == SINK_OWN)
		close(sink->fd);
	sink->fd = -1;
}

ssize_t sink_write(const struct sink *sink, const void *bytes, size_t length)
{
	ssize_t n;

	if (sink->kind == SINK_CAREFUL && length > PIPE_BUF)
		length = PIPE_BUF;
	if (sink->kind == SINK_SOCKET)
		n = send(sink->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		n = write(sink->fd, bytes, length);
	return n < 0 ? -errno : n;
}
