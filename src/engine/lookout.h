/*
 * One descriptor that stands for another: it is readable, for poll(2) and io_uring, while the other is
 * ready. An io_uring that polls a socket holds on to it, and so to its address, until well after the
 * process has died of a signal: its successor would find the address in use. An epoll instance
 * holds on to nothing, and the socket goes with the process. For engine/uring/uring_*.
 */
#pragma once

#include <stdbool.h>

/* The caller closes it. -errno of epoll_create1(2). */
int lookout_open(int *ret_lookout_fd);
/* Looks at `fd` too: until it can be read from, or written to. -errno of epoll_ctl(2). */
int lookout_add(int lookout_fd, int fd);
int lookout_turn(int lookout_fd, int fd, bool to_write);
/* Before `fd` is closed: a duplicate of it may live on, and would be looked at. */
void lookout_remove(int lookout_fd, int fd);
