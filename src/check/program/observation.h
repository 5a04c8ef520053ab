/*
 * What /proc shows of a program that check runs, and of the ports of this machine: without privileges, and
 * without a connection that a service could notice. What cannot be read counts as not there. Any thread; blocks
 * on /proc only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/addr.h"

/* All processes of a process group together; each counts with all its threads. */
struct observation {
	unsigned processes; /* that have not ended */
	unsigned descriptors; /* open ones */
	uint64_t processor_ns;
	/*
	 * How long its threads were ready to run while the processors did something else (the second number of
	 * schedstat); 0 where the kernel does not count that. Less when a thread has ended.
	 */
	uint64_t delay_ns;
	bool ready; /* a thread runs, or is ready to, or waits for a disk */
	bool stopped; /* SIGSTOP has reached all threads */
};

struct observation observation_of(pid_t group);

/* Where a TCP socket listens on `port`: false: nowhere. */
bool observation_find_listener(uint16_t port, struct addr *ret_addr);
/* Where a process of the group listens by TCP, the first of them found; false: nowhere. */
bool observation_find_listener_of(pid_t group, struct addr *ret_addr);
/* Whether an old connection (TIME-WAIT) still holds a local port. */
bool observation_is_held(uint16_t port);
