/*
 * How many threads are useful here, and on which processors. Any thread.
 */
#pragma once

#include <pthread.h>

/*
 * How many processors this process may use: by its affinity mask, and its cgroup's quota, rounded
 * up.
 */
unsigned cpus_available(void);

/* The number of the nth of these processors, counted round and round. -1: not known. */
int cpus_nth(unsigned n);

/*
 * Keeps a thread that is made with these attributes to one processor. -ENOMEM, or -ENOSYS where
 * libc cannot (musl): the thread then runs anywhere.
 */
int cpus_keep_to(int cpu, pthread_attr_t *attributes);
