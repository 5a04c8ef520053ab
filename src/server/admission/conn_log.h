/*
 * What one worker logs of its connections: the peer, how it ended (-v), and when there was
 * no room. One thread, the worker's.
 */
#pragma once

#include <stdint.h>

#include "base/log_limit.h"
#include "engine/engine.h"
#include "server/admission/proxied.h"
#include "server/admission/slot_table.h"

struct conn_log {
	struct slot_table
		entries; /* struct conn_log_entry; empty where connections are not logged */
	struct log_limit pauses;
};

void conn_log_init(struct conn_log *conn_log);
void conn_log_fini(struct conn_log *conn_log);

/* Size of any text of a connection's two ends. */
#define CONN_LOG_NAME_SIZE (2 * ADDR_TEXT_SIZE + 50)

struct conn_log_name {
	char peer[ADDR_TEXT_SIZE]; /* the client as far as it is known: for programs */
	char proxy[ADDR_TEXT_SIZE]; /* "": it came by itself */
	char text[CONN_LOG_NAME_SIZE]; /* both, for people */
};

/*
 * A connection's peer in words: its address; of a unix client its process; "tcp:?" if it has gone. `client` as of
 * gate_client(): what its proxy says of it, or NULL.
 */
void conn_log_name(int fd, enum addr_scheme scheme, const struct proxied_client *client,
	struct conn_log_name *ret_name);

void conn_log_opened(struct conn_log *conn_log, const struct engine_conn *conn,
	const struct proxied_client *client);
void conn_log_closed(struct conn_log *conn_log, const struct engine_conn *conn,
	enum engine_close_reason reason, int error);
void conn_log_paused(struct conn_log *conn_log, int error);

/* A listener was shut down by another process, and is not served any more. Any thread. */
void conn_log_lost(const struct addr *bound);

/* A listener had been made blocking by another process, and is not any more. Any thread. */
void conn_log_mended(int fd, enum addr_scheme scheme);
