/*
 * Listeners in epoll. While accepting is paused (accept.c) they are taken out of it: one whose
 * backlog is not empty would wake the loop at once, again and again.
 */
#include "engine/epoll/epoll_accept.h"

#include <sys/epoll.h>

static int watch(struct epoll_engine *engine, unsigned which)
{
	/*
	 * Exclusive: a unix listener is shared by all threads, and one connect should wake one of
	 * them. Level-triggered: what a round leaves is reported again.
	 */
	return epoll_core_watch(engine, EPOLL_CTL_ADD, engine->core.accept.listeners[which].fd,
		EPOLLIN | EPOLLEXCLUSIVE, epoll_core_token(EPOLL_CORE_LISTENER, which));
}

static void unwatch(struct epoll_engine *engine, unsigned which)
{
	int fd = engine->core.accept.listeners[which].fd;

	if (fd >= 0)
		epoll_core_watch(engine, EPOLL_CTL_DEL, fd, 0, 0);
}

static void unwatch_all(struct epoll_engine *engine)
{
	for (unsigned i = 0; i < engine->core.accept.count; i++)
		unwatch(engine, i);
}

static void watch_all(struct epoll_engine *engine)
{
	struct accept *accept = &engine->core.accept;

	for (unsigned i = 0; i < accept->count; i++) {
		int r = accept->listeners[i].fd >= 0 ? watch(engine, i) : 0;

		/* epoll takes no more watches: the other listeners wait with this one. */
		if (r < 0) {
			unwatch_all(engine);
			accept_pause(&engine->core, r);
			return;
		}
	}
}

int epoll_accept_add(struct epoll_engine *engine, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct accept *accept = &engine->core.accept;
	int r = accept_add(accept, fd, scheme, tag);

	if (r < 0)
		return r;
	r = watch(engine, accept->count - 1);
	if (r < 0)
		accept_close(accept, accept->count - 1);
	return r;
}

static bool try_to_accept(struct epoll_engine *engine, unsigned which, unsigned most)
{
	bool was_paused = engine->core.accept.paused, all = accept_some(&engine->core, which, most);

	if (!all && !was_paused)
		unwatch_all(engine);
	if (engine->core.accept.listeners[which].lost) {
		unwatch(engine, which);
		accept_close(&engine->core.accept, which);
	}
	return all;
}

void epoll_accept_ready(struct epoll_engine *engine, unsigned which)
{
	const struct accept *accept = &engine->core.accept;

	if (which < accept->count && accept->listeners[which].fd >= 0 && !accept->paused)
		try_to_accept(engine, which, ACCEPT_A_ROUND);
}

void epoll_accept_resume(struct epoll_engine *engine)
{
	struct accept *accept = &engine->core.accept;

	if (!accept->paused)
		return;
	if (engine->core.draining) {
		epoll_accept_close_all(engine, true);
		return;
	}
	accept_resume(accept);
	watch_all(engine);
}

/* EPOLL_CTL_ADD checks a listener at once; EPOLLEXCLUSIVE allows no EPOLL_CTL_MOD. */
void epoll_accept_recheck(struct epoll_engine *engine)
{
	if (engine->core.accept.paused)
		return;
	unwatch_all(engine);
	watch_all(engine);
}

/*
 * Closing a listener resets the connections that are pending in its backlog. So a listener with a
 * pending connection, and no descriptor for it, stays until there is one.
 */
void epoll_accept_close_all(struct epoll_engine *engine, bool accept_pending)
{
	struct accept *accept = &engine->core.accept;

	for (unsigned i = 0; i < accept->count; i++) {
		if (accept->listeners[i].fd < 0 ||
			(accept_pending && !try_to_accept(engine, i, ACCEPT_ALL_PENDING)))
			continue;
		/* Out of epoll by hand: a duplicate of the descriptor may keep the socket alive. */
		unwatch(engine, i);
		accept_close(accept, i);
	}
	if (accept->open_count == 0)
		accept_resume(accept);
}
