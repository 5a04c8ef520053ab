/*
 * Character by character through the C library, which knows the widths of Hangul.
 */
#include "report/plain.h"

#include <stdbool.h>
#include <string.h>
#include <wchar.h>

/* Characters without a picture of their own that turn the text around them (Unicode, UAX 9). */
static bool turns_direction(wchar_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
		(c >= 0x2066 && c <= 0x2069);
}

const char *plain_text(const char *text, char *buffer, size_t size)
{
	mbstate_t state = { 0 };
	size_t used = 0;

	while (*text != '\0' && used + 1 < size) {
		wchar_t c;
		size_t length = mbrtowc(&c, text, strlen(text), &state);
		bool broken = length == (size_t)-1 || length == (size_t)-2;

		if (broken || wcwidth(c) < 0 || turns_direction(c)) {
			memset(&state, 0, sizeof(state));
			text += broken ? 1 : length;
			buffer[used++] = '?';
			continue;
		}
		if (used + length >= size)
			break;
		memcpy(buffer + used, text, length);
		used += length;
		text += length;
	}
	buffer[used] = '\0';
	return buffer;
}

unsigned plain_width(const char *text)
{
	mbstate_t state = { 0 };
	unsigned width = 0;

	while (*text != '\0') {
		wchar_t c;
		size_t length = mbrtowc(&c, text, strlen(text), &state);

		if (length == (size_t)-1 || length == (size_t)-2) {
			memset(&state, 0, sizeof(state));
			length = 1;
			c = L'?';
		}
		width += wcwidth(c) > 0 ? (unsigned)wcwidth(c) : 0;
		text += length;
	}
	return width;
}
