/*
 * wcwidth(3), summed up.
 */
#include "client/tabular.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

size_t tabular_width(const char *text)
{
	mbstate_t state = { 0 };
	size_t width = 0, left = strlen(text);

	while (left > 0) {
		wchar_t c;
		size_t length = mbrtowc(&c, text, left, &state);

		if (length == 0 || length > left) {
			state = (mbstate_t){ 0 };
			length = 1;
			width++;
		} else {
			int columns = wcwidth(c);

			width += columns > 0 ? (size_t)columns : 0;
		}
		text += length;
		left -= length;
	}
	return width;
}

const char *tabular_right(const char *text, size_t columns, char *buffer, size_t size)
{
	size_t width = tabular_width(text);

	snprintf(buffer, size, "%*s%s", width < columns ? (int)(columns - width) : 0, "", text);
	return buffer;
}
