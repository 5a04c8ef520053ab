/*
 * Bytes as text that survives lines and quotes: base64, RFC 4648 section 4, padded.
 * Any thread.
 */
#pragma once

#include <stddef.h>

/* Size of the text of `length` bytes, its NUL included. */
#define BASE64_TEXT_SIZE(length) (((size_t)(length) + 2) / 3 * 4 + 1)
/* Size of the bytes of a text of `length` characters. */
#define BASE64_BYTES_SIZE(length) ((size_t)(length) / 4 * 3)

/* Writes the text and its '\0' to `text`, of BASE64_TEXT_SIZE(length) bytes. */
void base64_encode(const unsigned char *bytes, size_t length, char *text);

/*
 * Reads what base64_encode() wrote, strictly: no blanks, no line breaks, all of the padding, no
 * bits left over. `bytes` has BASE64_BYTES_SIZE(length) bytes. -EINVAL: not of that form.
 */
int base64_decode(const char *text, size_t length, unsigned char *bytes, size_t *ret_length);
