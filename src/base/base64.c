/*
 * RFC 4648 section 4, without its liberties (3.1 to 3.5): one value has one text.
 */
#include "base/base64.h"

#include <errno.h>
#include <stdint.h>

static const char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Six bits, or -1. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

void base64_encode(const unsigned char *bytes, size_t length, char *text)
{
	for (size_t i = 0; i < length; i += 3) {
		size_t here = length - i < 3 ? length - i : 3;
		uint32_t group = (uint32_t)bytes[i] << 16;

		if (here > 1)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (here > 2)
			group |= bytes[i + 2];
		*text++ = alphabet[group >> 18];
		*text++ = alphabet[group >> 12 & 63];
		*text++ = here > 1 ? alphabet[group >> 6 & 63] : '=';
		*text++ = here > 2 ? alphabet[group & 63] : '=';
	}
	*text = '\0';
}

int base64_decode(const char *text, size_t length, unsigned char *bytes, size_t *ret_length)
{
	size_t padding = 0, written = 0;

	if (length % 4 != 0)
		return -EINVAL;
	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < length; i += 4) {
		size_t here = i + 4 < length ? 4
					     : 4 - padding; /* characters that are not padding */
		uint32_t group = 0;

		for (size_t k = 0; k < here; k++) {
			int value = value_of(text[i + k]);

			if (value < 0)
				return -EINVAL;
			group |= (uint32_t)value << (18 - 6 * k);
		}
		for (size_t k = 0; k + 1 < here; k++)
			bytes[written++] = (unsigned char)(group >> (16 - 8 * k));
		/* What is left over must be 0, or two texts would mean the same bytes. */
		if ((group & ((UINT32_C(1) << (32 - 8 * here)) - 1)) != 0)
			return -EINVAL;
	}
	*ret_length = written;
	return 0;
}
