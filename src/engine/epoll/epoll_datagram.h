/*
 * Datagram sockets that serve any peer, in epoll. For engine/epoll/ only; one thread.
 */
#pragma once

#include "engine/epoll/epoll_core.h"

/* Takes over `fd`, also on failure: -ENOMEM, or -errno of the call that failed. */
int epoll_datagram_add(struct epoll_engine *engine, int fd, enum addr_scheme scheme, unsigned tag);
void epoll_datagram_ready(struct epoll_engine *engine, unsigned which);
/* If `answer_pending`, answers the datagrams that have come; then closes the sockets. */
void epoll_datagram_close_all(struct epoll_engine *engine, bool answer_pending);
