/*
 * Counts and sizes as people write them: "5000", "64K", "1M", "2G".
 * Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Size of any text of number_format_size. */
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

/*
 * Reads a number a second from the start of `text`: decimal, with or without a fraction, with an
 * optional k, M or G (powers of 1000, as rates have it): "500", "1.5k", "2M". Sets how many bytes
 * it took; what follows is left to the caller, two points included ("1..5k" begins with a 1).
 * -EINVAL: no number there; -ERANGE: beyond NUMBER_MOST_RATE.
 */
int number_scan_rate(const char *text, double *ret_per_s, size_t *ret_length);
#define NUMBER_MOST_RATE 1e12

/*
 * The whole number nearest to `value`: 0 for a value below 0 or NAN, UINT64_MAX for one that is too
 * large. (A cast of such a value is undefined.)
 */
uint64_t number_from_double(double value);

/* Writes a rate for people, three significant digits: "950", "12.3k", "1.05M". Returns buffer. */
const char *number_format_rate(double per_s, char *buffer, size_t size);

/* Writes a size for people: "64 B", "1.5 MiB". Returns buffer. */
const char *number_format_size(uint64_t bytes, char *buffer, size_t size);
