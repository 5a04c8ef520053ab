/*
 * The decoder checks the bounds of the second byte, as Table 3-7 of the Unicode standard has them:
 * they alone rule out overlong forms, surrogates and what lies above U+10FFFF, and they do so as
 * soon as the second byte is there.
 */
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

int text_decode(const void *bytes, size_t length, uint32_t *ret_code)
{
	const unsigned char *at = bytes;

	if (length == 0)
		return TEXT_UNFINISHED;

	unsigned char lead = at[0];
	size_t count = lead < 0x80 ? 1
		: lead < 0xc2      ? 0
		: lead < 0xe0      ? 2
		: lead < 0xf0      ? 3
		: lead < 0xf5      ? 4
				   : 0;

	if (count == 0)
		return 0;

	unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	uint32_t code = count == 1 ? lead : lead & (0x7fu >> count);

	for (size_t i = 1; i < count; i++) {
		if (i == length)
			return TEXT_UNFINISHED;
		if (at[i] < least || at[i] > most)
			return 0;
		least = 0x80;
		most = 0xbf;
		code = code << 6 | (at[i] & 0x3fu);
	}
	*ret_code = code;
	return (int)count;
}

/* In ascending order. Joiners are here, too: in a name they make two texts look the same. */
static const struct {
	uint32_t first, last;
} unsafe[] = {
	{ 0x00, 0x1f }, /* C0 */
	{ 0x7f, 0x9f }, /* DEL, C1 */
	{ 0xad, 0xad }, /* soft hyphen */
	{ 0x34f, 0x34f }, /* combining grapheme joiner */
	{ 0x61c, 0x61c }, /* Arabic letter mark */
	{ 0x115f, 0x1160 }, /* Hangul fillers */
	{ 0x17b4, 0x17b5 }, /* Khmer inherent vowels */
	{ 0x180b, 0x180f }, /* Mongolian selectors, vowel separator */
	{ 0x200b, 0x200f }, /* zero width space, joiners, direction marks */
	{ 0x2028, 0x202e }, /* line and paragraph separator, embeddings, overrides */
	{ 0x2060, 0x206f }, /* word joiner, invisible operators, isolates, deprecated controls */
	{ 0x3164, 0x3164 }, /* Hangul filler */
	{ 0xd800, 0xdfff }, /* surrogates */
	{ 0xfdd0, 0xfdef }, /* not characters */
	{ 0xfeff, 0xfeff }, /* byte order mark */
	{ 0xffa0, 0xffa0 }, /* halfwidth Hangul filler */
	{ 0xfff0, 0xfffb }, /* interlinear annotation */
	{ 0x1bca0, 0x1bca3 }, /* shorthand format controls */
	{ 0x1d173, 0x1d17a }, /* musical format controls */
	{ 0xe0000, 0xe0fff }, /* tags, more variation selectors */
};

/*
 * -1: no such character. In a locale that is not UTF-8, wcwidth(3) knows ASCII only: one column
 * each.
 */
static int known_columns(uint32_t code)
{
	if (code < 0x80 || MB_CUR_MAX < TEXT_CHARACTER_SIZE)
		return 1;
	return wcwidth((wchar_t)code);
}

bool text_is_unsafe(uint32_t code)
{
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]) && code >= unsafe[i].first; i++) {
		if (code <= unsafe[i].last)
			return true;
	}
	/* U+FFFE and U+FFFF of every plane are no characters. */
	return (code & 0xfffe) == 0xfffe || code > 0x10ffff || known_columns(code) < 0;
}

unsigned text_columns(uint32_t code)
{
	return text_is_unsafe(code) ? 0 : (unsigned)known_columns(code);
}

size_t text_width(const char *text)
{
	size_t width = 0, left = strlen(text);

	while (left > 0) {
		uint32_t code;
		int taken = text_decode(text, left, &code);

		width += taken > 0 ? text_columns(code) : 1;
		text += taken > 0 ? taken : 1;
		left -= taken > 0 ? (size_t)taken : 1;
	}
	return width;
}

bool text_is_utf8(const char *bytes, size_t length)
{
	while (length > 0) {
		uint32_t code;
		int taken = text_decode(bytes, length, &code);

		if (taken <= 0)
			return false;
		bytes += taken;
		length -= (size_t)taken;
	}
	return true;
}
