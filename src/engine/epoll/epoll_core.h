/*
 * The readiness engine: epoll(7), edge-triggered for connections, level-triggered for listeners and
 * datagrams. For engine/epoll/epoll_* only, but for epoll_engine_ops.
 *
 *   epoll_engine    the loop and its life
 *   epoll_explain   what the kernel can do, in words
 *   epoll_accept    listeners, and what happens when descriptors run out
 *   epoll_stream    receiving, sending and closing connections
 *   epoll_flow      connections of datagrams
 *   epoll_datagram  whole messages of anybody
 */
#pragma once

#include "engine/core.h"

extern const struct engine_ops epoll_engine_ops;

/* What a token names, in its top bits; see CONN_TOKEN_KIND_SHIFT. */
enum epoll_engine_kind {
	EPOLL_KIND_STREAM,
	EPOLL_KIND_LISTENER,
	EPOLL_KIND_DATAGRAM,
	EPOLL_KIND_WAKE,
};

struct datagram;

struct epoll_engine {
	struct engine core;
	int epoll_fd;

	struct datagram **datagrams;
	unsigned datagram_count;

	uint64_t last_token; /* of the connection that was gone on with last in a round ... */
	unsigned turn_count; /* ... and how many were */

	bool coarse; /* the kernel waits in milliseconds only */
	bool memory_short; /* something could not be allocated: try again a little later */
	unsigned looks; /* at one connection itself, instead of at all */
	bool busy; /* ... but somebody has only had its turn, and goes on at once */
};

uint64_t epoll_engine_token(enum epoll_engine_kind kind, uint64_t which);
/* epoll_ctl(2) with the words that it needs here; 0 or -errno. */
int epoll_engine_watch(
	struct epoll_engine *engine, int operation, int fd, uint32_t events, uint64_t token);

/* ---- epoll_explain ---- */

void epoll_explain(engine_feature_fn *tell, void *context);

/* ---- epoll_accept ---- */

int epoll_accept_add(struct epoll_engine *engine, int fd, enum addr_scheme scheme, unsigned tag);
void epoll_accept_ready(struct epoll_engine *engine, unsigned which);
/* A descriptor has become free, or the time to try again has come. */
void epoll_accept_resume(struct epoll_engine *engine);
/* See engine_look_again(). */
void epoll_accept_look_again(struct epoll_engine *engine);
/*
 * Accepts whoever knocked, if `last_call`; then closes the listeners. Those with somebody waiting for
 * whom there is no descriptor are kept, paused, and tried again by epoll_accept_resume().
 */
void epoll_accept_close_all(struct epoll_engine *engine, bool last_call);

/* ---- epoll_stream ---- */

/* Takes over `fd`, also on failure. */
int epoll_stream_open(struct epoll_engine *engine, int fd, enum addr_scheme scheme);
void epoll_stream_ready(struct epoll_engine *engine, uint64_t token, uint32_t events);
/* Goes on with a connection in the making; see engine_ops. */
void epoll_stream_connect(struct epoll_engine *engine, struct conn *conn);
void epoll_stream_nudge(struct epoll_engine *engine, struct conn *conn);
/* Goes on with every connection that has something to do, each for a bounded time. */
void epoll_stream_round(struct epoll_engine *engine);
/* Receives on the last connection, though nothing says that it is ready. True if something came. */
bool epoll_stream_look(struct epoll_engine *engine);
void epoll_stream_timers(struct epoll_engine *engine);
/* Those that are condemned, or all where `condemned` is NULL; returns how many. */
unsigned epoll_stream_cut(struct epoll_engine *engine, engine_condemn_fn *condemned, void *context);

/* For epoll_flow: the kernel takes no more; tells an event, without doing what it is answered. */
void epoll_stream_note_full(struct epoll_engine *engine, struct conn *conn);
void epoll_stream_note_lost(struct conn *conn, int error);

/* ---- epoll_flow ---- */

/* Sends what an answer says, as one message; what comes of it is told, and may be answered in turn. */
void epoll_flow_carry_out(
	struct epoll_engine *engine, struct conn *conn, struct protocol_answer *answer);
/* All that one flow may do in one round. True if it is to be gone on with in the next. */
bool epoll_flow_take_turn(struct epoll_engine *engine, struct conn *conn);

/* ---- epoll_datagram ---- */

int epoll_datagram_add(struct epoll_engine *engine, int fd, enum addr_scheme scheme, unsigned tag);
void epoll_datagram_ready(struct epoll_engine *engine, unsigned which);
/* Answers what has come, if `last_call`; then closes. */
void epoll_datagram_close_all(struct epoll_engine *engine, bool last_call);
