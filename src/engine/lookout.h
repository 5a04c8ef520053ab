/*
 * One descriptor that stands for others: it is readable, for poll(2) and io_uring, while one of the
 * others is ready. An io_uring that polls a socket holds on to it, and so to its address, until
 * well after the process has died of a signal: the next process would find the address in use. An
 * epoll instance holds on to nothing, and the socket is closed with the process. For engine/uring/;
 * the owner's thread.
 */
#pragma once

#include <stdbool.h>

/* The caller closes it. -errno of epoll_create1(2). */
int lookout_open(int *ret_lookout_fd);
/*
 * Watches `fd`, too, for being readable; lookout_turn(): from now on for being writable, or
 * readable. -errno of epoll_ctl(2).
 */
int lookout_add(int lookout_fd, int fd);
int lookout_turn(int lookout_fd, int fd, bool to_write);
/* Before `fd` is closed: a duplicate of it may stay open, and would still be watched. */
void lookout_remove(int lookout_fd, int fd);
