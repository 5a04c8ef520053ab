/*
 * Flows of a load: datagram connections. For load.c only; one thread.
 */
#pragma once

#include "protocol/load_conn.h"

/* -ENOMEM. */
int load_flow_new(const struct load_options *options, struct load_flow **ret_flow);
/* NULL is fine. */
void load_flow_free(struct load_flow *flow);

/* A connection begins its next life. */
void load_flow_reset(struct load *load, struct load_conn *conn);

/* An event of a flow, but LOST. */
void load_flow_handle(struct load *load, struct load_conn *conn, const struct protocol_event *event,
	struct protocol_answer *answer);

/* The messages under way will not come back. */
void load_flow_abandon(struct load *load, struct load_conn *conn);
