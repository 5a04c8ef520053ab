/*
 * TLS in one load generator: each of its connections gets a stage, and a connection is open when its
 * handshake has ended. Made only where the target is of tls://. Thread: the generator's. Ownership:
 * the owner calls secured_opening() and secured_closed() for each connection.
 */
#pragma once

#include "engine/engine.h"
#include "engine/staged/staged.h"
#include "protocol/load.h"
#include "wire/tls_context.h"

struct secured_options {
	struct tls_context *context; /* NULL: no TLS */
	const char *host; /* as in the address */
};

struct secured {
	struct staged staged;
	struct secured_options options;
	struct load *load;
	void (*opened)(void *context, uint32_t index); /* of the load's connection */
	void *context;
	uint32_t opening; /* whose connection is being opened */
};

/* Without TLS it does nothing. -ENOMEM. `load` is the caller's, to outlive it. */
int secured_init(struct secured *secured, const struct secured_options *options, struct load *load,
	void (*opened)(void *context, uint32_t index), void *context);
/* What the engine is to be given: the load's protocol, or around it. */
struct protocol *secured_protocol(struct secured *secured);
/* Zeroed is fine. */
void secured_fini(struct secured *secured);

/* It has connected: the handshake begins, or without TLS it is open. */
void secured_opening(struct secured *secured, const struct engine_conn *conn);

/*
 * It has ended: gives which connection of the load it is. Where TLS has ended it, reason and error are
 * that. With and without TLS.
 */
uint32_t secured_closed(struct secured *secured, const struct engine_conn *conn,
	enum engine_close_reason *reason, int *error);
