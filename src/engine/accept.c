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
#include "engine/drive.h"
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

/* ---- prefaces ---- */

/*
 * Peeking does not show the end of a stream behind bytes that are still there; poll(2) does. The tag and the time
 * limit wait in the protocol's memory, which is not in use yet.
 */
enum { WORD_TAG, WORD_LIMIT };

bool accept_preface_begin(struct engine *engine, struct conn *conn, unsigned tag)
{
	struct engine_conn view = conn_view(conn);
	uint64_t limit_ns;

	if (engine->host->preface_limit == NULL)
		return false;
	limit_ns = engine->host->preface_limit(engine->context, &view, tag);
	if (limit_ns == 0)
		return false;
	conn->flags |= CONN_PREFACE;
	conn->protocol.word[WORD_TAG] = tag;
	conn->protocol.word[WORD_LIMIT] = limit_ns;
	timer_set(&engine->timers, &conn->timer, limit_ns);
	return true;
}

/* From here on the protocol's memory is the protocol's, and empty. */
static void leave(struct engine *engine, struct conn *conn)
{
	conn_clear(conn, CONN_PREFACE);
	conn->protocol = (struct protocol_conn){ 0 };
	timer_clear(&engine->timers, &conn->timer);
}

static bool has_ended(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLRDHUP };

	return poll(&polled, 1, 0) > 0 && polled.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

/* What is there: its length, or -errno where the connection cannot go on now, or is lost. */
static ssize_t look(struct conn *conn, unsigned char *bytes, enum engine_preface_state *ret_state)
{
	ssize_t n = call_recv(conn->fd, bytes, ENGINE_PREFACE_MOST_BYTES, MSG_PEEK | MSG_DONTWAIT);

	*ret_state = ENGINE_PREFACE_GROWS;
	if (n == 0 || (n > 0 && has_ended(conn->fd)))
		*ret_state = ENGINE_PREFACE_ENDED;
	else if (n < 0 && call_judge((int)n) == CALL_NOT_NOW)
		n = 0;
	return n;
}

/* Receives the preface, which has been peeked. False: the connection is lost. */
static bool take(struct conn *conn, unsigned char *bytes, size_t length)
{
	size_t taken = 0;

	/* In pieces where an urgent mark or a passed descriptor is in between. */
	while (taken < length && conn->error == 0) {
		ssize_t n = call_recv(conn->fd, bytes + taken, length - taken, MSG_DONTWAIT);

		if (n > 0)
			taken += (size_t)n;
		else if (n == 0)
			conn_lose(conn, -ECONNRESET);
		else if (call_judge((int)n) != CALL_AGAIN)
			conn_lose(conn, (int)n);
	}
	return conn->error == 0;
}

enum accept_preface_outcome accept_preface_advance(
	struct engine *engine, struct conn *conn, struct protocol_answer *ret_answer)
{
	unsigned char bytes[ENGINE_PREFACE_MOST_BYTES];
	unsigned tag = (unsigned)conn->protocol.word[WORD_TAG];
	struct engine_conn view = conn_view(conn);
	struct engine_preface preface = { .bytes = bytes };
	size_t length = 0;
	ssize_t n;

	if (conn_must_end(conn))
		return ACCEPT_PREFACE_ENDS;
	n = look(conn, bytes, &preface.state);
	if (n < 0) {
		switch (call_judge((int)n)) {
		case CALL_SHORT:
		case CALL_AGAIN: return ACCEPT_PREFACE_SHORT;
		case CALL_NOT_NOW:
		case CALL_FATAL: break;
		}
		conn_lose(conn, (int)n);
		return ACCEPT_PREFACE_ENDS;
	}
	preface.length = (size_t)n;
	if (preface.state == ENGINE_PREFACE_GROWS &&
		engine->now_ns >= conn->protocol.word[WORD_LIMIT])
		preface.state = ENGINE_PREFACE_LATE;
	switch (engine->host->preface(engine->context, &view, tag, &preface, &length)) {
	case ENGINE_PREFACE_MORE:
		if (preface.state == ENGINE_PREFACE_GROWS)
			return ACCEPT_PREFACE_WAITS;
		break;
	case ENGINE_PREFACE_REFUSED: break;
	case ENGINE_PREFACE_WHOLE:
		if (!take(conn, bytes, length))
			return ACCEPT_PREFACE_ENDS;
		leave(engine, conn);
		drive_open(engine, conn, tag, ret_answer);
		return ACCEPT_PREFACE_OPEN;
	}
	conn->flags |= CONN_CUT | CONN_RESET;
	return ACCEPT_PREFACE_ENDS;
}
