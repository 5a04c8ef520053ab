/*
 * Accepting, and not accepting. When descriptors or memory run out, accept(2) fails while the
 * listener stays readable: a loop that goes on would spin, one that exits would drop everybody. Here
 * the listeners are taken out of epoll; who knocks waits in the kernel's backlog; and accepting is tried
 * again when a connection of ours ends, and every 100 ms, since others may free descriptors too.
 */
#include "engine/epoll_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "net/call.h"
#include "net/socket.h"

/* So many a round: a storm of connects must not keep the connected ones waiting. */
#define ACCEPTS_A_ROUND 64
/* At the end: the longest backlog that can be asked for, and the one more that Linux lets wait. */
#define LAST_CALL_ACCEPTS ((1u << 20) + 1)
#define RETRY_NS (100 * CLOCK_NS_PER_MS)

static int watch(struct epoll_engine *engine, unsigned which)
{
	/*
	 * Exclusive: a unix listener is shared by all threads, and one connect should wake one of
	 * them. Level-triggered: what a round leaves is told again.
	 */
	return epoll_engine_watch(engine, EPOLL_CTL_ADD, engine->listeners[which].fd,
		EPOLLIN | EPOLLEXCLUSIVE, epoll_engine_token(EPOLL_KIND_LISTENER, which));
}

static void unwatch(struct epoll_engine *engine, unsigned which)
{
	epoll_engine_watch(engine, EPOLL_CTL_DEL, engine->listeners[which].fd, 0, 0);
}

int epoll_accept_add(struct epoll_engine *engine, int fd, enum addr_scheme scheme)
{
	struct epoll_listener *longer = realloc(
		engine->listeners, (engine->listener_count + 1) * sizeof(*longer));
	int r = -ENOMEM;

	if (longer == NULL)
		goto fail;
	engine->listeners = longer;
	longer[engine->listener_count] = (struct epoll_listener){ .fd = fd, .scheme = scheme };
	r = watch(engine, engine->listener_count);
	if (r < 0)
		goto fail;
	engine->listener_count++;
	return 0;

fail:
	call_close(fd);
	return r;
}

static void pause_accepting(struct epoll_engine *engine, int error)
{
	struct engine *core = &engine->core;

	if (!engine->accept_paused) {
		for (unsigned i = 0; i < engine->listener_count; i++)
			unwatch(engine, i);
		engine->accept_paused = true;
	}
	engine->accept_retry_ns = core->now_ns + RETRY_NS;
	if (!engine->accept_pause_told && core->host->accept_paused != NULL)
		core->host->accept_paused(core->context, error);
	engine->accept_pause_told = true;
}

/* Errors of accept(2) that are about this machine, not about the connection. */
static bool is_shortage(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

/* Accepts up to `most`. False when there is a shortage; accepting is then paused. */
static bool accept_some(struct epoll_engine *engine, unsigned which, unsigned most)
{
	const struct epoll_listener *listener = &engine->listeners[which];
	struct engine *core = &engine->core;

	for (unsigned i = 0; i < most; i++) {
		int fd = call_accept(listener->fd, NULL, NULL, SOCK_NONBLOCK);
		int r = fd;

		if (fd >= 0 && listener->scheme == ADDR_UNIX)
			socket_tune_stream(fd, ADDR_UNIX); /* TCP inherits it from the listener */
		if (fd >= 0)
			r = epoll_stream_open(engine, fd, listener->scheme);
		if (r == -EAGAIN)
			return true;
		if (is_shortage(r) || r == -ENOSPC) { /* ENOSPC: epoll's own limit of watches */
			pause_accepting(engine, r);
			return false;
		}
		/* Anything else is the fate of that one connection (accept(2), "Error handling"). */
		if (r >= 0 && engine->accept_pause_told) {
			engine->accept_pause_told = false;
			if (core->host->accept_resumed != NULL)
				core->host->accept_resumed(core->context);
		}
	}
	return true;
}

void epoll_accept_ready(struct epoll_engine *engine, unsigned which)
{
	if (which < engine->listener_count && !engine->accept_paused)
		accept_some(engine, which, ACCEPTS_A_ROUND);
}

void epoll_accept_resume(struct epoll_engine *engine)
{
	if (!engine->accept_paused)
		return;
	if (engine->core.draining) {
		epoll_accept_close_all(engine, true);
		return;
	}
	engine->accept_paused = false;
	engine->accept_retry_ns = CLOCK_NEVER;
	for (unsigned i = 0; i < engine->listener_count; i++) {
		/* Not even a watch can be had: the other listeners wait with this one. */
		if (watch(engine, i) < 0) {
			pause_accepting(engine, -ENOMEM);
			return;
		}
	}
}

/*
 * Whoever the kernel has already connected would get a RST when the listener goes. So a listener that
 * has somebody waiting, and no descriptor for them, stays until there is one.
 */
void epoll_accept_close_all(struct epoll_engine *engine, bool last_call)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < engine->listener_count; i++) {
		struct epoll_listener listener = engine->listeners[i];

		if (last_call && !accept_some(engine, i, LAST_CALL_ACCEPTS)) {
			engine->listeners[kept++] = listener; /* paused: epoll does not know it */
			continue;
		}
		/* Out of epoll by hand: a duplicate of the descriptor may keep the socket alive. */
		if (!engine->accept_paused)
			unwatch(engine, i);
		call_close(listener.fd);
	}
	engine->listener_count = kept;
	engine->core.listening = kept > 0;
	if (kept == 0) {
		engine->accept_paused = false;
		engine->accept_retry_ns = CLOCK_NEVER;
	}
}
