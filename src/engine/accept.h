/*
 * The listeners of one engine: accepting, and pausing while descriptors or memory are used up. How
 * an engine learns of a pending connection, and how it ignores them while accepting is paused, is
 * its own part. For engine/ only; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

struct engine;
struct conn;
struct protocol_answer;

/* So many a round: a storm of connects must not keep open connections waiting. */
#define ACCEPT_A_ROUND 64
/* At the end: the longest backlog that can be asked for, and the one more that Linux allows. */
#define ACCEPT_ALL_PENDING ((1u << 20) + 1)

struct accept_listener {
	int fd; /* -1: closed; the others keep their numbers */
	enum addr_scheme scheme;
	unsigned tag; /* see engine_listen() */
	bool lost; /* it does not listen any more: the engine stops watching it, and closes it */
};

struct accept {
	struct accept_listener *listeners;
	unsigned count, open_count;
	bool paused; /* pending connections wait in the kernel's backlog */
	bool pause_reported;
	uint64_t retry_ns; /* while paused: when to resume, if no connection of ours ends before */
};

void accept_init(struct accept *accept);
/* Closes all listeners. */
void accept_fini(struct accept *accept);

/* Appends a listener. Takes over `fd`, also when it fails: -ENOMEM. */
int accept_add(struct accept *accept, int fd, enum addr_scheme scheme, unsigned tag);
void accept_close(struct accept *accept, unsigned which);

/*
 * Accepts `most` connections at most and gives them to the engine. False: there is a shortage, and
 * accepting is paused. Afterwards `lost` may be set.
 */
bool accept_some(struct engine *engine, unsigned which, unsigned most);

/* Pauses accepting. Reported to the host once, until a connection has been accepted again. */
void accept_pause(struct engine *engine, int error);
void accept_resume(struct accept *accept);
/*
 * A connection of ours has ended: accepting is tried again in the next round. Not at once: the
 * caller is in the middle of closing, perhaps of all, and a connection that is accepted then might
 * end at once, too.
 */
void accept_retry_soon(struct engine *engine);

/* ---- prefaces ---- */

/*
 * The preface of a connection: bytes in front of its stream, which the host reads and the protocol never gets (see
 * struct engine_host). Until it has come, the connection is CONN_PREFACE, has no credit, and no event of it is
 * reported to the protocol.
 *
 * All that has come is peeked at each time, and stays in the kernel's buffer until the preface is whole; then
 * exactly the preface is received. So the stream begins with its first byte, in whatever way an engine receives,
 * and a connection that waits holds no memory of ours.
 */

/*
 * Of an accepted connection, before drive_open(): asks the host. True: it is CONN_PREFACE now, and its time limit is
 * set; its owner calls accept_preface_advance() at once, and then whenever more has come or the time is over.
 */
bool accept_preface_begin(struct engine *engine, struct conn *conn, unsigned tag);

enum accept_preface_outcome {
	ACCEPT_PREFACE_WAITS, /* for more, or for the end of the stream */
	ACCEPT_PREFACE_SHORT, /* the system has no memory: to be tried again a little later */
	ACCEPT_PREFACE_OPEN, /* it is open, as after drive_open(): `ret_answer` is the protocol's */
	ACCEPT_PREFACE_ENDS, /* it is lost or cut */
};

enum accept_preface_outcome accept_preface_advance(
	struct engine *engine, struct conn *conn, struct protocol_answer *ret_answer);
