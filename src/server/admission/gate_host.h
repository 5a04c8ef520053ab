/*
 * The gate's functions as an engine's host calls them (engine.h). Their context is a struct gate, or what begins
 * with one.
 */
#pragma once

#include "engine/engine.h"

bool gate_host_admit(void *context, int fd, enum addr_scheme scheme, unsigned tag);
bool gate_host_admit_datagram(void *context, const struct engine_datagram *datagram);
uint64_t gate_host_preface_limit(void *context, const struct engine_conn *conn, unsigned tag);
enum engine_preface_verdict gate_host_preface(void *context, const struct engine_conn *conn,
	unsigned tag, const struct engine_preface *preface, size_t *ret_length);
