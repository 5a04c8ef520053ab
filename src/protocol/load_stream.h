/*
 * Streams of a load. For load.c only; one thread.
 */
#pragma once

#include "protocol/load_conn.h"

/* An event of a stream, but LOST. */
void load_stream_handle(struct load *load, struct load_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer);

/* The messages under way will not come back. */
void load_stream_abandon(struct load *load, struct load_conn *conn);
