/*
 * Listeners, with io_uring. For engine/uring/ only; one thread.
 */
#pragma once

#include "engine/uring/uring_core.h"

/* Takes over `fd`, also on failure: -ENOMEM, or -errno of epoll_ctl(2). */
int uring_accept_add(struct uring_engine *engine, int fd, enum addr_scheme scheme, unsigned tag);

/* Once a round: orders what listeners need, and ends a pause when its time has come. */
void uring_accept_round(struct uring_engine *engine);

/* A connection is pending on one of the listeners: accepts, up to ACCEPT_A_ROUND on each. */
void uring_accept_pending(struct uring_engine *engine);

/*
 * Unless everything is being cut, accepts the connections that are pending; then closes the
 * listeners. A listener with a pending connection for which there is no descriptor is kept, and
 * tried again in later rounds.
 */
void uring_accept_stop(struct uring_engine *engine);
