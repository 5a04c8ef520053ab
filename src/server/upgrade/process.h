/*
 * Another process, watched for its end (pidfd_open(2)): that a conversation with it has ended does not say
 * that it has. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A descriptor by which the end is seen; the caller's. The process must be known to run, for numbers
 * are given again. -errno, -ESRCH also for the number 0 (a process of a namespace that is not seen from
 * here), -ENOSYS before Linux 5.3.
 */
int process_watch(pid_t pid, int *ret_fd);

/* Whether it has ended, for which it is waited until then. False for -1: nothing is known. */
bool process_wait_ended(int fd, uint64_t until_ns);
