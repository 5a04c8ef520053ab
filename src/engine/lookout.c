/*
 * Level-triggered: what is left undone makes it ready again at the next poll.
 */
#include "engine/lookout.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

int lookout_open(int *ret_lookout_fd)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_lookout_fd = fd;
	return 0;
}

int lookout_add(int lookout_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(lookout_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int lookout_turn(int lookout_fd, int fd, bool to_write)
{
	struct epoll_event event = { .events = to_write ? EPOLLOUT : EPOLLIN };

	return epoll_ctl(lookout_fd, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

void lookout_remove(int lookout_fd, int fd)
{
	epoll_ctl(lookout_fd, EPOLL_CTL_DEL, fd, NULL);
}
