/*
 * What happens to datagrams, reported to the protocol. Datagrams belong to no connection, so this
 * is apart from drive.h. For engine/ only; one thread, the engine's.
 */
#pragma once

#include "engine/core.h"

/* Reports one event. `ret_answer` holds the protocol's answer. */
static inline void datagram_event_report(struct engine *engine, const struct protocol_event *event,
	struct protocol_answer *ret_answer)
{
	*ret_answer = (struct protocol_answer){ 0 };
	engine->protocol->handle(engine->protocol, NULL, event, ret_answer);
}

/* So many more answers have left. */
static inline void datagram_event_sent(struct engine *engine, size_t count)
{
	struct protocol_event event = { .kind = PROTOCOL_DATAGRAM_SENT, .count = count };
	struct protocol_answer ignored;

	datagram_event_report(engine, &event, &ignored);
}

/* So many more could not be sent, for this reason (-errno). */
static inline void datagram_event_lost(struct engine *engine, size_t count, int error)
{
	struct protocol_event event = {
		.kind = PROTOCOL_DATAGRAM_LOST,
		.count = count,
		.error = error,
	};
	struct protocol_answer ignored;

	datagram_event_report(engine, &event, &ignored);
}

/*
 * A datagram has come. If the host does not admit it, the protocol does not hear of it and the
 * answer is empty. Inline, so that it costs nothing where the host has no such filter.
 */
static inline void datagram_event_arrived(struct engine *engine,
	const struct engine_datagram *datagram, const struct protocol_event *event,
	struct protocol_answer *ret_answer)
{
	if (engine->host->admit_datagram == NULL ||
		engine->host->admit_datagram(engine->context, datagram))
		datagram_event_report(engine, event, ret_answer);
	else
		*ret_answer = (struct protocol_answer){ 0 };
}
