/*
 * Slots are reused lowest first, so the table is about as long as there were connections at once.
 */
#include "server/admission/slot_table.h"

#include <stdlib.h>
#include <string.h>

void **slot_table_place(struct slot_table *table, uint32_t slot)
{
	if (slot >= table->count) {
		uint32_t count = slot + 1 + slot / 2;
		void **longer = reallocarray(table->items, count, sizeof(*longer));

		if (longer == NULL)
			return NULL;
		memset(longer + table->count, 0, (count - table->count) * sizeof(*longer));
		table->items = longer;
		table->count = count;
	}
	return &table->items[slot];
}

void *slot_table_get(const struct slot_table *table, uint32_t slot)
{
	return slot < table->count ? table->items[slot] : NULL;
}

void *slot_table_take(struct slot_table *table, uint32_t slot)
{
	void *item = slot_table_get(table, slot);

	if (item != NULL)
		table->items[slot] = NULL;
	return item;
}

void slot_table_fini(struct slot_table *table)
{
	free(table->items);
	*table = (struct slot_table){ 0 };
}
