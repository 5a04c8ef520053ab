/*
 * What one worker tells the log of its connections: who came, how it ended (-v), and when there was
 * no room. One thread, the worker's.
 */
#pragma once

#include <stdint.h>

#include "engine/engine.h"

struct conn_log_entry;

struct conn_log {
	struct conn_log_entry **entries; /* by slot; only where connections are logged */
	uint32_t entry_count;
	uint64_t pause_told_ns; /* 0: never */
	uint64_t pauses_untold;
};

void conn_log_init(struct conn_log *chronicle);
void conn_log_fini(struct conn_log *chronicle);

/* A connection's peer in words: its address; of a unix client who it is; "tcp:?" if it has gone. */
void conn_log_name_peer(int fd, enum addr_scheme scheme, char *text, size_t size);

void conn_log_opened(struct conn_log *chronicle, const struct engine_conn *conn);
void conn_log_closed(struct conn_log *chronicle, const struct engine_conn *conn,
	enum engine_close_reason reason, int error);
void conn_log_paused(struct conn_log *chronicle, int error);

/* A listener was shut down by another process, and is not served any more. Any thread. */
void conn_log_lost(const struct addr *bound);

/* A listener had been made blocking by another process, and is not any more. Any thread. */
void conn_log_mended(int fd, enum addr_scheme scheme);
