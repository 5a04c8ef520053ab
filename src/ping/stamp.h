/*
 * Receiving, and when it came: the kernel notes the time at which bytes arrived (SO_TIMESTAMPNS,
 * socket(7)), and that is the better clock. Ours is read when this process has got round to it,
 * which may be long after: it was asleep, had no processor, or was stopped.
 *
 * The kernel's times are of the wall clock; they are turned into monotonic ones, and not used where
 * that clock has been set meanwhile. Unix streams have none. One thread for each struct.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stamp {
	int64_t offset_ns; /* from the monotonic clock to the wall clock, when it was last compared */
};

void stamp_init(struct stamp *stamp);

/* Asks the kernel for times on this socket; where it has none, ours are taken. */
void stamp_enable(int fd);

/*
 * As recv(2) into `bytes`, or -errno. `ret_when_ns` is when the bytes came, on the monotonic clock,
 * and never later than now; `ret_exact` is true where the kernel has said so. Where nothing came,
 * it is now and false.
 */
ssize_t stamp_receive(struct stamp *stamp, int fd, void *bytes, size_t size, uint64_t *ret_when_ns,
	bool *ret_exact);

/*
 * The sum behind it: what a wall time is on the monotonic clock. `before_ns` is monotonic, from
 * before the call that gave the time; `now_ns` and `wall_ns` are both clocks at one moment after
 * it. False: the time cannot be used, because it was made by that very call, or the wall clock has
 * been set.
 */
bool stamp_translate(struct stamp *stamp, uint64_t stamp_wall_ns, uint64_t before_ns,
	uint64_t now_ns, uint64_t wall_ns, uint64_t *ret_when_ns);
