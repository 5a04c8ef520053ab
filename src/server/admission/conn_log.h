/*
 * What one worker logs of its connections: the peer, how it ended (-v), and when there was
 * no room. One thread, the worker's.
 */
#pragma once

#include <stdint.h>

#include "base/log_limit.h"
#include "engine/engine.h"
#include "server/admission/slot_table.h"

struct conn_log {
	struct slot_table
		entries; /* struct conn_log_entry; empty where connections are not logged */
	struct log_limit pauses;
};

void conn_log_init(struct conn_log *conn_log);
void conn_log_fini(struct conn_log *conn_log);

/* A connection's peer in words: its address; of a unix client its process; "tcp:?" if it has gone. */
void conn_log_name_peer(int fd, enum addr_scheme scheme, char *text, size_t size);

void conn_log_opened(struct conn_log *conn_log, const struct engine_conn *conn);
void conn_log_closed(struct conn_log *conn_log, const struct engine_conn *conn,
	enum engine_close_reason reason, int error);
void conn_log_paused(struct conn_log *conn_log, int error);

/*
 * A listener was shut down by another process, and is not served any more; it had been made blocking, and is not any
 * more. Each is logged once for a listener: `logged`, 0 for each tag at the start, remembers it for all threads; NULL: not at all. Any thread.
 */
void conn_log_lost(_Atomic unsigned *logged, unsigned tag, const struct addr *bound);
void conn_log_mended(_Atomic unsigned *logged, unsigned tag, int fd, enum addr_scheme scheme);
