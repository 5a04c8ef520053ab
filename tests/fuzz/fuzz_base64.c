/*
 * Text that comes with results: what is taken is what the encoder writes, to the character; what is refused leaves
 * the length alone. And whatever the bytes are, they come back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	unsigned char *decoded = malloc(BASE64_BYTES_SIZE(length) + 1);
	unsigned char *again = malloc(length + 3);
	char *text = malloc(BASE64_TEXT_SIZE(length));
	size_t count = SIZE_MAX;

	if (base64_decode((const char *)bytes, length, decoded, &count) == 0) {
		ASSERT(count <= BASE64_BYTES_SIZE(length));
		base64_encode(decoded, count, text);
		ASSERT(strlen(text) == length && memcmp(text, bytes, length) == 0);
	} else {
		ASSERT(count == SIZE_MAX);
	}
	base64_encode(bytes, length, text);
	ASSERT(strlen(text) + 1 == BASE64_TEXT_SIZE(length));
	ASSERT(base64_decode(text, strlen(text), again, &count) == 0);
	ASSERT(count == length && (length == 0 || memcmp(again, bytes, length) == 0));
	free(text);
	free(again);
	free(decoded);
	return 0;
}
