/*
 * Padding by columns instead of bytes.
 */
#include "ping/tabular.h"

#include <stdio.h>

#include "base/text.h"

const char *tabular_right(const char *text, size_t columns, char *buffer, size_t size)
{
	size_t width = text_width(text);

	snprintf(buffer, size, "%*s%s", width < columns ? (int)(columns - width) : 0, "", text);
	return buffer;
}
