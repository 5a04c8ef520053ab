/*
 * Foreign bytes, made safe to show: characters that would mislead a terminal or a reader (see
 * text_is_unsafe) are written as \xNN. Any thread; nothing is allocated.
 */
#pragma once

#include <stddef.h>

/* Size of the short quotations in messages, see quote_piece. */
#define QUOTE_PIECE_SIZE 64

/* The least size of a buffer: "..." must fit. */
#define QUOTE_LEAST_SIZE 4

/* Size of a whole quotation of `length` bytes, each of which takes four at most. */
#define QUOTE_SIZE(length) (4 * (size_t)(length) + QUOTE_LEAST_SIZE)

/*
 * Writes `length` bytes into `buffer`: well-formed UTF-8 as it is; unsafe characters, malformed
 * UTF-8 and the backslash itself as \xNN, so that nothing is lost. What does not fit is cut between
 * characters and ends with "...". `size` is at least QUOTE_LEAST_SIZE. Returns `buffer`.
 */
const char *quote_bytes(const char *bytes, size_t length, char *buffer, size_t size);

/* The same for a text that ends with NUL. */
const char *quote_text(const char *text, char *buffer, size_t size);

/* The same for a piece of a text inside a message; long ones are cut. */
const char *quote_piece(const char *bytes, size_t length, char buffer[static QUOTE_PIECE_SIZE]);

/*
 * The same for a whole line of output that may hold quotations already: the backslash stays as it
 * is, so that a quoted text is not quoted twice.
 */
const char *quote_line(const char *line, char *buffer, size_t size);
