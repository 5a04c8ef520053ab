/*
 * Tokens and epoll_ctl(2).
 */
#include "engine/epoll/epoll_core.h"

#include <errno.h>
#include <sys/epoll.h>

uint64_t epoll_core_token(enum epoll_core_kind kind, uint64_t which)
{
	return (uint64_t)kind << CONN_TOKEN_KIND_SHIFT | which;
}

int epoll_core_watch(
	struct epoll_engine *engine, int operation, int fd, uint32_t events, uint64_t token)
{
	struct epoll_event event = { .events = events, .data.u64 = token };

	return epoll_ctl(engine->epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

uint32_t epoll_core_conn_events(void)
{
	return EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
}

void epoll_core_note_full(struct epoll_engine *engine, struct conn *conn)
{
	conn_clear(conn, CONN_WRITABLE);
	if (conn->flags & CONN_WRITE_WATCHED)
		return;

	/* EPOLL_CTL_MOD checks the state again, so an edge that has just passed is not missed. */
	int r = epoll_core_watch(engine, EPOLL_CTL_MOD, conn->fd,
		epoll_core_conn_events() | EPOLLOUT,
		epoll_core_token(EPOLL_CORE_STREAM, conn_token(conn)));

	if (r < 0)
		conn_lose(conn, r);
	conn->flags |= CONN_WRITE_WATCHED;
}
