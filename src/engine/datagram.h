/*
 * Datagram sockets that serve any peer, for every engine: receives messages, reports them to the
 * protocol, and sends its answers, as many at a time as there are. How an engine learns that a
 * socket is ready is its own part.
 *
 * Limits: memory for one batch an engine, allocated with its first datagram socket, and for one
 * more for each socket whose answers wait for the kernel. Full: a socket whose answers wait is not
 * read from. For engine/ only; one thread.
 */
#pragma once

#include "engine/arrivals.h"
#include "engine/core.h"
#include "engine/departures.h"

/*
 * So many messages, each a datagram or a train, are received before other sockets have their turns.
 */
#define DATAGRAM_A_TURN ARRIVALS_MOST

struct datagram_batch {
	struct arrivals arrivals;
	struct departures departures;
	unsigned char buffer[];
};

struct datagram {
	int fd;
	enum addr_scheme scheme;
	int family;
	unsigned tag; /* see engine_listen() */
	/* Answers that the kernel did not take, and the rest of their batch: worked off first. */
	struct datagram_batch *waiting;
	bool trains; /* the kernel has UDP_SEGMENT */
	bool lost; /* it was shut down: the engine stops watching it, but keeps it for answers that come later */
	unsigned wary_turns; /* a train was refused: for so many turns, none is tried */
};

/* Takes over `fd`, also on failure: -ENOMEM, or the errno of getsockopt(2). */
int datagram_open(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag,
	struct datagram **ret_datagram);
/* Closes the socket too, dropping what waits. */
void datagram_close(struct datagram *datagram);

/*
 * Answers what is there, for one turn. If `waiting` is set afterwards, the kernel takes no answer
 * now: call again when the socket is writable; otherwise, when it is readable. `lost` may be set.
 */
void datagram_echo_some(struct engine *engine, struct datagram *datagram);

/*
 * The last turn before the end: answers what came; answers that cannot leave are reported as lost.
 */
void datagram_echo_last(struct engine *engine, struct datagram *datagram);

/* For core.c. NULL is fine. */
void datagram_batch_free(struct datagram_batch *batch);
