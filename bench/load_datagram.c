/*
 * Datagrams for the load generator: a few connected sockets, each with `depth` datagrams under way.
 *
 * A datagram is its number (8 bytes) and then the pattern from a place that the number tells, so that
 * answers may come in any order and each is still compared. A socket that hears nothing for
 * QUIET_NS counts what was under way as lost and sends as many again: a closed loop over a network
 * that may lose things must not stop at the first loss.
 */
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>

enum { BATCH = 64, SIZE_CAP = 65507, STEP = 31, QUIET_NS = 100000000, SUPPLY = 4 << 20 };

struct channel {
	int fd;
	uint64_t next; /* the number of the next datagram */
	long under_way;
	uint64_t heard_ns;
};

static unsigned char (*inbox)[SIZE_CAP + 1];
static struct mmsghdr in[BATCH], out[BATCH];
static struct iovec in_parts[BATCH], out_parts[BATCH][2];
static uint64_t numbers[BATCH];

static void prepare(void)
{
	inbox = malloc(BATCH * sizeof(*inbox));
	if (inbox == NULL)
		load_fatal("malloc");
	if (load_options.size < sizeof(uint64_t) || load_options.size > SIZE_CAP) {
		errno = EMSGSIZE;
		load_fatal("--size");
	}
	for (int i = 0; i < BATCH; i++) {
		in_parts[i] = (struct iovec){ inbox[i], load_options.size + 1 };
		in[i].msg_hdr.msg_iov = &in_parts[i];
		in[i].msg_hdr.msg_iovlen = 1;
		out_parts[i][0] = (struct iovec){ &numbers[i], sizeof(numbers[i]) };
		out_parts[i][1].iov_len = load_options.size - sizeof(numbers[i]);
		out[i].msg_hdr.msg_iov = out_parts[i];
		out[i].msg_hdr.msg_iovlen = 2;
	}
}

static unsigned char *body_of(uint64_t number)
{
	return load_pattern + number * STEP % LOAD_PERIOD;
}

static void channel_send(struct channel *channel)
{
	while (channel->under_way < load_options.depth) {
		long wanted = load_options.depth - channel->under_way;
		int sent;

		if (wanted > BATCH)
			wanted = BATCH;
		for (long i = 0; i < wanted; i++) {
			numbers[i] = channel->next + (uint64_t)i;
			out_parts[i][1].iov_base = body_of(numbers[i]);
		}
		sent = sendmmsg(channel->fd, out, (unsigned int)wanted, MSG_DONTWAIT);
		if (sent < 0) {
			if (errno != EAGAIN && errno != EINTR)
				load_totals.errors++;
			return;
		}
		channel->next += (uint64_t)sent;
		channel->under_way += sent;
	}
}

static void check(const struct channel *channel, int i)
{
	uint64_t number;

	memcpy(&number, inbox[i], sizeof(number));
	if (in[i].msg_len != load_options.size || number >= channel->next ||
		memcmp(inbox[i] + sizeof(number), body_of(number),
			load_options.size - sizeof(number)) != 0)
		load_totals.mismatches++;
}

static void channel_receive(struct channel *channel, uint64_t now_ns)
{
	int count = recvmmsg(channel->fd, in, BATCH, MSG_DONTWAIT, NULL);

	if (count < 0) {
		if (errno != EAGAIN && errno != EINTR)
			load_totals.errors++;
		return;
	}
	for (int i = 0; i < count; i++)
		check(channel, i);
	load_totals.echoes += (uint64_t)count;
	load_totals.bytes += (uint64_t)count * load_options.size;
	channel->heard_ns = now_ns;
	channel->under_way -= count;
	if (channel->under_way < 0) /* late, and given up before */
		channel->under_way = 0;
	if (load_phase < LOAD_DRAIN)
		channel_send(channel);
}

static void replace_lost(struct channel *channel, uint64_t now_ns)
{
	if (now_ns - channel->heard_ns < QUIET_NS)
		return;
	load_totals.lost += (uint64_t)channel->under_way;
	channel->under_way = 0;
	channel->heard_ns = now_ns;
	if (load_phase < LOAD_DRAIN)
		channel_send(channel);
}

void load_datagrams(void)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), room = SUPPLY;
	uint64_t now_ns = load_now_ns(), looked_ns = now_ns;
	struct channel *channels = calloc((size_t)load_options.connections, sizeof(*channels));

	if (channels == NULL)
		load_fatal("calloc");
	prepare();
	load_begin();
	for (long i = 0; i < load_options.connections; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &channels[i] };

		channels[i].fd = load_connect((unsigned long)i);
		channels[i].heard_ns = now_ns;
		/* Losses shall be the server's, not ours. */
		setsockopt(channels[i].fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, channels[i].fd, &event) < 0)
			load_fatal("epoll_ctl");
		channel_send(&channels[i]);
	}
	while (load_phase < LOAD_DRAIN) {
		struct epoll_event events[LOAD_EVENTS];
		int count = epoll_wait(epoll_fd, events, LOAD_EVENTS, 10);

		now_ns = load_now_ns();
		for (int i = 0; i < count; i++)
			channel_receive(events[i].data.ptr, now_ns);
		if (now_ns - looked_ns > QUIET_NS / 10) {
			for (long i = 0; i < load_options.connections; i++)
				replace_lost(&channels[i], now_ns);
			looked_ns = now_ns;
		}
		load_tick(load_now_ns());
	}
	free(channels);
	free(inbox);
}
