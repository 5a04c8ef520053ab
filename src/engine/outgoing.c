/*
 * Every engine calls connect(2) itself: it never waits, and a connecting TCP socket is one that is
 * not yet writable. Two facts of Linux shape the rest. If the backlog of a unix stream's server is
 * full, connect(2) fails with EAGAIN and the socket stays as it was: it is called again a little
 * later, in the order of the first calls. And a socket that connects to a free port of its own
 * ephemeral range can meet itself (socket_met_itself) and would echo perfectly: that counts as
 * refused.
 */
#include "engine/outgoing.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/call.h"
#include "net/socket.h"

#define BACKLOG_RETRY_NS (1 * CLOCK_NS_PER_MS)

/* A connection that waits for a place in its server's backlog. */
struct outgoing {
	struct outgoing *next;
	uint64_t name;
	struct addr to;
};

static int wait_for_backlog(struct engine *engine, const struct conn *conn, const struct addr *to)
{
	struct outgoing *waiting = malloc(sizeof(*waiting));

	if (waiting == NULL)
		return -ENOMEM;
	*waiting = (struct outgoing){ .name = conn_token(conn), .to = *to };
	*engine->outgoing_last = waiting;
	engine->outgoing_last = &waiting->next;
	if (engine->outgoing_retry_ns == CLOCK_NEVER)
		engine->outgoing_retry_ns = clock_now_ns() + BACKLOG_RETRY_NS;
	return 0;
}

/* Calls connect(2) and notes the result. True if it has to be called again. */
static bool try_to_connect(struct conn *conn, const struct addr *to)
{
	int r = call_connect(conn->fd, &to->generic, to->length);

	if (r == -EAGAIN && to->scheme == ADDR_UNIX)
		return true;
	if (r == 0)
		conn->flags |= CONN_WRITABLE;
	else if (r != -EINPROGRESS && r != -EINTR) /* both: it goes on connecting */
		conn_lose(conn, r);
	return false;
}

static int cut_into(int fd, int segment_bytes)
{
	if (segment_bytes == 0)
		return 0;
	return call_setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment_bytes, sizeof(segment_bytes));
}

int outgoing_begin(
	struct engine *engine, const struct engine_connect_options *options, struct conn **ret_conn)
{
	const struct addr *to = options->to;
	struct conn *conn;
	int fd;
	int r = socket_open_client(to, options->from, &fd, NULL);

	if (r < 0)
		return r;
	r = cut_into(fd, options->segment_bytes);
	if (r < 0) {
		call_close(fd);
		return r;
	}
	r = conn_acquire(&engine->conns, fd, to->scheme, &conn);
	if (r < 0) {
		call_close(fd);
		return r;
	}
	conn->flags |= CONN_CONNECTING;
	if (addr_socket_type(to->scheme) == SOCK_DGRAM)
		conn->flags |= CONN_FLOW;
	conn->protocol = options->memory;
	if (options->deadline_ns != 0)
		timer_set(&engine->timers, &conn->timer, options->deadline_ns);
	if (try_to_connect(conn, to)) {
		r = wait_for_backlog(engine, conn, to);
		if (r < 0)
			conn_lose(conn, r);
	}
	*ret_conn = conn;
	return 0;
}

bool outgoing_waits_for_backlog(const struct conn *conn)
{
	/* Any other scheme is either connected at once, or on its way. */
	return conn->scheme == ADDR_UNIX && conn->error == 0 && !(conn->flags & CONN_WRITABLE);
}

static void take_first(struct engine *engine)
{
	struct outgoing *first = engine->outgoing_first;

	engine->outgoing_first = first->next;
	if (engine->outgoing_first == NULL)
		engine->outgoing_last = &engine->outgoing_first;
	free(first);
}

void outgoing_connect_again(struct engine *engine)
{
	while (engine->outgoing_first != NULL) {
		struct conn *conn = conn_from_token(&engine->conns, engine->outgoing_first->name);

		/* Without a connection: it was cut meanwhile. */
		if (conn != NULL && conn->error == 0) {
			if (try_to_connect(conn, &engine->outgoing_first->to)) {
				engine->outgoing_retry_ns = clock_now_ns() + BACKLOG_RETRY_NS;
				return;
			}
			engine->ops->connect(engine, conn);
		}
		take_first(engine);
	}
	engine->outgoing_retry_ns = CLOCK_NEVER;
}

int outgoing_finish(struct engine *engine, struct conn *conn)
{
	if (conn->error == 0 && addr_is_tcp(conn->scheme))
		conn_lose(conn, socket_take_error(conn->fd));
	if (conn->error == 0 && socket_met_itself(conn->fd, conn->scheme))
		conn_lose(conn, -ECONNREFUSED);
	if (conn->error == 0 && engine->host->connected != NULL && !(conn->flags & CONN_FLOW)) {
		struct engine_conn view = conn_view(conn);

		conn_lose(conn, engine->host->connected(engine->context, &view));
	}
	return conn->error;
}

void outgoing_fini(struct engine *engine)
{
	while (engine->outgoing_first != NULL)
		take_first(engine);
}
