/*
 * An address can come from a file, a script or a peer, and is then repeated in a message: without
 * this, a text with escape sequences could clear the reader's screen, and one with U+202E could
 * show the message backwards.
 */
#include "base/quote.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char *spell(
	const char *bytes, size_t length, bool spell_backslash, char *buffer, size_t size)
{
	size_t used = 0, cut = 0; /* cut: the last place where "..." still fits */

	for (size_t i = 0; i < length;) {
		char shown[8];
		uint32_t code;
		int decoded = text_decode(bytes + i, length - i, &code);
		size_t taken = decoded > 0 ? (size_t)decoded : 1;
		size_t wide = taken;

		if (decoded <= 0 || text_is_unsafe(code) || (spell_backslash && code == '\\')) {
			taken = 1;
			wide = (size_t)snprintf(
				shown, sizeof(shown), "\\x%02x", (unsigned char)bytes[i]);
		} else {
			memcpy(shown, bytes + i, taken);
		}
		if (used + wide + 1 > size) {
			snprintf(buffer + cut, size - cut, "...");
			return buffer;
		}
		memcpy(buffer + used, shown, wide);
		used += wide;
		i += taken;
		if (used + sizeof("...") <= size)
			cut = used;
	}
	buffer[used] = '\0';
	return buffer;
}

const char *quote_bytes(const char *bytes, size_t length, char *buffer, size_t size)
{
	return spell(bytes, length, true, buffer, size);
}

const char *quote_piece(const char *bytes, size_t length, char buffer[static QUOTE_PIECE_SIZE])
{
	return spell(bytes, length, true, buffer, QUOTE_PIECE_SIZE);
}

const char *quote_text(const char *text, char *buffer, size_t size)
{
	return spell(text, strlen(text), true, buffer, size);
}

const char *quote_line(const char *line, char *buffer, size_t size)
{
	return spell(line, strlen(line), false, buffer, size);
}
