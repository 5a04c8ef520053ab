/*
 * Datagram sockets: the kernel is asked to say when there is something to receive (or, while an answer
 * waits, when it takes one), and the messages are then moved by calls of our own. One order is for one
 * such moment; ordering it anew looks at the state again, so that nothing is missed.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "engine/datagram.h"
#include "engine/uring_engine.h"
#include "net/call.h"

struct uring_datagram {
	struct datagram *datagram; /* NULL: closed */
	bool ordered, closing;
};

int uring_datagram_add(struct uring_engine *engine, int fd, enum addr_scheme scheme)
{
	struct uring_datagram *longer = realloc(
		engine->datagrams, (engine->datagram_count + 1) * sizeof(*longer));
	struct datagram *datagram;
	int r;

	if (longer == NULL) {
		call_close(fd);
		return -ENOMEM;
	}
	engine->datagrams = longer;
	r = datagram_open(fd, scheme, &datagram);
	if (r < 0)
		return r;
	longer[engine->datagram_count++] = (struct uring_datagram){ .datagram = datagram };
	engine->open_datagram_count++;
	return 0;
}

void uring_datagram_done(struct uring_engine *engine, unsigned which)
{
	struct uring_datagram *one = &engine->datagrams[which];

	one->ordered = false;
	if (!one->closing)
		datagram_echo_some(&engine->core, one->datagram, DATAGRAM_A_TURN);
}

void uring_datagram_stop(struct uring_engine *engine)
{
	for (unsigned i = 0; i < engine->datagram_count; i++) {
		struct uring_datagram *one = &engine->datagrams[i];

		if (one->datagram == NULL)
			continue;
		datagram_echo_some(&engine->core, one->datagram, 4096);
		one->closing = true;
	}
}

static void close_one(struct uring_engine *engine, struct uring_datagram *one)
{
	datagram_close(one->datagram);
	one->datagram = NULL;
	engine->open_datagram_count--;
}

void uring_datagram_round(struct uring_engine *engine)
{
	for (unsigned i = 0; i < engine->datagram_count; i++) {
		struct uring_datagram *one = &engine->datagrams[i];
		struct io_uring_sqe *sqe;

		if (one->datagram == NULL || (one->ordered && !one->closing))
			continue;
		if (one->closing && !one->ordered) {
			close_one(engine, one);
			continue;
		}
		sqe = uring_engine_place(engine);
		if (sqe == NULL)
			return;
		if (one->closing) {
			io_uring_prep_cancel_fd(sqe, one->datagram->fd, IORING_ASYNC_CANCEL_ALL);
			uring_engine_order(engine, sqe, uring_engine_token(URING_KIND_CANCEL, 0));
		} else {
			io_uring_prep_poll_add(
				sqe, one->datagram->fd, one->datagram->waiting ? POLLOUT : POLLIN);
			uring_engine_order(engine, sqe, uring_engine_token(URING_KIND_DATAGRAM, i));
			one->ordered = true;
		}
	}
}

void uring_datagram_close_all(struct uring_engine *engine)
{
	for (unsigned i = 0; i < engine->datagram_count; i++) {
		if (engine->datagrams[i].datagram != NULL)
			close_one(engine, &engine->datagrams[i]);
	}
	free(engine->datagrams);
	engine->datagrams = NULL;
	engine->datagram_count = 0;
}
