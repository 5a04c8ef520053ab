/*
 * Tables for the terminal.
 */
#include "report/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/text.h"
#include "report/plain.h"

#define INDENT 2
#define GAP 2

struct table {
	unsigned columns;
	size_t count; /* of cells */
	size_t capacity;
	bool failed;
	char (*cells)[TABLE_CELL_SIZE];
	unsigned widths[TABLE_MOST_COLUMNS];
};

struct table *table_new(unsigned columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table != NULL)
		table->columns = columns < TABLE_MOST_COLUMNS ? columns : TABLE_MOST_COLUMNS;
	return table;
}

void table_free(struct table *table)
{
	if (table != NULL)
		free(table->cells);
	free(table);
}

void table_add(struct table *table, const char *text)
{
	if (table->count == table->capacity) {
		size_t capacity = table->capacity == 0 ? 64 : 2 * table->capacity;
		void *cells = reallocarray(table->cells, capacity, sizeof(*table->cells));

		if (cells == NULL) {
			table->failed = true;
			return;
		}
		table->cells = cells;
		table->capacity = capacity;
	}

	char *cell = table->cells[table->count];
	unsigned *width = &table->widths[table->count % table->columns];
	unsigned wanted = (unsigned)text_width(plain_text(text, cell, TABLE_CELL_SIZE));

	*width = wanted > *width ? wanted : *width;
	table->count++;
}

static void print_cell(const struct table *table, size_t row, unsigned column, FILE *out)
{
	const char *cell = table->cells[row * table->columns + column];
	int blanks = (int)(table->widths[column] - (unsigned)text_width(cell));

	if (column == 0)
		fprintf(out, "%*s%s%*s", INDENT, "", cell, blanks, "");
	else
		fprintf(out, "%*s%s", GAP + blanks, "", cell);
}

/* The column behind the last that fits; at least one is taken. */
static unsigned fit(const struct table *table, unsigned from, unsigned width)
{
	unsigned used = INDENT + table->widths[0], column = from;

	while (column < table->columns) {
		used += GAP + table->widths[column];
		if (width > 0 && used > width && column > from)
			break;
		column++;
	}
	return column;
}

int table_print(const struct table *table, unsigned width, FILE *out)
{
	unsigned from = 1;

	if (table->failed)
		return -ENOMEM;
	do {
		unsigned end = fit(table, from, width);

		if (from > 1)
			fputc('\n', out);
		for (size_t row = 0; row < table->count / table->columns; row++) {
			print_cell(table, row, 0, out);
			for (unsigned column = from; column < end; column++)
				print_cell(table, row, column, out);
			fputc('\n', out);
		}
		from = end;
	} while (from < table->columns);
	return 0;
}
