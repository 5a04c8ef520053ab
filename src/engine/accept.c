/*
 * When descriptors or memory run out, accept(2) fails while the listener stays ready: a loop that
 * went on would spin, and one that exited would drop all connections. Here accepting pauses:
 * connections stay pending in the kernel's backlog, and accepting is tried again when a connection
 * of ours ends, and every 100 ms, since descriptors may become free elsewhere, too.
 */
#include "engine/accept.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "engine/core.h"
#include "net/call.h"
#include "net/socket.h"

#define RETRY_NS (100 * CLOCK_NS_PER_MS)
#define LONG_ACCEPT_NS (100 * CLOCK_NS_PER_US)

void accept_init(struct accept *accept)
{
	*accept = (struct accept){ .retry_ns = CLOCK_NEVER };
}

void accept_fini(struct accept *accept)
{
	for (unsigned i = 0; i < accept->count; i++)
		accept_close(accept, i);
	free(accept->listeners);
	accept_init(accept);
}

int accept_add(struct accept *accept, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct accept_listener *longer = realloc(
		accept->listeners, (accept->count + 1) * sizeof(*longer));

	if (longer == NULL) {
		call_close(fd);
		return -ENOMEM;
	}
	socket_limit_accept(fd);
	accept->listeners = longer;
	longer[accept->count++] = (struct accept_listener){
		.fd = fd, .scheme = scheme, .tag = tag
	};
	accept->open_count++;
	return 0;
}

void accept_close(struct accept *accept, unsigned which)
{
	struct accept_listener *listener = &accept->listeners[which];

	if (listener->fd < 0)
		return;
	call_close(listener->fd);
	listener->fd = -1;
	accept->open_count--;
}

void accept_pause(struct engine *engine, int error)
{
	struct accept *accept = &engine->accept;

	accept->paused = true;
	accept->retry_ns = engine->now_ns;
	/* A connection needs a descriptor more than a pipe does. */
	if (!bulk_pipe_pool_trim(&engine->pipes))
		accept->retry_ns += RETRY_NS;
	if (!accept->pause_reported && engine->host->accept_paused != NULL)
		engine->host->accept_paused(engine->context, error);
	accept->pause_reported = true;
}

void accept_resume(struct accept *accept)
{
	accept->paused = false;
	accept->retry_ns = CLOCK_NEVER;
}

void accept_retry_soon(struct engine *engine)
{
	if (engine->accept.paused)
		engine->accept.retry_ns = engine->now_ns;
}

static void report_resumed(struct engine *engine)
{
	if (!engine->accept.pause_reported)
		return;
	engine->accept.pause_reported = false;
	if (engine->host->accept_resumed != NULL)
		engine->host->accept_resumed(engine->context);
}

/* Another process that shares the socket has shut it down: it stays ready, and every call fails. */
static bool is_shut_down(const struct accept_listener *listener, int error)
{
	return error == -EINVAL ||
		(error == -EAGAIN && listener->scheme == ADDR_UNIX &&
			socket_is_shut_down(listener->fd));
}

static bool is_lost(struct engine *engine, unsigned which, int error)
{
	struct accept_listener *listener = &engine->accept.listeners[which];

	if (!is_shut_down(listener, error))
		return false;
	if (!listener->lost && engine->host->listener_lost != NULL)
		engine->host->listener_lost(engine->context, listener->tag);
	listener->lost = true;
	return true;
}

/*
 * accept(2) takes a descriptor before it checks the backlog: its error does not mean that one is
 * pending.
 */
static bool has_pending(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	return poll(&polled, 1, 0) != 0;
}

/* Asks the host; a refused connection is reset. */
static bool is_admitted(struct engine *engine, int fd, const struct accept_listener *listener)
{
	if (engine->host->admit == NULL ||
		engine->host->admit(engine->context, fd, listener->scheme, listener->tag))
		return true;
	socket_set_reset_on_close(fd);
	call_close(fd);
	return false;
}

/* Returns the descriptor, or closes it and returns -errno. */
static int tune(int fd)
{
	int r = socket_tune_stream(fd, ADDR_UNIX);

	if (r == 0)
		return fd;
	call_close(fd);
	return r;
}

/*
 * A non-blocking accept(2) takes some microseconds. One that took longer may have waited, because
 * another process has made the listener blocking: only then is it worth the call that checks.
 */
static int accept_one(struct engine *engine, const struct accept_listener *listener)
{
	uint64_t before_ns = clock_now_ns();
	int r = call_accept(listener->fd, NULL, NULL, SOCK_NONBLOCK);

	if (clock_now_ns() - before_ns >= LONG_ACCEPT_NS && socket_mend_blocking(listener->fd) &&
		engine->host->accept_mended != NULL)
		engine->host->accept_mended(
			engine->context, listener->fd, listener->scheme, listener->tag);
	return r;
}

static bool is_short(int result)
{
	return result < 0 && call_judge(result) == CALL_SHORT;
}

bool accept_some(struct engine *engine, unsigned which, unsigned most)
{
	struct accept_listener listener = engine->accept.listeners[which];

	for (unsigned i = 0; i < most; i++) {
		int r = accept_one(engine, &listener);

		/* Only in the first turn: connections that waited before the shutdown are still accepted. */
		if (i == 0 && r < 0 && is_lost(engine, which, r))
			return true;
		if (r == -EAGAIN || r == -EINVAL || (is_short(r) && !has_pending(listener.fd)))
			return true;
		if (r >= 0 && !is_admitted(engine, r, &listener))
			continue;
		if (r >= 0 && listener.scheme == ADDR_UNIX)
			r = tune(r); /* TCP inherits it from the listener */
		if (r >= 0)
			r = engine->ops->adopt(engine, r, listener.scheme, listener.tag);
		if (is_short(r)) {
			accept_pause(engine, r);
			return false;
		}
		/*
		 * Any other error concerns that one connection only (accept(2), "Error handling").
		 */
		if (r >= 0)
			report_resumed(engine);
	}
	return true;
}
