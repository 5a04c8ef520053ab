/*
 * A thread's processor time, and how long it was ready to run and waited for a processor, as the kernel counts it (proc(5), schedstat).
 */
#pragma once

#include <stdint.h>

/* Of the calling thread; the caller closes it. -1: this kernel does not count. */
int schedstat_open(void);

/* Of the calling thread (CLOCK_THREAD_CPUTIME_ID, which every Linux has). */
uint64_t schedstat_ran_ns(void);

/* 0 where it is not known. Any thread. */
uint64_t schedstat_waited_ns(int fd);
