/*
 * Bytes from outside in a message: whatever they are, what is shown fits, ends, is text, and holds nothing that a
 * terminal would obey.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check(const char *shown, size_t size)
{
	size_t length = strnlen(shown, size);

	ASSERT(length < size);
	for (size_t at = 0; at < length;) {
		uint32_t code;
		int one = text_decode(shown + at, length - at, &code);

		ASSERT(one >= 1 && one <= 4);
		ASSERT(!text_is_unsafe(code));
		at += (size_t)one;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	size_t size = 4 + (length > 0 ? bytes[0] % 64 : 0);
	char *room = malloc(size), piece[QUOTE_PIECE_SIZE];
	char *all = malloc(4 * length + 8);

	check(quote_bytes((const char *)bytes, length, room, size), size);
	check(quote_piece((const char *)bytes, length, piece), sizeof(piece));
	check(quote_bytes((const char *)bytes, length, all, 4 * length + 8), 4 * length + 8);
	free(all);
	free(room);
	return 0;
}
