/*
 * Accepting, and not accepting. The kernel is asked to say that somebody knocks, and accepting is a call of
 * our own: an accept that is ordered goes by the limit of descriptors of the time when it was ordered.
 * When descriptors or memory run out, accepting pauses: who knocks waits in the kernel's backlog, and it
 * is tried again when a connection of ours ends, and every 100 ms, since others may free some too.
 *
 * A listener is closed when the kernel has let go of it, and not before the last who knocked has been
 * accepted: the others would get a RST.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "engine/uring_engine.h"
#include "net/call.h"
#include "net/socket.h"

#define RETRY_NS (100 * CLOCK_NS_PER_MS)
/* So many a round: a storm of connects must not keep the connected ones waiting. */
#define ACCEPTS_A_ROUND 64
/* At the end: the longest backlog that can be asked for, and the one more that Linux lets wait. */
#define LAST_CALL_MOST ((1 << 20) + 1)

int uring_accept_add(struct uring_engine *engine, int fd, enum addr_scheme scheme)
{
	struct uring_listener *longer = realloc(
		engine->listeners, (engine->listener_count + 1) * sizeof(*longer));

	if (longer == NULL) {
		call_close(fd);
		return -ENOMEM;
	}
	engine->listeners = longer;
	longer[engine->listener_count++] = (struct uring_listener){ .fd = fd, .scheme = scheme };
	engine->open_listener_count++;
	return 0;
}

static void order(struct uring_engine *engine, unsigned which)
{
	struct uring_listener *listener = &engine->listeners[which];
	struct io_uring_sqe *sqe = uring_engine_place(engine);

	if (sqe == NULL)
		return;
	io_uring_prep_poll_add(sqe, listener->fd, POLLIN);
	uring_engine_order(engine, sqe, uring_engine_token(URING_KIND_KNOCK, which));
	listener->ordered = true;
}

static void call_off(struct uring_engine *engine, unsigned which)
{
	struct uring_listener *listener = &engine->listeners[which];
	struct io_uring_sqe *sqe = uring_engine_place(engine);

	if (sqe == NULL)
		return; /* again in the next round */
	io_uring_prep_cancel_fd(sqe, listener->fd, IORING_ASYNC_CANCEL_ALL);
	uring_engine_order(engine, sqe, uring_engine_token(URING_KIND_CANCEL, 0));
}

static void pause_accepting(struct uring_engine *engine, int error)
{
	struct engine *core = &engine->core;

	engine->accept_paused = true;
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

/* What accept(2) gave: a new connection, or -errno, which is returned. */
static int welcome(struct uring_engine *engine, struct uring_listener *listener, int fd)
{
	struct engine *core = &engine->core;
	int r = fd;

	if (fd >= 0 && engine->cutting) {
		call_close(fd);
		return 0;
	}
	if (fd >= 0 && listener->scheme == ADDR_UNIX)
		socket_tune_stream(fd, ADDR_UNIX); /* TCP inherits it from the listener */
	if (fd >= 0)
		r = uring_stream_open(engine, fd, listener->scheme);
	if (r >= 0 && engine->accept_pause_told) {
		engine->accept_pause_told = false;
		if (core->host->accept_resumed != NULL)
			core->host->accept_resumed(core->context);
	}
	return r;
}

/* Whoever the kernel has already connected. False when there is no descriptor for them. */
static bool last_call(struct uring_engine *engine, struct uring_listener *listener)
{
	for (int i = 0; i < LAST_CALL_MOST && !engine->cutting; i++) {
		int fd = call_accept(listener->fd, NULL, NULL, SOCK_NONBLOCK);

		if (fd == -EAGAIN)
			return true;
		fd = welcome(engine, listener, fd);
		if (is_shortage(fd)) {
			pause_accepting(engine, fd);
			return false;
		}
	}
	return true;
}

static void close_listener(struct uring_engine *engine, struct uring_listener *listener)
{
	call_close(listener->fd);
	listener->fd = -1;
	engine->open_listener_count--;
}

void uring_accept_knocked(struct uring_engine *engine, unsigned which)
{
	struct uring_listener *listener = &engine->listeners[which];

	listener->ordered = false;
	for (int i = 0; i < ACCEPTS_A_ROUND && !listener->closing && !engine->cutting; i++) {
		int fd = call_accept(listener->fd, NULL, NULL, SOCK_NONBLOCK);

		if (fd == -EAGAIN)
			return;
		/* Others are the fate of that one connection (accept(2), "Error handling"). */
		fd = welcome(engine, listener, fd);
		if (is_shortage(fd)) {
			pause_accepting(engine, fd);
			return;
		}
	}
}

void uring_accept_resume(struct uring_engine *engine)
{
	engine->accept_paused = false;
	engine->accept_retry_ns = CLOCK_NEVER;
}

void uring_accept_stop(struct uring_engine *engine)
{
	for (unsigned i = 0; i < engine->listener_count; i++) {
		struct uring_listener *listener = &engine->listeners[i];

		if (listener->fd < 0)
			continue;
		listener->closing = true;
	}
	uring_accept_resume(engine); /* the next round calls, and closes */
}

void uring_accept_round(struct uring_engine *engine)
{
	for (unsigned i = 0; i < engine->listener_count; i++) {
		struct uring_listener *listener = &engine->listeners[i];

		if (listener->fd < 0)
			continue;
		if (listener->closing && listener->ordered) {
			call_off(engine, i);
		} else if (listener->closing) {
			/* Somebody waits, and there is no descriptor for them: it stays until there is. */
			if (engine->cutting ||
				(!engine->accept_paused && last_call(engine, listener)))
				close_listener(engine, listener);
		} else if (!listener->ordered && !engine->accept_paused) {
			order(engine, i);
		}
	}
}

void uring_accept_close_all(struct uring_engine *engine)
{
	for (unsigned i = 0; i < engine->listener_count; i++) {
		if (engine->listeners[i].fd >= 0)
			close_listener(engine, &engine->listeners[i]);
	}
	free(engine->listeners);
	engine->listeners = NULL;
	engine->listener_count = 0;
}
