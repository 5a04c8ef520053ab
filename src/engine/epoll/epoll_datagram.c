/*
 * Datagram sockets, level-triggered: what a turn leaves is reported again. While an answer waits,
 * the socket is watched for being writable instead of readable.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "engine/datagram.h"
#include "engine/epoll/epoll_datagram.h"
#include "net/call.h"

static uint64_t token_of(unsigned which)
{
	return epoll_core_token(EPOLL_CORE_DATAGRAM, which);
}

int epoll_datagram_add(struct epoll_engine *engine, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct datagram **longer = realloc(
		engine->datagrams, (engine->datagram_count + 1) * sizeof(struct datagram *));
	struct datagram *datagram;
	int r;

	if (longer == NULL) {
		call_close(fd);
		return -ENOMEM;
	}
	engine->datagrams = longer;
	r = datagram_open(&engine->core, fd, scheme, tag, &datagram);
	if (r < 0)
		return r;
	r = epoll_core_watch(engine, EPOLL_CTL_ADD, fd, EPOLLIN, token_of(engine->datagram_count));
	if (r < 0) {
		datagram_close(datagram);
		return r;
	}
	longer[engine->datagram_count++] = datagram;
	return 0;
}

void epoll_datagram_ready(struct epoll_engine *engine, unsigned which)
{
	if (which >= engine->datagram_count)
		return;
	struct datagram *datagram = engine->datagrams[which];
	bool waited = datagram->waiting != NULL;

	datagram_echo_some(&engine->core, datagram);
	if (datagram->lost)
		epoll_core_watch(engine, EPOLL_CTL_DEL, datagram->fd, 0, 0);
	else if ((datagram->waiting != NULL) != waited)
		epoll_core_watch(engine, EPOLL_CTL_MOD, datagram->fd, waited ? EPOLLIN : EPOLLOUT,
			token_of(which));
}

void epoll_datagram_close_all(struct epoll_engine *engine, bool answer_pending)
{
	for (unsigned i = 0; i < engine->datagram_count; i++) {
		struct datagram *datagram = engine->datagrams[i];

		if (answer_pending)
			datagram_echo_last(&engine->core, datagram);
		if (!datagram->lost)
			epoll_core_watch(engine, EPOLL_CTL_DEL, datagram->fd, 0, 0);
		datagram_close(datagram);
	}
	engine->datagram_count = 0;
	if (answer_pending)
		postponed_give_up(&engine->core);
}
