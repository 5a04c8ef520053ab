/*
 * Bytes as text that survives lines and quotes: base64, RFC 4648 section 4, padded.
 * Any thread.
 */
#pragma once

#include <stddef.h>

/* Room for the text of so many bytes, the end of the string included. */
#define BASE64_TEXT_SIZE(length) (((size_t)(length) + 2) / 3 * 4 + 1)
/* Room for the bytes of so many characters. */
#define BASE64_BYTES_SIZE(length) ((size_t)(length) / 4 * 3)

/* Writes the text and its '\0' to `text`, which has room for BASE64_TEXT_SIZE(length). */
void base64_encode(const unsigned char *bytes, size_t length, char *text);

/*
 * Reads what base64_encode() wrote, strictly: no blanks, no line breaks, all padding, no bits left
 * over. `bytes` has room for BASE64_BYTES_SIZE(length). -EINVAL: not of that form.
 */
int base64_decode(const char *text, size_t length, unsigned char *bytes, size_t *ret_length);
