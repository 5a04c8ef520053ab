/*
 * What the kernel says of the sockets of a stop: TCP_INFO and the sizes of queues where there is a
 * descriptor, /proc/net/tcp where there is none (not yet accepted, or already closed). Main thread, while no
 * call is being made.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tour/tour_log.h"
#include "tour/tour_world.h"

struct tour_fact {
	unsigned
		state; /* TCP_ESTABLISHED ... of netinet/tcp.h; 0: the kernel has no such connection */
	int fd; /* -1: there is no descriptor */
	long to_read, to_send; /* bytes */
	long queue, backlog; /* of a listener: connections that wait, and what listen() was given */
	uint64_t bytes_sent; /* since the connection began; 0 without a descriptor */
};

struct tour_facts {
	struct tour_fact sockets[TOUR_SLOTS];
	long sigpipes;
};

void tour_facts_take(struct tour_world *world, struct tour_facts *ret_facts);

/* As in RFC 9293 and netstat: "ESTABLISHED"; "-" for 0. */
const char *tour_facts_state_name(unsigned state);

/* Where packets cannot be seen: adds those that must have been between two moments. */
void tour_facts_infer(const struct tour_world *world, const struct tour_facts *before,
	const struct tour_facts *after, struct tour_log *log);

/* Reads one line of /proc/net/tcp. False: it is none. */
struct tour_facts_row {
	unsigned local_port, remote_port, state;
	unsigned long to_send, to_read; /* of a listener: to_read is its queue */
};
bool tour_facts_parse_row(const char *line, struct tour_facts_row *ret_row);
