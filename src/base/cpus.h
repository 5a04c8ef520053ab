/*
 * How many threads make sense here, and where. Any thread.
 */
#pragma once

#include <pthread.h>

/* The processors that this process may use: its affinity mask, and its cgroup's quota rounded up. */
unsigned cpus_available(void);

/* The number of the nth of them, begun anew where there are fewer. -1: not known. */
int cpus_nth(unsigned n);

/* Keeps a thread that is made with these attributes to one processor. */
void cpus_keep_to(int cpu, pthread_attr_t *attributes);
