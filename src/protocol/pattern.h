/*
 * The bytes that a load generator sends: a fixed, endless pseudo-random sequence, in which each
 * stream begins at another place. Two places differ unless they are a multiple of PATTERN_PERIOD
 * apart, so bytes that come back shifted, from another message or from another stream are noticed.
 * The bytes stay valid for ever: sending copies nothing. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_PERIOD 65521u /* a prime: no usual size of messages fits into it */
#define PATTERN_CHUNK_BYTES (256u << 10) /* so many follow each other anywhere */

/* Before anything else; may be called again. */
void pattern_init(void);

/* Where the stream of this number begins; 65,521 of them differ. */
uint32_t pattern_start(uint64_t stream);

/* PATTERN_CHUNK_BYTES bytes, from this place of that stream on. */
const unsigned char *pattern_at(uint32_t start, uint64_t position);

/* How many of the `length` bytes, from the first on, are those of the pattern at this place. */
size_t pattern_match(const unsigned char *bytes, size_t length, uint32_t start, uint64_t position);
