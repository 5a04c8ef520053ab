/*
 * The kernel is asked, not its version: a call that it refuses (EINVAL for a kind of file that
 * cannot, ENOSYS or EPERM in a container) ends the way, and the caller goes on by copying.
 *
 * Larger pipes mean fewer wake-ups of both ends, and the same pages serve. 256 KiB, and not the
 * most that is allowed: a user has 64 MiB of such pages for all pipes (pipe-user-pages-soft), and
 * who has used them up gets the smallest pipes from then on.
 */
#include "talk/passage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "net/call.h"

/* Major and minor number of /dev/null, the same on every Linux (Documentation/admin-guide/devices.txt). */
#define NULL_MAJOR 1
#define NULL_MINOR 3

/* Where what is dropped would be: the kernel writes nothing there, so these pages never exist. */
static unsigned char untouched[PASSAGE_STEP_BYTES];

static void enlarge(int pipe)
{
	int size = fcntl(pipe, F_GETPIPE_SZ);

	if (size >= 0 && size < PASSAGE_PIPE_BYTES)
		fcntl(pipe, F_SETPIPE_SZ, PASSAGE_PIPE_BYTES); /* refused: it stays as it is */
}

void passage_init_input(struct passage *passage, int input, int socket)
{
	struct stat status;

	*passage = (struct passage){ .from = input, .to = socket, .relay = { -1, -1 } };
	if (call_is_watched() || fstat(input, &status) < 0)
		return;
	if (S_ISFIFO(status.st_mode)) {
		passage->way = PASSAGE_SPLICE;
		enlarge(input);
	} else if (S_ISREG(status.st_mode)) {
		passage->way = PASSAGE_SENDFILE;
	}
}

static void init_relay(struct passage *passage)
{
	int flags = fcntl(passage->to, F_GETFL);

	if (flags < 0 || flags & O_APPEND)
		return; /* splice(2): EINVAL */
	if (pipe2(passage->relay, O_CLOEXEC | O_NONBLOCK) < 0) {
		passage->relay[0] = passage->relay[1] = -1;
		return;
	}
	enlarge(passage->relay[1]);
	passage->way = PASSAGE_RELAY;
}

void passage_init_output(struct passage *passage, int socket, enum addr_scheme scheme, int output)
{
	struct stat status;

	*passage = (struct passage){ .from = socket, .to = output, .relay = { -1, -1 } };
	if (call_is_watched() || fstat(output, &status) < 0)
		return;
	if (S_ISFIFO(status.st_mode)) {
		passage->way = PASSAGE_SPLICE;
		enlarge(output);
	} else if (S_ISREG(status.st_mode)) {
		init_relay(passage);
	} else if (S_ISCHR(status.st_mode) && scheme == ADDR_TCP &&
		status.st_rdev == makedev(NULL_MAJOR, NULL_MINOR)) {
		passage->way = PASSAGE_DROP;
	}
}

void passage_fini(struct passage *passage)
{
	for (int i = 0; i < 2; i++) {
		if (passage->relay[i] >= 0)
			close(passage->relay[i]);
		passage->relay[i] = -1;
	}
	passage->way = PASSAGE_NONE;
}

/* Errors that a socket has; those of a file are met again, by name, when it is read. */
static bool is_of_socket(int error)
{
	switch (error) {
	case EPIPE:
	case ECONNRESET:
	case ECONNABORTED:
	case ECONNREFUSED:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
	case ENETRESET:
	case ENOTCONN:
	case EPROTO: return true;
	default: return false;
	}
}

static ssize_t outcome(struct passage *passage, ssize_t result)
{
	if (result >= 0)
		return result;
	if (errno == EAGAIN || errno == EINTR)
		return -EAGAIN;
	if (is_of_socket(errno))
		return -errno;
	passage->way = PASSAGE_NONE;
	return -EOPNOTSUPP;
}

static ssize_t splice_some(int from, int to, size_t most)
{
	return splice(from, NULL, to, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

ssize_t passage_step(struct passage *passage)
{
	ssize_t n = -1;

	switch (passage->way) {
	case PASSAGE_SPLICE: n = splice_some(passage->from, passage->to, PASSAGE_STEP_BYTES); break;
	case PASSAGE_SENDFILE:
		n = sendfile(passage->to, passage->from, NULL, PASSAGE_STEP_BYTES);
		break;
	case PASSAGE_DROP:
		n = recv(passage->from, untouched, sizeof(untouched), MSG_TRUNC | MSG_DONTWAIT);
		break;
	case PASSAGE_RELAY:
		n = splice_some(passage->from, passage->relay[1], PASSAGE_PIPE_BYTES);
		if (n > 0)
			passage->relayed += (size_t)n;
		break;
	case PASSAGE_NONE: errno = EOPNOTSUPP; break;
	}
	return outcome(passage, n);
}

ssize_t passage_flush(struct passage *passage)
{
	size_t before = passage->relayed;

	while (passage->relayed > 0) {
		ssize_t n = splice(passage->relay[0], NULL, passage->to, NULL, passage->relayed,
			SPLICE_F_MOVE);

		if (n > 0) {
			passage->relayed -= (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (before > passage->relayed)
			break; /* the error is met again, with nothing before it */
		if (n < 0 && errno != EINVAL && errno != ENOSYS)
			return -errno;
		passage->way = PASSAGE_NONE;
		return -EOPNOTSUPP;
	}
	return (ssize_t)(before - passage->relayed);
}

bool passage_output_is_gone(const struct passage *passage)
{
	struct pollfd output = { .fd = passage->to };

	return poll(&output, 1, 0) > 0 && output.revents & POLLERR;
}
