/*
 * Datagrams for the load generator: a few connected sockets, each with `depth` datagrams under way.
 *
 * A datagram is its number (8 bytes) and then the pattern from a place given by the number, so that
 * answers may come in any order and each is still compared. A socket that hears nothing for
 * QUIET_NS counts what was under way as lost and sends as many again: a closed loop over a network
 * that may lose things must not stop at the first loss.
 *
 * With --trains what a socket sends at a time goes through the kernel as one (UDP_SEGMENT) and is taken
 * apart before a receiver that does not ask for trains (UDP_GRO) sees it: as from a fast sender over a
 * network card. Without it each datagram goes all the way by itself, and this program does so on one
 * processor, which is then the limit of any server that is faster.
 */
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>

enum { BATCH = 64, SIZE_CAP = 65507, STEP = 31, QUIET_NS = 100000000, SUPPLY = 4 << 20 };
enum { TRAIN = 64, TRAIN_CAP = 65507 }; /* datagrams and bytes that the kernel takes as one */

struct channel {
	int fd;
	uint64_t next; /* the number of the next datagram */
	long under_way;
	uint64_t heard_ns;
};

static unsigned char (*inbox)[SIZE_CAP + 1];
static struct mmsghdr in[BATCH], out[BATCH];
static struct iovec in_parts[BATCH], out_parts[BATCH][2]; /* number, body; also the parts of a train */
static uint64_t numbers[BATCH];
static long most_at_once = BATCH;

static void prepare(void)
{
	inbox = malloc(BATCH * sizeof(*inbox));
	if (inbox == NULL)
		load_fatal("malloc");
	if (load_options.size < sizeof(uint64_t) || load_options.size > SIZE_CAP) {
		errno = EMSGSIZE;
		load_fatal("--size");
	}
	if (load_options.trains) {
		long fit = TRAIN_CAP / (long)load_options.size;

		most_at_once = fit > TRAIN ? TRAIN : fit;
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

/* The first `count` of what is to go out, as one. How many went, or -1. */
static long send_train(int fd, long count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(uint16_t))];
	} control = { .header = { .cmsg_level = IPPROTO_UDP,
			      .cmsg_type = UDP_SEGMENT,
			      .cmsg_len = CMSG_LEN(sizeof(uint16_t)) } };
	struct msghdr train = { .msg_iov = out_parts[0],
		.msg_iovlen = 2 * (size_t)count,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	uint16_t size = (uint16_t)load_options.size;

	memcpy(CMSG_DATA(&control.header), &size, sizeof(size));
	return sendmsg(fd, &train, MSG_DONTWAIT) < 0 ? -1 : count;
}

static void channel_send(struct channel *channel)
{
	while (channel->under_way < load_options.depth) {
		long wanted = load_options.depth - channel->under_way;
		long sent;

		if (wanted > most_at_once)
			wanted = most_at_once;
		for (long i = 0; i < wanted; i++) {
			numbers[i] = channel->next + (uint64_t)i;
			out_parts[i][1].iov_base = body_of(numbers[i]);
		}
		if (load_options.trains && wanted > 1)
			sent = send_train(channel->fd, wanted);
		else
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
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), supply = SUPPLY;
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
		setsockopt(channels[i].fd, SOL_SOCKET, SO_RCVBUF, &supply, sizeof(supply));
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
