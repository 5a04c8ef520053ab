/*
 * Listeners. A poll completes when a connection is pending on any of them, and we call accept(2)
 * ourselves: a requested accept goes by the limit of descriptors of the time when it was submitted.
 * The poll is of a lookout (lookout.h), so that the ring holds on to no listener.
 */
#include <poll.h>

#include "engine/lookout.h"
#include "engine/uring/uring_accept.h"

int uring_accept_add(struct uring_engine *engine, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct accept *accept = &engine->core.accept;
	int r = accept_add(accept, fd, scheme, tag);

	if (r < 0)
		return r;
	r = lookout_add(engine->pending_fd, fd);
	if (r < 0)
		accept_close(accept, accept->count - 1);
	return r;
}

static void close_one(struct uring_engine *engine, unsigned which)
{
	struct accept *accept = &engine->core.accept;

	lookout_remove(engine->pending_fd, accept->listeners[which].fd);
	accept_close(accept, which);
}

/*
 * Closing a listener resets its pending connections: so it stays open until there is a descriptor
 * for them.
 */
static void close_all(struct uring_engine *engine)
{
	struct accept *accept = &engine->core.accept;

	for (unsigned i = 0; i < accept->count; i++) {
		if (accept->listeners[i].fd < 0 ||
			(!engine->cutting && !accept_some(&engine->core, i, ACCEPT_ALL_PENDING)))
			continue;
		close_one(engine, i);
	}
	if (accept->open_count == 0)
		accept_resume(accept);
}

void uring_accept_pending(struct uring_engine *engine)
{
	struct accept *accept = &engine->core.accept;

	engine->pending_ordered = false;
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
		close_all(
			engine); /* a connection waited for a descriptor, and there may be one now */
		return;
	}
	sqe = engine->pending_ordered ? NULL : uring_core_place(engine);
	if (sqe == NULL)
		return;
	io_uring_prep_poll_add(sqe, engine->pending_fd, POLLIN);
	uring_core_order(engine, sqe, uring_core_token(URING_CORE_PENDING, 0));
	engine->pending_ordered = true;
}
