/*
 * A table of an engine's host has one context for all its functions: here it is seen as the gate that it begins with.
 */
#include "server/admission/gate_host.h"

#include "server/admission/gate.h"

bool gate_host_admit(void *context, int fd, enum addr_scheme scheme, unsigned tag)
{
	return gate_admit(context, fd, scheme, tag);
}

bool gate_host_admit_datagram(void *context, const struct engine_datagram *datagram)
{
	return gate_admit_datagram(context, datagram);
}

uint64_t gate_host_preface_limit(void *context, const struct engine_conn *conn, unsigned tag)
{
	return gate_preface_limit(context, conn, tag);
}

enum engine_preface_verdict gate_host_preface(void *context, const struct engine_conn *conn,
	unsigned tag, const struct engine_preface *preface, size_t *ret_length)
{
	return gate_preface(context, conn, tag, preface, ret_length);
}
