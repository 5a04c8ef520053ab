/*
 * Slots, chunk by chunk. A chunk holds no buffers: an idle connection costs sizeof(struct conn) of
 * user memory, which the assertion below keeps under one cache line and a half.
 */
#include "engine/conn.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert(sizeof(struct conn) <= 88, "an idle connection is to stay this small");

void conn_table_init(struct conn_table *table)
{
	*table = (struct conn_table){
		.first_free = CONN_NO_SLOT,
		.first_queued = CONN_NO_SLOT,
		.last_queued = CONN_NO_SLOT,
	};
}

void conn_table_fini(struct conn_table *table)
{
	for (uint32_t i = 0; i < table->chunk_count; i++)
		free(table->chunks[i]);
	free(table->chunks);
	conn_table_init(table);
}

static struct conn *slot_at(const struct conn_table *table, uint32_t slot)
{
	return &table->chunks[slot / CONN_CHUNK_SLOTS][slot % CONN_CHUNK_SLOTS];
}

static int add_chunk(struct conn_table *table)
{
	struct conn **chunks = realloc(table->chunks, (table->chunk_count + 1) * sizeof(*chunks));

	if (chunks == NULL)
		return -ENOMEM;
	table->chunks = chunks;

	struct conn *chunk = calloc(CONN_CHUNK_SLOTS, sizeof(*chunk));

	if (chunk == NULL)
		return -ENOMEM;
	chunks[table->chunk_count++] = chunk;
	return 0;
}

int conn_acquire(struct conn_table *table, int fd, enum addr_scheme scheme, struct conn **ret_conn)
{
	struct conn *conn;
	uint32_t slot = table->first_free;

	if (slot != CONN_NO_SLOT) {
		conn = slot_at(table, slot);
		table->first_free = conn->next_slot;
	} else {
		slot = table->used_slots;
		if (slot / CONN_CHUNK_SLOTS == table->chunk_count) {
			int r = add_chunk(table);

			if (r < 0)
				return r;
		}
		conn = slot_at(table, slot);
		table->used_slots++;
	}
	*conn = (struct conn){
		.fd = fd,
		.slot = slot,
		.generation = conn->generation,
		.flags = CONN_IN_USE,
		.scheme = (uint8_t)scheme,
		.next_slot = CONN_NO_SLOT,
	};
	table->open_count++;
	*ret_conn = conn;
	return 0;
}

void conn_release(struct conn_table *table, struct conn *conn)
{
	conn->flags = 0;
	conn->fd = -1;
	conn->generation++;
	conn->next_slot = table->first_free;
	table->first_free = conn->slot;
	table->open_count--;
}

struct conn *conn_at(const struct conn_table *table, uint32_t slot)
{
	if (slot >= table->used_slots)
		return NULL;

	struct conn *conn = slot_at(table, slot);

	return conn->flags & CONN_IN_USE ? conn : NULL;
}

/* 28 bits: a slot would have to be used 268 million times while one event is under way. */
#define GENERATION_MASK ((1u << (CONN_TOKEN_KIND_SHIFT - 32)) - 1)

uint64_t conn_token(const struct conn *conn)
{
	return (uint64_t)(conn->generation & GENERATION_MASK) << 32 | conn->slot;
}

struct conn *conn_from_token(const struct conn_table *table, uint64_t token)
{
	struct conn *conn = conn_at(table, (uint32_t)token);
	uint32_t generation = (uint32_t)(token >> 32) & GENERATION_MASK;

	return conn != NULL && (conn->generation & GENERATION_MASK) == generation ? conn : NULL;
}

void conn_enqueue(struct conn_table *table, struct conn *conn)
{
	if (conn->flags & CONN_QUEUED)
		return;
	conn->flags |= CONN_QUEUED;
	conn->next_slot = CONN_NO_SLOT;
	if (table->first_queued == CONN_NO_SLOT)
		table->first_queued = conn->slot;
	else
		slot_at(table, table->last_queued)->next_slot = conn->slot;
	table->last_queued = conn->slot;
}

uint32_t conn_take_queue(struct conn_table *table)
{
	uint32_t first = table->first_queued;

	table->first_queued = table->last_queued = CONN_NO_SLOT;
	return first;
}

enum engine_close_reason conn_close_reason(const struct conn *conn)
{
	if (conn->error != 0)
		return ENGINE_CLOSE_LOST;
	return conn->flags & CONN_CUT ? ENGINE_CLOSE_CUT : ENGINE_CLOSE_DONE;
}

void conn_cut_all(struct conn_table *table)
{
	for (uint32_t slot = 0; slot < table->used_slots; slot++) {
		struct conn *conn = conn_at(table, slot);

		if (conn != NULL) {
			conn->error = 0;
			conn->flags |= CONN_CUT;
		}
	}
}

struct engine_conn conn_view(const struct conn *conn)
{
	return (struct engine_conn){
		.slot = conn->slot,
		.fd = conn->fd,
		.scheme = (enum addr_scheme)conn->scheme,
		.protocol = &conn->protocol,
	};
}
