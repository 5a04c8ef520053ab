/*
 * Datagrams have no order and may be lost, so of them only the latest is waited for: its echo is
 * the next datagram of the same length.
 */
#include "talk/dialogue.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/channel.h"
#include "net/call.h"

static bool is_stream(const struct dialogue *d)
{
	return addr_socket_type(d->scheme) == SOCK_STREAM;
}

int dialogue_init(struct dialogue *d, int fd, enum addr_scheme scheme)
{
	char *queue = malloc(DIALOGUE_QUEUE_CAP);

	if (queue == NULL)
		return -ENOMEM;
	*d = (struct dialogue){ .fd = fd, .scheme = scheme, .queue = queue };
	return 0;
}

void dialogue_fini(struct dialogue *d)
{
	free(d->queue);
	d->queue = NULL;
}

static void add_mark(struct dialogue *d, uint64_t end, bool urgent, char byte)
{
	if (!is_stream(d))
		d->mark_count = 0;
	if (d->mark_count == DIALOGUE_MARKS)
		return;
	d->marks[(d->mark_first + d->mark_count++) % DIALOGUE_MARKS] = (struct dialogue_mark){
		.end = end,
		.said_ns = clock_now_ns(),
		.urgent = urgent,
		.byte = byte,
	};
}

static int say_datagram(struct dialogue *d, const char *text, size_t length)
{
	add_mark(d, length, false, text[length - 1]);

	ssize_t n = channel_send(d->fd, text, length, MSG_NOSIGNAL);

	if (n < 0) {
		d->mark_count = 0;
		return (int)n;
	}
	d->said += length;
	d->sent += length;
	return 0;
}

int dialogue_say(struct dialogue *d, const char *text, size_t length)
{
	if (d->finishing)
		return -ESHUTDOWN;
	if (!is_stream(d))
		return say_datagram(d, text, length);
	if (length > DIALOGUE_QUEUE_CAP - d->queue_length)
		return -ENOBUFS;
	memmove(d->queue, d->queue + d->queue_start, d->queue_length);
	d->queue_start = 0;
	memcpy(d->queue + d->queue_length, text, length);
	d->queue_length += length;
	d->said += length;
	add_mark(d, d->said, false, text[length - 1]);
	return dialogue_flush(d);
}

int dialogue_say_urgent(struct dialogue *d, char byte)
{
	if (d->finishing)
		return -ESHUTDOWN;
	if (!is_stream(d) || d->scheme == ADDR_TLS)
		return -EOPNOTSUPP;
	if (d->queue_length > 0)
		return -ENOBUFS; /* it would overtake what is waiting */

	ssize_t n = channel_send(d->fd, &byte, 1, MSG_OOB | MSG_NOSIGNAL);

	if (n < 0)
		return n == -EAGAIN ? -ENOBUFS : (int)n;
	d->said++;
	d->sent++;
	add_mark(d, d->said, true, byte);
	return 0;
}

int dialogue_finish(struct dialogue *d)
{
	d->finishing = true;
	return dialogue_flush(d);
}

short dialogue_events(const struct dialogue *d)
{
	short events = d->paused ? 0 : POLLIN | POLLPRI;

	return d->queue_length > 0 ? (short)(events | POLLOUT) : events;
}

int dialogue_flush(struct dialogue *d)
{
	while (d->queue_length > 0) {
		size_t length = d->queue_length;

		if (d->send_most > 0 && d->send_most < length)
			length = d->send_most;

		ssize_t n = channel_send(d->fd, d->queue + d->queue_start, length, MSG_NOSIGNAL);

		if (n == -EAGAIN || n == -EINTR)
			return 0;
		if (n < 0)
			return (int)n;
		d->queue_start += (size_t)n;
		d->queue_length -= (size_t)n;
		d->sent += (uint64_t)n;
	}
	if (!d->finishing || d->finished)
		return 0;
	d->finished = true;
	return is_stream(d) ? channel_finish(d->fd) : 0;
}

ssize_t dialogue_receive(
	struct dialogue *d, char *buffer, size_t size, bool check_urgent, bool *ret_urgent)
{
	bool urgent = check_urgent && d->scheme == ADDR_TCP && call_sockatmark(d->fd) == 1;

	if (urgent) {
		size = 1;
	} else if (is_stream(d) && d->mark_count > 0) {
		uint64_t left = d->marks[d->mark_first].end - d->received;

		/* Marks can be passed only by bytes that were never said. */
		if (left < size && left > 0)
			size = (size_t)left;
	}
	if (is_stream(d) && d->receive_most > 0 && d->receive_most < size)
		size = d->receive_most;

	ssize_t n = channel_recv(d->fd, buffer, size, 0);

	if (n < 0)
		return n == -EINTR ? -EAGAIN : n;
	d->received += (uint64_t)n;
	if (!is_stream(d) && d->mark_count > 0 && d->marks[d->mark_first].end == (uint64_t)n)
		d->marks[d->mark_first].end = 0; /* as good as back */
	*ret_urgent = urgent;
	return n;
}

static void drop_mark(struct dialogue *d)
{
	d->mark_first = (d->mark_first + 1) % DIALOGUE_MARKS;
	d->mark_count--;
}

/* Without OOBINLINE a server never sees the urgent byte: what follows comes back one byte early. */
static void urgent_lost(struct dialogue *d)
{
	drop_mark(d);
	for (size_t i = 0; i < d->mark_count; i++)
		d->marks[(d->mark_first + i) % DIALOGUE_MARKS].end--;
}

enum dialogue_back dialogue_take_mark(struct dialogue *d, char last, uint64_t *ret_round_trip_ns)
{
	const struct dialogue_mark *mark = &d->marks[d->mark_first];

	if (d->mark_count == 0)
		return DIALOGUE_PART;
	if (is_stream(d) ? mark->end > d->received : mark->end != 0)
		return DIALOGUE_PART;
	if (mark->byte != last && mark->urgent) {
		urgent_lost(d);
		return DIALOGUE_URGENT_LOST;
	}
	if (mark->byte != last) {
		d->mark_count = 0;
		return DIALOGUE_PART;
	}
	*ret_round_trip_ns = clock_now_ns() - mark->said_ns;
	drop_mark(d);
	return DIALOGUE_BACK;
}
