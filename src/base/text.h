/*
 * UTF-8 text, character by character: the project's one decoder, one width, and one list of what
 * must not be printed raw. Strict (RFC 3629): no overlong forms, no surrogates, nothing above
 * U+10FFFF. Widths come from wcwidth(3) and so need an LC_CTYPE of UTF-8 (see i18n.h). Any thread;
 * nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest character. */
#define TEXT_CHARACTER_SIZE 4

/* What text_decode() returns when more bytes are needed. */
#define TEXT_UNFINISHED (-1)

/*
 * Decodes the character at the start of `bytes`. Returns how many bytes it has (1 to 4); 0: no
 * character begins like this; TEXT_UNFINISHED: the `length` bytes are the beginning of one. With
 * `length` 0 the result is TEXT_UNFINISHED.
 */
int text_decode(const void *bytes, size_t length, uint32_t *ret_code);

/*
 * Whether a terminal, a page or a reader would be misled by this character: controls (C0, DEL, C1),
 * what turns the direction of text (UAX #9), what ends a line, what is invisible, what is no
 * character, and what wcwidth(3) does not know. NUL, newline and tab belong to it, too.
 */
bool text_is_unsafe(uint32_t code);

/* Columns of one character: 0 (combining), 1 or 2. Of an unsafe one: 0. */
unsigned text_columns(uint32_t code);

/* Columns of a whole text. A byte that belongs to no character counts as one. */
size_t text_width(const char *text);

/* Whether all `length` bytes are well-formed UTF-8. */
bool text_is_utf8(const char *bytes, size_t length);
