/*
 * JSON as text that is safe to show: as jansson writes it, except that each character that would
 * mislead a terminal or a reader (text_is_unsafe) is escaped as \uXXXX, which means the same. Other
 * letters stay readable. Any thread.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* `flags` are those of json_dumps(3). The caller frees the text. NULL: no memory. */
char *json_text(const json_t *value, size_t flags);

/* Writes it to a stream. -ENOMEM, or as outfile_put(). */
int json_text_write(const json_t *value, size_t flags, FILE *out);
