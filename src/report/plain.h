/*
 * Texts from files made fit for a terminal, and how wide they are there. Needs an LC_CTYPE of UTF-8.
 */
#pragma once

#include <stddef.h>

/*
 * Copies `text`, cut to `size`; what a terminal could act upon (controls, changes of direction) and
 * bytes that are no character become '?'. Returns buffer.
 */
const char *plain_text(const char *text, char *buffer, size_t size);

/* Columns that a plain text takes. */
unsigned plain_width(const char *text);
