/*
 * Text for a terminal from files that anybody may have written.
 */
#include "report/plain.h"

#include <string.h>

#include "base/text.h"

const char *plain_text(const char *text, char *buffer, size_t size)
{
	size_t used = 0, left = strlen(text);

	while (left > 0 && used + 1 < size) {
		uint32_t code;
		int decoded = text_decode(text, left, &code);
		size_t taken = decoded > 0 ? (size_t)decoded : 1;

		if (decoded <= 0 || text_is_unsafe(code)) {
			buffer[used++] = '?';
		} else {
			if (used + taken >= size)
				break;
			memcpy(buffer + used, text, taken);
			used += taken;
		}
		text += taken;
		left -= taken;
	}
	buffer[used] = '\0';
	return buffer;
}
