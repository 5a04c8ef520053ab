/*
 * Texts from files made fit for a table on a terminal. Any thread; nothing is allocated.
 */
#pragma once

#include <stddef.h>

/*
 * Copies `text`, cut to `size` between characters; each unsafe character (see base/text.h) and each
 * byte that belongs to no character becomes '?'. Returns buffer.
 */
const char *plain_text(const char *text, char *buffer, size_t size);
