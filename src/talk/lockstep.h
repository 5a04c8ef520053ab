/*
 * The conversation of a script, over datagrams: cuts the input into datagrams, sends one, waits for
 * the same one to come back, writes it to the output and goes on with the next. One is in flight at
 * a time, so order is kept without a header of ours on the wire, and a reply is always compared
 * whole with what was sent. Nothing is sent again: what is lost is counted, and missing in the
 * output. Says nothing by itself. Main thread only (it takes over signals).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/ending.h"

/* The most that a UDP datagram over IPv4 can carry: 65535 - 20 (IP) - 8 (UDP). */
#define LOCKSTEP_SIZE_MOST 65507
/* Fits an Ethernet frame over IPv4 and IPv6 alike, with space for a tunnel's header. */
#define LOCKSTEP_SIZE_DEFAULT 1400
#define LOCKSTEP_TIMEOUT_NS 1000000000ull

struct lockstep_options {
	int socket; /* connected datagram socket, non-blocking; stays the caller's */
	int input;
	int output;
	size_t size_bytes; /* of a datagram, at most */
	uint64_t timeout_ns; /* after which one is lost */
};

/* -ENOMEM, -EMFILE and the like: it could not begin. Otherwise 0 and how it ended. */
int lockstep_run(const struct lockstep_options *options, struct ending *ret_ending);
