/*
 * What a service sends to `meari talk`, on its way to a terminal: in whatever pieces it comes, the same is shown;
 * nothing that a terminal would obey, and nothing that is not text.
 */
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "base/text.h"
#include "client/visible.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

struct screen {
	char *text;
	size_t length, room;
};

static void put(void *context, const char *text, size_t length, unsigned width)
{
	struct screen *screen = context;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		ASSERT(c != 0x7f &&
			(c >= 0x20 || (width == 0 && length == 1 && (c == '\n' || c == '\t'))));
	}
	for (size_t at = 0; at < length;) {
		uint32_t code;
		int one = text_decode(text + at, length - at, &code);

		ASSERT(one > 0);
		ASSERT(!text_is_unsafe(code) || text[at] == '\n' || text[at] == '\t');
		at += (size_t)one;
	}
	ASSERT(screen->length + length <= screen->room);
	memcpy(screen->text + screen->length, text, length);
	screen->length += length;
}

/* The longest that a byte can become is \xNN. */
static struct screen show(const uint8_t *bytes, size_t length, size_t piece)
{
	struct screen screen = { .text = malloc(4 * length + 1), .room = 4 * length };
	struct visible visible = { 0 };

	for (size_t at = 0; at < length; at += piece)
		visible_feed(&visible, bytes + at, length - at < piece ? length - at : piece, put,
			&screen);
	visible_flush(&visible, put, &screen);
	ASSERT(visible.count == 0);
	return screen;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	setlocale(LC_CTYPE, "C.UTF-8");

	struct screen whole = show(bytes, length, length > 0 ? length : 1);

	for (size_t piece = 1; piece < 4; piece++) {
		struct screen same = show(bytes, length, piece);

		ASSERT(same.length == whole.length &&
			memcmp(same.text, whole.text, whole.length) == 0);
		free(same.text);
	}
	free(whole.text);
	return 0;
}
