/*
 * How many threads make sense here. Any thread.
 */
#pragma once

/* The processors that this process may use: its affinity mask, and its cgroup's quota rounded up. */
unsigned cpus_available(void);
