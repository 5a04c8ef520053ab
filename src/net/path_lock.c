/*
 * flock(2) of the folder itself: a lock file would have to be removed, which is the same problem
 * again. It needs no more than that the folder can be read, so any user may hold it: it is never
 * waited for without end.
 */
#include "net/path_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* How often it is tried: flock(2) cannot wait with a time limit. */
#define RETRY_MS 5

int path_lock_take(const struct addr *addr)
{
	char path[sizeof(addr->un.sun_path) + 1] = "";
	uint64_t until_ns = clock_after_ns(clock_now_ns(), PATH_LOCK_MOST_NS);

	if (addr->generic.sa_family != AF_UNIX || addr->un.sun_path[0] == '\0')
		return -1;
	memcpy(path, addr->un.sun_path, sizeof(addr->un.sun_path));

	CLEANUP_FD int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return TAKE_FD(fd);
		if ((errno != EWOULDBLOCK && errno != EINTR) || clock_now_ns() >= until_ns)
			return -1;
		poll(NULL, 0, RETRY_MS);
	}
	return -1;
}
