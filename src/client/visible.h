/*
 * Bytes from the network made fit for a terminal: UTF-8 text passes, everything that a terminal
 * could act upon does not. ESC becomes ^[, other controls ^X; bytes that are no UTF-8 and the other
 * unsafe characters (see base/text.h) become \xNN. Pure; needs a UTF-8 LC_CTYPE for the widths.
 */
#pragma once

#include <stddef.h>

/* The start of a character whose rest has not come yet. Zeroed is ready. */
struct visible {
	unsigned char pending[4];
	size_t count;
};

/*
 * Told each piece in turn: `width` columns of text, or with width 0 a single "\n" or "\t" (which
 * the receiver lays out), or a combining character.
 */
typedef void visible_put_fn(void *context, const char *text, size_t length, unsigned width);

void visible_feed(struct visible *visible, const void *bytes, size_t length, visible_put_fn *put,
	void *context);

/* Nothing more comes: shows an unfinished character as the bytes that it is. */
void visible_flush(struct visible *visible, visible_put_fn *put, void *context);
