/*
 * A process gives its sockets up a little before its end can be seen (exit_files() and exit_notify() in
 * Linux), so a caller that has noticed the one waits a moment for the other.
 */
#include "server/upgrade/process.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

/* The same number on every architecture; not in all headers. */
enum { PIDFD_OPEN = 434 };

int process_watch(pid_t pid, int *ret_fd)
{
	long fd = pid > 0 ? syscall(PIDFD_OPEN, pid, 0) : -1;

	if (pid <= 0)
		return -ESRCH;
	if (fd < 0)
		return -errno;
	*ret_fd = (int)fd;
	return 0;
}

bool process_wait_ended(int fd, uint64_t until_ns)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	while (fd >= 0) {
		uint64_t now_ns = clock_now_ns();
		int n = poll(&polled, 1, clock_poll_ms(now_ns, until_ns));

		if (n > 0)
			return (polled.revents & POLLIN) != 0;
		if (now_ns >= until_ns || (n < 0 && errno != EINTR && errno != ENOMEM))
			return false;
	}
	return false;
}
