/*
 * Cells of a table, padded to their width on the screen: a Korean syllable takes two columns and
 * three bytes, so printf's own widths are wrong for it. Needs a UTF-8 LC_CTYPE. Any thread.
 */
#pragma once

#include <stddef.h>

/* Size for a cell of up to 40 columns. */
#define TABULAR_CELL_SIZE 160

/* `text` behind as many blanks as it lacks to `columns`. Returns `buffer`. */
const char *tabular_right(const char *text, size_t columns, char *buffer, size_t size);
