/*
 * Keeps the beginning of a character until the rest of it arrives, since the network cuts an echo
 * between any two bytes.
 */
#include "client/visible.h"

#include <stdio.h>

#include "base/text.h"

static void put_hex(const unsigned char *bytes, size_t count, visible_put_fn *put, void *context)
{
	for (size_t i = 0; i < count; i++) {
		char text[8];

		snprintf(text, sizeof(text), "\\x%02X", bytes[i]);
		put(context, text, 4, 4);
	}
}

static void put_code(
	uint32_t code, const unsigned char *bytes, size_t count, visible_put_fn *put, void *context)
{
	if (code == '\n' || code == '\t') {
		put(context, (const char *)bytes, 1, 0);
		return;
	}
	if (code < 0x20 || code == 0x7f) {
		char text[2] = { '^', (char)(code ^ 0x40) };

		put(context, text, 2, 2);
		return;
	}

	if (text_is_unsafe(code))
		put_hex(bytes, count, put, context);
	else
		put(context, (const char *)bytes, count, text_columns(code));
}

void visible_feed(struct visible *visible, const void *bytes, size_t length, visible_put_fn *put,
	void *context)
{
	const unsigned char *at = bytes;
	uint32_t code;

	for (size_t i = 0; i < length;) {
		visible->pending[visible->count++] = at[i++];

		int taken = text_decode(visible->pending, visible->count, &code);

		if (taken == TEXT_UNFINISHED)
			continue;
		if (taken > 0) {
			put_code(code, visible->pending, visible->count, put, context);
		} else {
			/* The byte that broke the character may begin the next one. */
			if (visible->count > 1) {
				visible->count--;
				i--;
			}
			put_hex(visible->pending, visible->count, put, context);
		}
		visible->count = 0;
	}
}

void visible_flush(struct visible *visible, visible_put_fn *put, void *context)
{
	put_hex(visible->pending, visible->count, put, context);
	visible->count = 0;
}
