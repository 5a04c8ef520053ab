/*
 * Stop and wait. A reply that is not the datagram in flight is a late one of those given up, or a
 * changed one; only time shows which, so it is passed over and its first difference remembered.
 */
#include "talk/lockstep.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client/interrupt.h"
#include "net/call.h"
#include "talk/sink.h"

struct lockstep {
	const struct lockstep_options *options;
	struct interrupt interrupt;
	struct sink sink;
	unsigned char *datagram;
	size_t length;
	unsigned char
		*reply; /* one byte more than the longest: a longer reply must not look equal */
	bool over; /* `ending` is decided */
	struct ending ending;
};

static void decide(struct lockstep *l, enum ending_kind kind, int error)
{
	l->over = true;
	l->ending.kind = kind;
	l->ending.error = error;
}

/* Waits for `events` on `fd`; false when the time has come, or when it is over. */
static bool await(struct lockstep *l, int fd, short events, uint64_t until_ns)
{
	struct pollfd pollfds[] = {
		{ .fd = fd, .events = events },
		{ .fd = l->interrupt.fd, .events = POLLIN },
	};

	for (;;) {
		uint64_t now_ns = clock_now_ns();
		int ready = poll(pollfds, 2, clock_poll_ms(now_ns, until_ns));

		if (ready > 0 && pollfds[1].revents != 0) {
			int number = interrupt_take(&l->interrupt);

			if (number != 0) {
				decide(l, ENDING_SIGNAL, number);
				return false;
			}
		}
		if (ready > 0 && pollfds[0].revents != 0)
			return true;
		if (ready == 0)
			return false;
	}
}

static void read_datagram(struct lockstep *l)
{
	if (!await(l, l->options->input, POLLIN, CLOCK_NEVER))
		return;

	ssize_t n = read(l->options->input, l->datagram, l->options->size_bytes);

	if (n < 0 && errno != EINTR && errno != EAGAIN)
		decide(l, ENDING_INPUT, -errno);
	else if (n == 0)
		decide(l, l->ending.lost_datagrams > 0 ? ENDING_LOST : ENDING_FINE, 0);
	else
		l->length = n > 0 ? (size_t)n : 0;
}

static void send_datagram(struct lockstep *l)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), l->options->timeout_ns);

	while (!l->over) {
		ssize_t n = call_send(l->options->socket, l->datagram, l->length, MSG_NOSIGNAL);

		if (n >= 0) {
			l->ending.sent_datagrams++;
			return;
		}
		/* A unix receiver whose queue is full makes the sender wait. */
		if (n == -EAGAIN && !await(l, l->options->socket, POLLOUT, until_ns) && !l->over)
			decide(l, ENDING_SILENT, 0);
		else if (n == -ECONNREFUSED)
			decide(l, ENDING_SERVER, (int)n);
		else if (n != -EAGAIN && n != -EINTR)
			decide(l, ENDING_LOCAL, (int)n);
	}
}

static void note_difference(struct lockstep *l, size_t received)
{
	size_t at = 0;

	while (at < received && at < l->length && l->reply[at] == l->datagram[at])
		at++;
	l->ending.lost_differs = true;
	l->ending.differs_at = l->ending.sent_bytes + at;
}

/* True: the datagram in flight is back, in `reply`. */
static bool receive_datagram(struct lockstep *l)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), l->options->timeout_ns);
	bool differs_before = l->ending.lost_differs;
	uint64_t differs_at_before = l->ending.differs_at;

	while (await(l, l->options->socket, POLLIN, until_ns)) {
		ssize_t n = call_recv(l->options->socket, l->reply, LOCKSTEP_SIZE_MOST + 1, 0);

		if (n == -EAGAIN || n == -EINTR)
			continue;
		if (n < 0) {
			decide(l, ENDING_SERVER, (int)n);
			return false;
		}
		if ((size_t)n == l->length && memcmp(l->reply, l->datagram, l->length) == 0) {
			/* So the other was only late: of this one nothing is lost. */
			l->ending.lost_differs = differs_before;
			l->ending.differs_at = differs_at_before;
			return true;
		}
		if (!differs_before)
			note_difference(l, (size_t)n);
	}
	return false;
}

static void write_reply(struct lockstep *l)
{
	size_t done = 0;

	while (done < l->length && !l->over) {
		ssize_t n = sink_write(&l->sink, l->reply + done, l->length - done);

		if (n >= 0)
			done += (size_t)n;
		else if (n == -EAGAIN)
			await(l, l->sink.fd, POLLOUT, CLOCK_NEVER);
		else if (n != -EINTR)
			decide(l, ENDING_OUTPUT, (int)n);
	}
}

static void turn(struct lockstep *l)
{
	l->length = 0;
	read_datagram(l);
	if (l->over || l->length == 0)
		return;
	send_datagram(l);
	if (l->over)
		return;
	if (receive_datagram(l)) {
		l->ending.received_bytes += l->length;
		write_reply(l);
	} else if (!l->over && l->ending.lost_datagrams++ == 0) {
		l->ending.lost_at = l->ending.sent_bytes;
	}
	l->ending.sent_bytes += l->length;
}

int lockstep_run(const struct lockstep_options *options, struct ending *ret_ending)
{
	CLEANUP_FREE unsigned char *datagram = malloc(LOCKSTEP_SIZE_MOST);
	CLEANUP_FREE unsigned char *reply = malloc(LOCKSTEP_SIZE_MOST + 1);
	struct lockstep l = {
		.options = options,
		.datagram = datagram,
		.reply = reply,
		.ending.timeout_ns = options->timeout_ns,
	};

	if (datagram == NULL || reply == NULL)
		return -ENOMEM;

	int r = interrupt_init(&l.interrupt, NULL);

	if (r < 0)
		return r;
	sink_init(&l.sink, options->output);
	while (!l.over)
		turn(&l);
	sink_fini(&l.sink);
	interrupt_fini(&l.interrupt);
	*ret_ending = l.ending;
	return 0;
}
