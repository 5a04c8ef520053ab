/*
 * How many threads make sense here, and where. Any thread.
 */
#pragma once

/* The processors that this process may use: its affinity mask, and its cgroup's quota rounded up. */
unsigned cpus_available(void);

/* The number of the nth of them, begun anew where there are fewer. -1: not known. */
int cpus_nth(unsigned n);

/* Keeps the calling thread to one processor. 0 or -errno. */
int cpus_keep_to(int cpu);
