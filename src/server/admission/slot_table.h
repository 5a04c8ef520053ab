/*
 * What a worker remembers of each connection beside the engine: a pointer by the connection's slot (engine_conn.slot).
 * Grows with the highest slot that is set, and does not shrink. Zeroed is empty. One thread; the items stay the
 * caller's.
 */
#pragma once

#include <stdint.h>

struct slot_table {
	void **items; /* NULL where nothing is remembered */
	uint32_t count;
};

/* Where the pointer of a slot is, to be set; valid until the next call. NULL: no memory, and nothing has changed. */
void **slot_table_place(struct slot_table *table, uint32_t slot);

/* The pointer of a slot, NULL where none was set; slot_table_take() also forgets it. */
void *slot_table_get(const struct slot_table *table, uint32_t slot);
void *slot_table_take(struct slot_table *table, uint32_t slot);

/* Frees the table, and not what its items point to. */
void slot_table_fini(struct slot_table *table);
