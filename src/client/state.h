/*
 * What the kernel knows of a conversation, in words for people. Any thread.
 */
#pragma once

#include <stddef.h>

#include "net/addr.h"

/* Size for any text of state_describe. */
#define STATE_TEXT_SIZE 2048

/*
 * Writes several lines, each with its newline: both ends' addresses, the connection's state, round
 * trip, window, retransmissions and queues (tcp: TCP_INFO), or the peer's process (unix). Returns
 * `buffer`.
 */
const char *state_describe(int fd, enum addr_scheme scheme, char *buffer, size_t size);
