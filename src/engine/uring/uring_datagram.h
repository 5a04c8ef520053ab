/*
 * Datagram sockets that serve any peer, with io_uring. For engine/uring/ only; one thread.
 */
#pragma once

#include "engine/uring/uring_core.h"

/* Takes over `fd`, also on failure: -ENOMEM, or -errno of the call that failed. */
int uring_datagram_add(struct uring_engine *engine, int fd, enum addr_scheme scheme, unsigned tag);
/* Once a round: orders what the sockets need. */
void uring_datagram_round(struct uring_engine *engine);
void uring_datagram_done(struct uring_engine *engine, unsigned which);
/* Answers the datagrams that have come; then closes the sockets. */
void uring_datagram_stop(struct uring_engine *engine);
/* Closes the sockets at once, without a report. */
void uring_datagram_close_all(struct uring_engine *engine);
