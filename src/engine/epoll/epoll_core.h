/*
 * What all files of the readiness engine rest on: its struct, the names of what epoll(7) watches,
 * and the watching itself. Connections are watched edge-triggered, listeners and datagram sockets
 * level-triggered. For engine/epoll/ only; one thread.
 *
 *   epoll_engine    the loop and its life
 *   epoll_stream    receiving, sending and closing connections
 *   epoll_flow      datagram connections
 *   epoll_accept    listeners, and what happens when descriptors run out
 *   epoll_datagram  datagram sockets that serve any peer
 *   epoll_explain   what the kernel can do, in words
 *   epoll_core      this
 */
#pragma once

#include "engine/core.h"

/* What a token names, in its top bits; see CONN_TOKEN_KIND_SHIFT. */
enum epoll_core_kind {
	EPOLL_CORE_STREAM,
	EPOLL_CORE_LISTENER,
	EPOLL_CORE_DATAGRAM,
	EPOLL_CORE_WAKE,
};

struct datagram;

struct epoll_engine {
	struct engine core;
	int epoll_fd;

	struct datagram **datagrams;
	unsigned datagram_count;

	uint64_t last_token; /* the connection that had the last turn of the last round ... */
	unsigned turn_count; /* ... and how many had one */

	bool coarse; /* the kernel waits in milliseconds only */
	bool memory_short; /* something could not be allocated: try again a little later */
	unsigned polls; /* of one connection itself, instead of all */
	bool busy; /* a connection only used up its turn, and goes on at once */
};

uint64_t epoll_core_token(enum epoll_core_kind kind, uint64_t which);

/* epoll_ctl(2) with the arguments in the order that is needed here; 0 or -errno. */
int epoll_core_watch(
	struct epoll_engine *engine, int operation, int fd, uint32_t events, uint64_t token);

/* What a connection is always watched for. */
uint32_t epoll_core_conn_events(void);

/*
 * The kernel takes no more bytes of this connection: from now on (once in its life) it is watched
 * for being writable, too. Where that fails, the connection is lost (conn_lose).
 */
void epoll_core_note_full(struct epoll_engine *engine, struct conn *conn);
