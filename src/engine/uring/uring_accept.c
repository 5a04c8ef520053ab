/*
 * Listeners. The kernel is asked to say that somebody knocks, at any of them, and accepting is a call of
 * our own: an accept that is ordered goes by the limit of descriptors of the time when it was ordered.
 * What is asked is a lookout (lookout.h), so that the ring holds on to no listener.
 */
#include <poll.h>

#include "engine/lookout.h"
#include "engine/uring/uring_engine.h"

int uring_accept_add(struct uring_engine *engine, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct accept *accept = &engine->core.accept;
	int r = accept_add(accept, fd, scheme, tag);

	if (r < 0)
		return r;
	r = lookout_add(engine->knock_fd, fd);
	if (r < 0)
		accept_close(accept, accept->count - 1);
	return r;
}

static void close_one(struct uring_engine *engine, unsigned which)
{
	struct accept *accept = &engine->core.accept;

	lookout_remove(engine->knock_fd, accept->listeners[which].fd);
	accept_close(accept, which);
}

/* Whoever the kernel has already connected would get a RST when the listener goes: so it stays for them. */
static void close_all(struct uring_engine *engine)
{
	struct accept *accept = &engine->core.accept;

	for (unsigned i = 0; i < accept->count; i++) {
		if (accept->listeners[i].fd < 0 ||
			(!engine->cutting && !accept_some(&engine->core, i, ACCEPT_LAST_CALL)))
			continue;
		close_one(engine, i);
	}
	if (accept->open_count == 0)
		accept_resume(accept);
}

void uring_accept_knocked(struct uring_engine *engine)
{
	struct accept *accept = &engine->core.accept;

	engine->knock_ordered = false;
	for (unsigned i = 0; i < accept->count && !accept->paused; i++) {
		if (accept->listeners[i].fd < 0)
			continue;
		accept_some(&engine->core, i, ACCEPT_A_ROUND);
		if (accept->listeners[i].lost)
			close_one(engine, i);
	}
}

void uring_accept_stop(struct uring_engine *engine)
{
	close_all(engine);
}

void uring_accept_round(struct uring_engine *engine)
{
	struct accept *accept = &engine->core.accept;
	struct io_uring_sqe *sqe;

	if (accept->retry_ns <= engine->core.now_ns)
		accept_resume(accept);
	if (accept->open_count == 0 || accept->paused)
		return;
	if (engine->core.draining) {
		close_all(engine); /* somebody waited for a descriptor, and there may be one now */
		return;
	}
	sqe = engine->knock_ordered ? NULL : uring_engine_place(engine);
	if (sqe == NULL)
		return;
	io_uring_prep_poll_add(sqe, engine->knock_fd, POLLIN);
	uring_engine_order(engine, sqe, uring_engine_token(URING_KIND_KNOCK, 0));
	engine->knock_ordered = true;
}
