/*
 * Connections in epoll: opening, receiving, sending, closing. For engine/epoll/ only; one thread.
 */
#pragma once

#include "engine/epoll/epoll_core.h"

/*
 * Takes over `fd`, also on failure (-ENOMEM, or -errno of epoll_ctl(2)): then it is reset. `tag` is
 * the listener's that accepted it; 0 where there is none.
 */
int epoll_stream_open(struct epoll_engine *engine, int fd, enum addr_scheme scheme, unsigned tag);

/* epoll reports events of the connection that the token names; its turn comes with the round. */
void epoll_stream_ready(struct epoll_engine *engine, uint64_t token, uint32_t events);

/* Goes on with a connection that is connecting; see engine_ops. */
void epoll_stream_connect(struct epoll_engine *engine, struct conn *conn);
void epoll_stream_nudge(struct epoll_engine *engine, struct conn *conn);

/* Gives each connection that has something to do a turn of bounded length. */
void epoll_stream_round(struct epoll_engine *engine);

/*
 * Receives on the last connection, though epoll has not reported it as ready. True if something
 * came.
 */
bool epoll_stream_poll(struct epoll_engine *engine);

void epoll_stream_timers(struct epoll_engine *engine);

/* Cuts the connections that are condemned, or all where `condemned` is NULL; returns how many. */
unsigned epoll_stream_cut(struct epoll_engine *engine, engine_condemn_fn *condemned, void *context);
