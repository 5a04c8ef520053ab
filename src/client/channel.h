/*
 * A client's stream, with or without TLS. A loop sends and receives by the
 * descriptor: one that has a stage (channel_secure, channel_attach) is looked up here, and any other
 * is passed on to net/call.h. Nothing blocks but channel_secure() and channel_poll().
 *
 * Half-close is close_notify alone: a FIN behind it makes some services cut what they still owe. A
 * stream of TLS that ends by FIN alone is -ECONNABORTED, which no call of the kernel gives then: it
 * was cut off, and may be incomplete (RFC 8446 6.1). TLS that fails is -EPROTO, and channel_why()
 * has the reason.
 *
 * Limits: what is sent is taken up to CHANNEL_MOST_BYTES on the wire; with more, -EAGAIN. Failing:
 * -ENOMEM. Thread: each thread has channels of its own, and a descriptor stays with its thread.
 * Ownership: descriptors are the caller's; a stage ends with channel_close(), when its descriptor is
 * attached again, or with channel_fini().
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/stage.h"
#include "wire/tls_context.h"

#define CHANNEL_MOST_BYTES (64u << 10)
/* Size of any sentence of channel_secure(). */
#define CHANNEL_WHY_SIZE 500

/* TLS with the service: what is used, and what is expected of it. */
struct channel_tls {
	struct tls_context *context; /* NULL: no TLS */
	const char *host; /* as written in the address: a zone is left out */
};

/*
 * Speaks TLS on a connected, non-blocking stream from here on, and waits for the handshake, until
 * then or until `interrupt_fd` (-1: none) is readable (-EINTR). -EPROTO, -ETIMEDOUT or another
 * -errno, with one sentence in `reterr_why`, translated, without a full stop.
 */
int channel_secure(int fd, const struct channel_tls *tls, uint64_t until_ns, int interrupt_fd,
	char *reterr_why, size_t size);

/* The same in two steps, for who waits otherwise: channel_open() gives 0, -EAGAIN or an error. */
int channel_attach(int fd, const struct channel_tls *tls);
int channel_open(int fd);
/* The sentence of what channel_open() or any call has met. Returns `buffer`. */
const char *channel_explain(int fd, int error, char *buffer, size_t size);

/* The stage of a descriptor; NULL: it has none. */
const struct stage *channel_stage(int fd);

/* As send(2) and recv(2), with -errno. */
ssize_t channel_send(int fd, const void *bytes, size_t length, int flags);
ssize_t channel_recv(int fd, void *bytes, size_t size, int flags);
/* Nothing more will be sent. What the kernel has not taken yet leaves with channel_poll(). */
int channel_finish(int fd);
/* Says so to the peer, if it can be said at once, and closes. */
int channel_close(int fd);

/*
 * As poll(2). POLLIN is also given where bytes are here already; what waits to leave leaves
 * meanwhile, also where POLLOUT is not asked for.
 */
int channel_poll(struct pollfd *pollfds, unsigned count, int timeout_ms);

/* For loops that poll by themselves: bytes wait to leave; sends them (-EAGAIN: not all). */
bool channel_has_unsent(int fd);
int channel_flush(int fd);

/* Forgets all channels of this thread; a thread that ends calls it. */
void channel_fini(void);

/* The reason of the last -EPROTO on any channel, "" before; OpenSSL's words are English. */
const char *channel_why(void);

static inline void channel_cleanup(const int *fd)
{
	if (*fd >= 0)
		channel_close(*fd);
}

/* As CLEANUP_FD (base/cleanup.h). */
#define CLEANUP_CHANNEL __attribute__((unused, cleanup(channel_cleanup)))
