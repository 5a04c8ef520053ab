/*
 * Listeners in epoll. For engine/epoll/ only; one thread.
 */
#pragma once

#include "engine/epoll/epoll_core.h"

/* Takes over `fd`, also on failure: -ENOMEM, or -errno of epoll_ctl(2). */
int epoll_accept_add(struct epoll_engine *engine, int fd, enum addr_scheme scheme, unsigned tag);

/*
 * A listener is ready: accepts, up to ACCEPT_A_ROUND. Out of descriptors or memory: accepting
 * pauses.
 */
void epoll_accept_ready(struct epoll_engine *engine, unsigned which);

/* A descriptor has become free, or the time to try again has come. */
void epoll_accept_resume(struct epoll_engine *engine);

/* See engine_recheck(). */
void epoll_accept_recheck(struct epoll_engine *engine);

/*
 * If `accept_pending`, accepts the connections that are pending; then closes the listeners. A
 * listener with a pending connection for which there is no descriptor is kept, paused, and tried
 * again by epoll_accept_resume().
 */
void epoll_accept_close_all(struct epoll_engine *engine, bool accept_pending);
