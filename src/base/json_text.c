/*
 * Outside of strings JSON is ASCII, so everything from DEL on stands in a string and can be escaped
 * there. What is below U+0020 jansson has escaped already.
 */
#include "base/json_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/outfile.h"
#include "base/text.h"

/* Of a character beyond U+FFFF: two escapes, each of six letters (RFC 8259 7). */
#define ESCAPE_SIZE 12
#define FIRST_CONTROL 0x7f

static bool is_escaped(uint32_t code)
{
	return code >= FIRST_CONTROL && text_is_unsafe(code);
}

static size_t put_escape(char at[static ESCAPE_SIZE + 1], uint32_t code)
{
	if (code <= 0xffff)
		return (size_t)snprintf(at, ESCAPE_SIZE + 1, "\\u%04X", (unsigned)code);
	code -= 0x10000;
	return (size_t)snprintf(at, ESCAPE_SIZE + 1, "\\u%04X\\u%04X",
		0xd800 + (unsigned)(code >> 10), 0xdc00 + (unsigned)(code & 0x3ff));
}

char *json_text(const json_t *value, size_t flags)
{
	CLEANUP_FREE char *plain = json_dumps(value, flags);
	size_t length = plain != NULL ? strlen(plain) : 0, used = 0;
	/* The shortest such character, DEL, has one byte; all others have two at least. */
	char *safe = plain != NULL ? malloc(length * (ESCAPE_SIZE / 2) + ESCAPE_SIZE + 1) : NULL;

	if (safe == NULL)
		return NULL;
	for (size_t at = 0; at < length;) {
		uint32_t code;
		int n = text_decode(plain + at, length - at, &code);

		if (n > 0 && is_escaped(code)) {
			used += put_escape(safe + used, code);
		} else {
			n = n > 0 ? n : 1;
			memcpy(safe + used, plain + at, (size_t)n);
			used += (size_t)n;
		}
		at += (size_t)n;
	}
	safe[used] = '\0';
	return safe;
}

int json_text_write(const json_t *value, size_t flags, FILE *out)
{
	CLEANUP_FREE char *text = json_text(value, flags);

	if (text == NULL)
		return -ENOMEM;
	return outfile_put(out, text, strlen(text));
}
