/*
 * Files of settings: what is taken has a name of the right letters and a value inside the text; what is
 * refused says where and why; it ends.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check_entry(const struct settings_entry *entry, const char *text, size_t length)
{
	ASSERT(entry->name >= text && entry->name < text + length);
	ASSERT(entry->name[0] != '\0');
	ASSERT(strspn(entry->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(entry->name));
	ASSERT(entry->value_column >= entry->name_column + strlen(entry->name));
	if (entry->value == NULL)
		return;
	ASSERT(entry->value > entry->name && entry->value < text + length);
	ASSERT(entry->value[0] != '\0' && strchr(entry->value, '\n') == NULL);
	ASSERT(strchr(" \t\r", entry->value[strlen(entry->value) - 1]) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);
	struct settings_reader reader;
	struct settings_entry entry;
	struct settings_fault fault;
	unsigned line = 0;
	int r;

	memcpy(text, bytes, length);
	settings_init(&reader, text, length);
	while ((r = settings_next(&reader, &entry, &fault)) > 0) {
		ASSERT(reader.line > line);
		line = reader.line;
		check_entry(&entry, text, length);
	}
	ASSERT(r == 0 || (r == -EINVAL && fault.column <= length && fault.why != NULL));
	free(text);
	return 0;
}
