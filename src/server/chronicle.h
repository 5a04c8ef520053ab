/*
 * What one worker tells the log of its connections: who came, how it ended (-v), and when there was
 * no room. One thread, the worker's.
 */
#pragma once

#include <stdint.h>

#include "engine/engine.h"

struct chronicle_entry;

struct chronicle {
	struct chronicle_entry **entries; /* by slot; only where connections are logged */
	uint32_t entry_count;
	uint64_t pause_told_ns; /* 0: never */
	uint64_t pauses_untold;
};

void chronicle_init(struct chronicle *chronicle);
void chronicle_fini(struct chronicle *chronicle);

/* A connection's peer in words: its address; of a unix client who it is; "tcp:?" if it has gone. */
void chronicle_name_peer(int fd, enum addr_scheme scheme, char *text, size_t size);

void chronicle_opened(struct chronicle *chronicle, const struct engine_conn *conn);
void chronicle_closed(struct chronicle *chronicle, const struct engine_conn *conn,
	enum engine_close_reason reason, int error);
void chronicle_paused(struct chronicle *chronicle, int error);

/* A listener had been made blocking by another process, and is not any more. Any thread. */
void chronicle_mended(int fd, enum addr_scheme scheme);
