/*
 * Datagram sockets: a poll completes when there is something to receive (or, while an answer waits,
 * when the kernel takes one), and the messages are then moved by calls of our own. A poll completes
 * once; ordering it again checks the state again, so that nothing is missed. The poll is of a
 * lookout (lookout.h), so that the ring holds on to no socket and its address.
 *
 * The messages are not moved by requests: on Linux 6.18 a multishot recvmsg with requested sendmsg,
 * or with sendmmsg, costs as much for each echo as recvmmsg and sendmmsg (0.8 us in trains, 2.7 us
 * one by one), because one call moves many, and the rest of the cost is the way through the kernel.
 * So all engines send datagrams in the same way, and learn in the same way which are lost.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/datagram.h"
#include "engine/lookout.h"
#include "engine/uring/uring_datagram.h"
#include "net/call.h"

struct uring_datagram {
	struct datagram *datagram; /* NULL: closed */
	int lookout_fd;
	bool ordered, to_write;
};

int uring_datagram_add(struct uring_engine *engine, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct uring_datagram *longer = realloc(
		engine->datagrams, (engine->datagram_count + 1) * sizeof(*longer));
	struct datagram *datagram;
	int lookout_fd, r;

	if (longer == NULL) {
		call_close(fd);
		return -ENOMEM;
	}
	engine->datagrams = longer;
	r = datagram_open(&engine->core, fd, scheme, tag, &datagram);
	if (r < 0)
		return r;
	r = lookout_open(&lookout_fd);
	if (r < 0)
		goto fail_lookout;
	r = lookout_add(lookout_fd, fd);
	if (r < 0)
		goto fail_add;
	longer[engine->datagram_count++] = (struct uring_datagram){
		.datagram = datagram,
		.lookout_fd = lookout_fd,
	};
	engine->open_datagram_count++;
	return 0;

fail_add:
	close(lookout_fd);
fail_lookout:
	datagram_close(datagram);
	return r;
}

void uring_datagram_done(struct uring_engine *engine, unsigned which)
{
	struct uring_datagram *one = &engine->datagrams[which];

	one->ordered = false;
	if (one->datagram != NULL)
		datagram_echo_some(&engine->core, one->datagram);
}

static void close_one(struct uring_engine *engine, struct uring_datagram *one)
{
	/*
	 * By hand: a duplicate of the descriptor may keep the socket alive, and the ring the
	 * lookout.
	 */
	lookout_remove(one->lookout_fd, one->datagram->fd);
	datagram_close(one->datagram);
	close(one->lookout_fd);
	one->datagram = NULL;
	engine->open_datagram_count--;
}

void uring_datagram_stop(struct uring_engine *engine)
{
	for (unsigned i = 0; i < engine->datagram_count; i++) {
		struct uring_datagram *one = &engine->datagrams[i];

		if (one->datagram == NULL)
			continue;
		datagram_echo_last(&engine->core, one->datagram);
		close_one(engine, one);
	}
	postponed_give_up(&engine->core);
}

static void order(struct uring_engine *engine, unsigned which)
{
	struct uring_datagram *one = &engine->datagrams[which];
	struct io_uring_sqe *sqe = uring_core_place(engine);
	bool to_write = one->datagram->waiting != NULL;

	if (sqe == NULL)
		return;
	if (one->to_write != to_write) {
		one->to_write = to_write;
		lookout_turn(one->lookout_fd, one->datagram->fd, one->to_write);
	}
	io_uring_prep_poll_add(sqe, one->lookout_fd, POLLIN);
	uring_core_order(engine, sqe, uring_core_token(URING_CORE_DATAGRAM, which));
	one->ordered = true;
}

void uring_datagram_round(struct uring_engine *engine)
{
	for (unsigned i = 0; i < engine->datagram_count; i++) {
		const struct uring_datagram *one = &engine->datagrams[i];

		if (one->datagram != NULL && !one->datagram->lost && !one->ordered)
			order(engine, i);
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
