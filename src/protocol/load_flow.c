/*
 * Flows: every message is by itself, may be lost, come twice, late, or after others.
 */
#include "protocol/load_conn.h"

#include <errno.h>

int load_flow_new(const struct load_options *options, struct load_flow **ret_flow)
{
	return -ENOTSUP;
}

void load_flow_free(struct load_flow *flow)
{
}

void load_flow_reset(struct load *load, struct load_conn *conn)
{
}

void load_flow_handle(struct load *load, struct load_conn *conn, const struct protocol_event *event,
	struct protocol_answer *answer)
{
}

void load_flow_abandon(struct load *load, struct load_conn *conn)
{
}
