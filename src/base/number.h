/*
 * Counts and sizes as people write them: "5000", "64K", "1M", "2G".
 * Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Room for any text of number_format_size. */
#define NUMBER_TEXT_SIZE 32

/*
 * Reads a whole decimal number between `least` and `most`.
 * -EINVAL: not a number; -ERANGE: outside the bounds.
 */
int number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *ret_number);

/*
 * Reads a size in bytes: a whole number with an optional K, M, G or T (powers of 1024; "KiB" and
 * the like are taken too). Errors as number_parse.
 */
int number_parse_size(const char *text, uint64_t least, uint64_t most, uint64_t *ret_bytes);

/* Writes a size for people: "64 B", "1.5 MiB". Returns buffer. */
const char *number_format_size(uint64_t bytes, char *buffer, size_t size);
