/*
 * The connections of one engine, in numbered slots. A slot keeps its number while the table lives;
 * its generation changes each time the slot is released, so that a late event of a closed
 * connection (same slot, older generation) is recognised and dropped.
 *
 * Limits: an idle connection takes 88 bytes at most. There is no limit on their number but memory
 * (-ENOMEM). Thread: the engine's. Ownership: a connection belongs to its table; its descriptor and
 * outputs belong to the engine, which releases them before conn_release().
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/output.h"
#include "engine/timer.h"

/*
 *   (free) ──acquire──▶ open ──peer's end──▶ END_SEEN ──▶ released
 *      │                 ▲ │                                ▲
 *      └── CONNECTING ───┘ └── CLOSE_WANTED, FINISH_WANTED: when the output is empty
 *          or PREFACE
 */
enum conn_flag {
	CONN_IN_USE = 1 << 0,
	CONN_READABLE = 1 << 1, /* the kernel may have something to receive */
	CONN_EXHAUST = 1 << 2, /* a short receive does not mean that there is no more */
	CONN_WRITABLE = 1 << 3, /* the kernel may take more */
	CONN_END_SEEN = 1 << 4, /* the peer's end of stream has been reported */
	CONN_FINISH_WANTED = 1 << 5, /* half-close when all is sent */
	CONN_FINISHED = 1 << 6, /* half-closed */
	CONN_CLOSE_WANTED = 1 << 7, /* close when all is sent */
	CONN_CUT = 1 << 8, /* close now, dropping what is not sent */
	CONN_QUEUED = 1 << 9, /* in the queue: has a turn in the next round */
	CONN_WRITE_WATCHED = 1 << 10, /* epoll reports when the kernel can take more */
	/* uring: what has been submitted to the kernel, and has not completed. */
	CONN_RECEIVING = 1 << 11,
	CONN_SENDING = 1 << 12,
	CONN_WATCHING = 1 << 13, /* a poll that stays: the connection is lost, or writable again */
	CONN_CANCELLED = 1 << 14, /* all of these have been cancelled */
	CONN_LARGE = 1 << 15, /* comes in large pieces */
	CONN_RESET = 1 << 16, /* with CUT: by RST, even if all is sent */
	CONN_END_HELD = 1
		<< 17, /* the peer's end of stream has come, and waits behind what is held */
	CONN_CONNECTING = 1 << 18, /* no event has been reported to the protocol yet */
	CONN_FLOW = 1 << 19, /* every receive and every send is one whole message */
	CONN_RECEIVING_LARGE = 1 << 20, /* with RECEIVING: into a large buffer */
	CONN_SHORT = 1 << 21, /* there was no memory for it: it waits a moment */
	CONN_AWAITING_WRITABLE = 1 << 22, /* uring: a poll that completes once: it is writable */
	CONN_FILLED = 1 << 23, /* the last receive filled a large buffer */
	CONN_BULK = 1 << 24, /* moves by a pipe, where that can be; see bulk.h */
	CONN_BULK_ONCE = 1 << 28, /* has been in bulk */
	CONN_PIPED = 1 << 25, /* the first bytes of the output are in a pipe */
	CONN_RECEIVING_POLL = 1 << 26, /* with RECEIVING: a poll, in bulk */
	CONN_MARKED = 1 << 27, /* epoll: its urgent bytes are reported as such */
	CONN_PREFACE = 1
		<< 29, /* no event has been reported: bytes in front of the stream are awaited (accept.h) */
};

#define CONN_NO_SLOT UINT32_MAX

struct conn {
	int fd;
	uint32_t slot;
	uint32_t generation;
	uint32_t credit; /* bytes that the protocol will still take */
	uint32_t flags;
	uint8_t scheme; /* enum addr_scheme */
	int16_t error; /* -errno once the connection is lost: never below -4095 */
	uint32_t next_slot; /* in the free list, or in the queue */
	uint32_t sending_bytes; /* given to the kernel, and not yet known to have left */
	struct output *output; /* NULL while nothing waits */
	struct output
		*held; /* received beyond the credit, not reported yet; NULL while nothing is */
	struct protocol_conn protocol;
	struct timer timer;
};

/* Slots come in chunks that never move, so a pointer stays good while its connection is open. */
#define CONN_CHUNK_SLOTS 512

struct conn_table {
	struct conn **chunks;
	uint32_t chunk_count;
	uint32_t used_slots; /* slots ever handed out */
	uint32_t first_free;
	uint32_t open_count;
	uint32_t first_queued, last_queued;
};

void conn_table_init(struct conn_table *table);
/* The connections' descriptors and outputs must have been released. */
void conn_table_fini(struct conn_table *table);

/* A slot with everything zero but slot, generation, fd and scheme. -ENOMEM. */
int conn_acquire(struct conn_table *table, int fd, enum addr_scheme scheme, struct conn **ret_conn);
void conn_release(struct conn_table *table, struct conn *conn);

/* The connection in a slot, or NULL where the slot is free. */
struct conn *conn_at(const struct conn_table *table, uint32_t slot);

/*
 * Slot and generation in one word, for the kernel to carry; and back: NULL if that connection is
 * closed. The top bits are left to the engine, for the kind of thing that a token names.
 */
#define CONN_TOKEN_KIND_SHIFT 60
uint64_t conn_token(const struct conn *conn);
struct conn *conn_from_token(const struct conn_table *table, uint64_t token);

/*
 * The queue: connections that have something to do in the next round. Each is in it once at most.
 */
void conn_enqueue(struct conn_table *table, struct conn *conn);
/* Empties the queue and gives its first slot; go on by next_slot. CONN_NO_SLOT: it was empty. */
uint32_t conn_take_queue(struct conn_table *table);
static inline bool conn_queue_is_empty(const struct conn_table *table)
{
	return table->first_queued == CONN_NO_SLOT;
}

static inline void conn_clear(struct conn *conn, uint32_t flags)
{
	conn->flags &= ~flags;
}

/* The connection is lost, for this reason (-errno; 0: it is not). The first reason counts. */
static inline void conn_lose(struct conn *conn, int error)
{
	assert(error <= 0 && error >= -4095);
	if (conn->error == 0)
		conn->error = (int16_t)error;
}

/* It is lost or cut: it ends now, whatever waits to be sent. */
static inline bool conn_must_end(const struct conn *conn)
{
	return conn->error != 0 || conn->flags & CONN_CUT;
}

/* The protocol has not been told of it yet. */
#define CONN_UNTOLD (CONN_CONNECTING | CONN_PREFACE)

/* Why a connection that ends now does so. */
enum engine_close_reason conn_close_reason(const struct conn *conn);

/* Cuts every connection and forgets its error: for an engine that ends without a report. */
void conn_cut_all(struct conn_table *table);

struct engine_conn conn_view(const struct conn *conn);
