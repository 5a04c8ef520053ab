/*
 * Datagram sockets, for every engine: receiving messages, asking the protocol, sending its answers, as many
 * at a time as there are. When to do so is the engine's own. For engine/ only; one thread.
 *
 * Memory: one batch an engine, made with its first datagram socket; and one for each socket whose answers
 * wait for the kernel.
 */
#pragma once

#include "engine/arrivals.h"
#include "engine/core.h"
#include "engine/departures.h"

/* So many messages, each a datagram or a train, are received before it is the others' turn. */
#define DATAGRAM_A_TURN ARRIVALS_MOST

struct datagram_batch {
	struct arrivals arrivals;
	struct departures departures;
	unsigned char room[];
};

struct datagram {
	int fd;
	enum addr_scheme scheme;
	int family;
	unsigned tag; /* see engine_listen() */
	/* Answers that the kernel did not take, and what came with their questions: it goes first. */
	struct datagram_batch *waiting;
	bool trains; /* UDP_SEGMENT is there */
	bool lost; /* it was shut down: the engine stops watching it, but keeps it for answers that come later */
	unsigned wary_turns; /* a train was refused: so long, none is tried */
};

/* Takes over `fd`, also on failure: -ENOMEM, or the errno of getsockopt(2). */
int datagram_open(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag,
	struct datagram **ret_datagram);
/* Closes the socket too, dropping what waits. */
void datagram_close(struct datagram *datagram);

/*
 * Answers what is there, for a turn. Afterwards `waiting` tells whether the kernel takes no answer now: go
 * on when the socket is writable; otherwise, when it is readable. `lost` may be set.
 */
void datagram_echo_some(struct engine *engine, struct datagram *datagram);

/* The last turn before the end: what came is answered, and what cannot leave is told as lost. */
void datagram_echo_last(struct engine *engine, struct datagram *datagram);

/* For core.c. NULL is fine. */
void datagram_batch_free(struct datagram_batch *batch);
