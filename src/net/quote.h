/*
 * Bytes from outside, made safe to show: what a terminal would obey, or could not show, is spelled
 * out. Any thread; nothing is allocated.
 */
#pragma once

#include <stddef.h>

/* Room for the short quotations in messages, see quote_piece. */
#define QUOTE_PIECE_SIZE 64

/*
 * Writes `length` bytes into `buffer`: printable ASCII and well-formed UTF-8 as they are; control
 * characters, malformed UTF-8 and the backslash itself as \xNN, so that nothing is lost. What does
 * not fit is cut between characters and ends with "...". Returns `buffer`.
 */
const char *quote_bytes(const char *bytes, size_t length, char *buffer, size_t size);

/* The same for a piece of a text inside a message; long ones are cut. */
const char *quote_piece(const char *bytes, size_t length, char buffer[static QUOTE_PIECE_SIZE]);

/* How many bytes the well-formed UTF-8 character at `bytes` has (1 to 4), or 0 if there is none. */
size_t quote_utf8_length(const char *bytes, size_t length);
