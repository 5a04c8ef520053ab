/*
 * The connections that are open, as JSON for clients of --control: each an object with "peer",
 * "received_bytes", and "proxy" where one stands in front. One thread at a time.
 *
 * Limits: `most` are listed, so that a server with a million of them does not stop for the list; all are counted.
 * Without memory some are left out.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "server/admission/proxied.h"

/* Of all threads together. */
#define ROSTER_MOST 256

struct roster {
	json_t *list; /* an array, the caller's; NULL: no memory */
	uint32_t most;
	uint64_t open;
};

/* `conn` is what the echo remembers of it, `client` as of gate_client(). False: the list is full. */
bool roster_add(
	struct roster *roster, const struct engine_conn *conn, const struct proxied_client *client);
