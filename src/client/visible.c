/*
 * A strict UTF-8 decoder (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF) that
 * can stop between any two bytes, since an echo arrives in pieces of the network's choosing.
 */
#include "client/visible.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

enum verdict { COMPLETE, UNFINISHED, INVALID };

/* Looks at the `count` bytes of one character. */
static enum verdict decode(const unsigned char *bytes, size_t count, unsigned *ret_code)
{
	unsigned char lead = bytes[0];
	size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (length == 0 || lead > 0xf4)
		return INVALID;

	/* The second byte's bounds rule out overlong forms, surrogates and what is too large. */
	unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	unsigned code = length == 1 ? lead : lead & (0x7fu >> length);

	for (size_t i = 1; i < count && i < length; i++) {
		if (bytes[i] < least || bytes[i] > most)
			return INVALID;
		least = 0x80;
		most = 0xbf;
		code = code << 6 | (bytes[i] & 0x3fu);
	}
	if (count < length)
		return UNFINISHED;
	*ret_code = code;
	return COMPLETE;
}

/* Direction marks, embeddings and isolates (UAX #9), and the two separators that break lines. */
static bool turns_text(unsigned code)
{
	return code == 0x061c || code == 0x200e || code == 0x200f ||
		(code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static void put_hex(const unsigned char *bytes, size_t count, visible_put_fn *put, void *context)
{
	for (size_t i = 0; i < count; i++) {
		char text[8];

		snprintf(text, sizeof(text), "\\x%02X", bytes[i]);
		put(context, text, 4, 4);
	}
}

static void put_code(
	unsigned code, const unsigned char *bytes, size_t count, visible_put_fn *put, void *context)
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

	int width = wcwidth((wchar_t)code);

	if (width < 0 || (code >= 0x80 && code < 0xa0) || turns_text(code))
		put_hex(bytes, count, put, context);
	else
		put(context, (const char *)bytes, count, (unsigned)width);
}

void visible_feed(struct visible *visible, const void *bytes, size_t length, visible_put_fn *put,
	void *context)
{
	const unsigned char *at = bytes;
	unsigned code;

	for (size_t i = 0; i < length;) {
		visible->pending[visible->count++] = at[i++];

		switch (decode(visible->pending, visible->count, &code)) {
		case UNFINISHED: continue;
		case COMPLETE:
			put_code(code, visible->pending, visible->count, put, context);
			break;
		case INVALID:
			/* What broke the character may begin the next: it is looked at once more. */
			if (visible->count > 1) {
				visible->count--;
				i--;
			}
			put_hex(visible->pending, visible->count, put, context);
			break;
		}
		visible->count = 0;
	}
}

void visible_flush(struct visible *visible, visible_put_fn *put, void *context)
{
	put_hex(visible->pending, visible->count, put, context);
	visible->count = 0;
}
