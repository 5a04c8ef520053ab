/*
 * An address can come from a file, a script or a peer, and is then repeated in a message: without
 * this a text with escape sequences could clear the screen of the one who reads the message, and one
 * with U+202E could show it backwards.
 */
#include "net/quote.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Decodes strictly (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t decode(const char *bytes, size_t length, uint32_t *ret_character)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *at = (const unsigned char *)bytes;
	size_t count = at[0] < 0x80 ? 1
		: at[0] < 0xc2      ? 0
		: at[0] < 0xe0      ? 2
		: at[0] < 0xf0      ? 3
		: at[0] < 0xf5      ? 4
				    : 0;

	if (count == 0 || count > length)
		return 0;

	uint32_t character = count == 1 ? at[0] : at[0] & (0x7fu >> count);

	for (size_t i = 1; i < count; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (at[i] & 0x3f);
	}
	if (character < least[count] || character > 0x10ffff ||
		(character >= 0xd800 && character <= 0xdfff))
		return 0;
	*ret_character = character;
	return count;
}

size_t quote_utf8_length(const char *bytes, size_t length)
{
	uint32_t character;

	return length == 0 ? 0 : decode(bytes, length, &character);
}

/* C0, C1, DEL, and the marks that turn the direction of what follows. */
static bool is_obeyed(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character <= 0x9f) ||
		character == 0x200e || character == 0x200f || character == 0x2028 ||
		character == 0x2029 || (character >= 0x202a && character <= 0x202e) ||
		(character >= 0x2066 && character <= 0x2069);
}

const char *quote_bytes(const char *bytes, size_t length, char *buffer, size_t size)
{
	size_t used = 0, cut = 0; /* cut: the last place where "..." still fits */

	for (size_t i = 0; i < length;) {
		char shown[8];
		uint32_t character;
		size_t taken = decode(bytes + i, length - i, &character);
		size_t wide = taken;

		if (taken == 0 || is_obeyed(character) || character == '\\') {
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

const char *quote_piece(const char *bytes, size_t length, char buffer[static QUOTE_PIECE_SIZE])
{
	return quote_bytes(bytes, length, buffer, QUOTE_PIECE_SIZE);
}
