/*
 * The one place where the protocol is called about datagrams.
 */
#include "engine/datagram_event.h"

void datagram_event_report(struct engine *engine, const struct protocol_event *event,
	struct protocol_answer *ret_answer)
{
	*ret_answer = (struct protocol_answer){ 0 };
	engine->protocol->handle(engine->protocol, NULL, event, ret_answer);
}

static void report_fate(
	struct engine *engine, enum protocol_event_kind kind, unsigned tag, size_t count, int error)
{
	struct protocol_event event = { .kind = kind, .count = count, .error = error, .tag = tag };
	struct protocol_answer ignored;

	datagram_event_report(engine, &event, &ignored);
}

void datagram_event_sent(struct engine *engine, unsigned tag, size_t count)
{
	report_fate(engine, PROTOCOL_DATAGRAM_SENT, tag, count, 0);
}

void datagram_event_lost(struct engine *engine, unsigned tag, size_t count, int error)
{
	report_fate(engine, PROTOCOL_DATAGRAM_LOST, tag, count, error);
}
