/*
 * CRC-32C (Castagnoli), as RFC 9260 appendix A has it. Any thread; nothing is allocated.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`, which is 0 for the first piece; the result of all pieces is that of the whole. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t length);
