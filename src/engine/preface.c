/*
 * Peeking does not show the end of a stream behind bytes that are still there; poll(2) does. The tag and the time
 * limit wait in the protocol's memory, which is not in use yet.
 */
#include "engine/preface.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "engine/drive.h"
#include "net/call.h"

enum { WORD_TAG, WORD_LIMIT };

bool preface_begin(struct engine *engine, struct conn *conn, unsigned tag)
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

enum preface_outcome preface_advance(
	struct engine *engine, struct conn *conn, struct protocol_answer *ret_answer)
{
	unsigned char bytes[ENGINE_PREFACE_MOST_BYTES];
	unsigned tag = (unsigned)conn->protocol.word[WORD_TAG];
	struct engine_conn view = conn_view(conn);
	struct engine_preface preface = { .bytes = bytes };
	size_t length = 0;
	ssize_t n;

	if (conn_must_end(conn))
		return PREFACE_ENDS;
	n = look(conn, bytes, &preface.state);
	if (n < 0) {
		switch (call_judge((int)n)) {
		case CALL_SHORT:
		case CALL_AGAIN: return PREFACE_SHORT;
		case CALL_NOT_NOW:
		case CALL_FATAL: break;
		}
		conn_lose(conn, (int)n);
		return PREFACE_ENDS;
	}
	preface.length = (size_t)n;
	if (preface.state == ENGINE_PREFACE_GROWS &&
		engine->now_ns >= conn->protocol.word[WORD_LIMIT])
		preface.state = ENGINE_PREFACE_LATE;
	switch (engine->host->preface(engine->context, &view, tag, &preface, &length)) {
	case ENGINE_PREFACE_MORE:
		if (preface.state == ENGINE_PREFACE_GROWS)
			return PREFACE_WAITS;
		break;
	case ENGINE_PREFACE_REFUSED: break;
	case ENGINE_PREFACE_WHOLE:
		if (!take(conn, bytes, length))
			return PREFACE_ENDS;
		leave(engine, conn);
		drive_open(engine, conn, tag, ret_answer);
		return PREFACE_OPEN;
	}
	conn->flags |= CONN_CUT | CONN_RESET;
	return PREFACE_ENDS;
}
