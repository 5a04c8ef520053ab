/*
 * What the kernel has and liburing 2.3 does not name yet. Each is asked
 * for at run time (uring_probe.c); that it is written here says nothing about the kernel at hand.
 */
#pragma once

#include <liburing.h>
#include <stdint.h>

/*
 * Linux 6.17: a multishot receive ends after so many bytes. The field has no name in older headers; it
 * lies where a file index would.
 */
static inline void uring_abi_set_receive_total(struct io_uring_sqe *sqe, uint32_t total)
{
	sqe->file_index = total;
}
