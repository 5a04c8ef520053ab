/*
 * What the kernel has and liburing 2.3 does not name yet. Each is tried at run time
 * (uring_probe.c): that it is here does not mean that this kernel has it.
 */
#pragma once

#include <liburing.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Linux 6.17: a multishot receive ends after so many bytes. The field has no name in older headers;
 * it lies where a file index would.
 */
static inline void uring_abi_set_receive_total(struct io_uring_sqe *sqe, uint32_t total)
{
	sqe->file_index = total;
}

/* Linux 6.10, 6.12 and 6.12: bits of a ring's features, and of a buffer ring's flags. */
#define URING_ABI_FEATURE_BUNDLES (1u << 14)
#define URING_ABI_FEATURE_MIN_WAIT (1u << 15)
#define URING_ABI_BUFFERS_INCREMENTAL 2u

/* The flags of a buffer ring lie behind its number; older headers call the place padding. */
static inline void uring_abi_set_buffer_flags(struct io_uring_buf_reg *registration, uint16_t flags)
{
	memcpy((char *)registration + offsetof(struct io_uring_buf_reg, bgid) + sizeof(uint16_t),
		&flags, sizeof(flags));
}
