/*
 * A table for a terminal: columns aligned by display width, the first to the left, the others to the
 * right. Where the terminal is too narrow for all columns, they follow below one another in groups,
 * each with the first one again.
 */
#pragma once

#include <stdio.h>

#define TABLE_MOST_COLUMNS 16
#define TABLE_CELL_SIZE 96

struct table;

/* NULL: no memory. */
struct table *table_new(unsigned columns);
/* NULL is fine. */
void table_free(struct table *table);

/* Sets the next cell, row by row; longer texts are cut. Made plain. Out of memory shows in print. */
void table_add(struct table *table, const char *text);

/* Indented by two blanks, into `width` columns; 0: any. -ENOMEM: a cell could not be added. */
int table_print(const struct table *table, unsigned width, FILE *out);
