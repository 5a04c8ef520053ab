/*
 * Bytes on their way to the wire, of one connection of staged.h. They are collected in chunks; a
 * chunk is handed to the engine once, in an answer, and stays until all of it has left. So what the
 * kernel does not take is never copied. An answer sends one chunk at most: further ones wait for the
 * next SENT.
 *
 *	take ──▶ [ last ] ... [ unasked ] ──send──▶ [ in the engine ] ... [ first ] ──sent──▶ freed
 *
 * Limits: the caller's. Failing: -ENOMEM. Thread: one. Ownership: chunks belong to their queue; one
 * that is free is kept in the store, which all queues of an engine share.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/protocol.h"

/* Plain bytes that are read, and written, in one piece: a record. */
#define STAGED_CHUNK_PLAIN_BYTES 16384u

struct staged_chunk;

struct staged_chunk_store {
	struct staged_chunk *spare; /* for what is written next */
	size_t bytes; /* of all queues */
};

struct staged_chunk_queue {
	struct staged_chunk_store *store;
	struct staged_chunk *first, *last; /* unsent; */
	struct staged_chunk *unasked; /* from here on not handed to the engine */
	uint64_t unsent_bytes, unsent_plain; /* in the chunks */
};

void staged_chunk_store_fini(struct staged_chunk_store *store);

/* Appends: a stage's sink (`queue` is a struct staged_chunk_queue). */
int staged_chunk_take(void *queue, const unsigned char *bytes, size_t length);
/* So many bytes of the protocol inside end in what has been taken last. */
void staged_chunk_note_plain(struct staged_chunk_queue *queue, uint32_t count);
/* Puts the next chunk into the answer, if there is one. */
void staged_chunk_send(struct staged_chunk_queue *queue, struct protocol_answer *answer);
/* `count` bytes have left. Gives how many of the protocol inside have, with them. */
size_t staged_chunk_sent(struct staged_chunk_queue *queue, size_t count);
/* Drops what has not left. */
void staged_chunk_clear(struct staged_chunk_queue *queue);
