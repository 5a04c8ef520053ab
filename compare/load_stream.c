/*
 * Streams for the load generator: long-lived connections, and churn (connect, one echo, close).
 *
 * A connection is three numbers: bytes sent, bytes received, and how far it may send, which is `depth`
 * messages ahead of the messages that came back. Sockets are edge-triggered and never wait.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

enum { STEP = 7919, ASK_EVERY = 64, SOURCES = 16384 };

struct stream {
	int fd;
	bool failed;
	size_t number;
	uint64_t sent, received, may_send; /* bytes */
	uint64_t echoes;
	uint64_t asked_ns; /* when the message under way was sent (depth 1) */
};

static unsigned char received[LOAD_CHUNK];
static int epoll_fd = -1;
static long unfinished; /* streams, while draining */

static void come_from(int fd, unsigned long number)
{
	int on = 1;
	struct sockaddr_in source = { .sin_family = AF_INET };

	number %= SOURCES;
	source.sin_addr.s_addr = htonl(
		0x7f010001u | (uint32_t)(number / 128) << 8 | (uint32_t)(number % 128) << 1);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&source, sizeof(source)) < 0)
		load_fatal("bind");
}

int load_connect(unsigned long number)
{
	const char *address = load_options.address;
	int on = 1, status, fd;

	if (strncmp(address, "unix:", 5) == 0) {
		struct sockaddr_un name = { .sun_family = AF_UNIX };

		if (strlen(address + 5) >= sizeof(name.sun_path)) {
			errno = ENAMETOOLONG;
			load_fatal(address);
		}
		memcpy(name.sun_path, address + 5, strlen(address + 5));
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		status = connect(fd, (struct sockaddr *)&name, sizeof(name));
	} else {
		bool udp = strncmp(address, "udp:", 4) == 0;
		struct sockaddr_in name = { .sin_family = AF_INET };

		if (!udp && strncmp(address, "tcp:", 4) != 0) {
			errno = EINVAL;
			load_fatal(address);
		}
		name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		name.sin_port = htons((uint16_t)atoi(address + 4));
		fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
		if (fd < 0)
			load_fatal("socket");
		if (!udp) {
			come_from(fd, number);
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		}
		status = connect(fd, (struct sockaddr *)&name, sizeof(name));
	}
	if (fd < 0 || status < 0)
		load_fatal("connect");
	return fd;
}

static const unsigned char *bytes_at(const struct stream *stream, uint64_t position)
{
	return load_pattern + (position + stream->number * STEP) % LOAD_PERIOD;
}

static void stream_fail(struct stream *stream)
{
	if (!stream->failed && load_phase == LOAD_DRAIN)
		unfinished--;
	stream->failed = true;
	load_totals.errors++;
}

/* Sends what it may, until the kernel takes no more. */
static void stream_send(struct stream *stream)
{
	if (load_options.depth == 1 && stream->sent == stream->received && load_phase < LOAD_DRAIN)
		stream->asked_ns = load_now_ns();
	while (stream->sent < stream->may_send && !stream->failed) {
		uint64_t length = stream->may_send - stream->sent;
		ssize_t sent;

		if (length > LOAD_CHUNK)
			length = LOAD_CHUNK;
		sent = send(stream->fd, bytes_at(stream, stream->sent), length,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0) {
			if (errno != EAGAIN && errno != EINTR)
				stream_fail(stream);
			return;
		}
		stream->sent += (uint64_t)sent;
	}
}

/* Counts what came; gives how many messages it completed. */
static uint64_t stream_count(struct stream *stream, size_t length)
{
	uint64_t whole;

	if (memcmp(received, bytes_at(stream, stream->received), length) != 0)
		load_totals.mismatches++;
	stream->received += length;
	load_totals.bytes += length;
	if (stream->received > stream->sent)
		load_totals.mismatches++;
	whole = stream->received / load_options.size - stream->echoes;
	stream->echoes += whole;
	load_totals.echoes += whole;
	return whole;
}

static void stream_progress(struct stream *stream)
{
	while (!stream->failed) {
		ssize_t length = recv(stream->fd, received, sizeof(received), MSG_DONTWAIT);
		uint64_t whole;

		if (length < 0) {
			if (errno != EAGAIN && errno != EINTR)
				stream_fail(stream);
			break;
		}
		if (length == 0) {
			stream_fail(stream);
			break;
		}
		whole = stream_count(stream, (size_t)length);
		if (whole > 0 && load_options.depth == 1)
			load_rtt(load_now_ns() - stream->asked_ns);
		if (load_phase == LOAD_DRAIN) {
			if (stream->received == stream->may_send)
				unfinished--;
		} else {
			stream->may_send += whole * load_options.size;
			stream_send(stream);
		}
		if ((size_t)length < sizeof(received))
			break;
	}
	stream_send(stream);
}

/* One message there and back, waiting for it: the server has accepted everybody before, too. */
static void stream_ask(struct stream *stream)
{
	uint64_t wanted = stream->received + load_options.size;

	if (load_options.size > 4096)
		return;
	stream->may_send = wanted;
	stream_send(stream);
	while (stream->received < wanted && !stream->failed) {
		ssize_t length = recv(stream->fd, received, wanted - stream->received, 0);

		if (length <= 0)
			load_fatal("the first echo");
		stream_count(stream, (size_t)length);
	}
}

static struct stream *open_streams(void)
{
	long count = load_options.connections;
	struct stream *streams = calloc((size_t)count, sizeof(*streams));
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };

	if (streams == NULL)
		load_fatal("calloc");
	for (long i = 0; i < count; i++) {
		streams[i].number = (size_t)i;
		streams[i].fd = load_connect((unsigned long)i);
		if (load_options.idle || i % ASK_EVERY == 0 || i == count - 1)
			stream_ask(&streams[i]);
		event.data.ptr = &streams[i];
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, streams[i].fd, &event) < 0)
			load_fatal("epoll_ctl");
	}
	return streams;
}

static void count_unfinished(struct stream *streams)
{
	unfinished = 0;
	for (long i = 0; i < load_options.connections; i++)
		unfinished += !streams[i].failed && streams[i].received < streams[i].may_send;
}

void load_streams(void)
{
	struct epoll_event events[LOAD_EVENTS];
	struct stream *streams;
	enum load_phase before = LOAD_WARM;

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	streams = open_streams();
	load_begin();
	for (long i = 0; i < load_options.connections && !load_options.idle; i++) {
		streams[i].may_send += load_options.size * (uint64_t)load_options.depth;
		stream_send(&streams[i]);
	}
	while (load_phase != LOAD_OVER) {
		int count = 0;

		if (load_options.spin) {
			for (long i = 0; i < load_options.connections; i++)
				stream_progress(&streams[i]);
		} else {
			count = epoll_wait(epoll_fd, events, LOAD_EVENTS, 10);
		}
		for (int i = 0; i < count; i++)
			stream_progress(events[i].data.ptr);
		load_tick(load_now_ns());
		if (load_phase == LOAD_DRAIN) {
			if (before != LOAD_DRAIN)
				count_unfinished(streams);
			if (unfinished <= 0)
				break;
		}
		before = load_phase;
	}
	for (long i = 0; i < load_options.connections; i++)
		load_totals.errors += !streams[i].failed &&
			streams[i].received < streams[i].may_send;
	free(streams);
}

/* Connects, asks, and waits for events. */
static void churn_open(struct stream *stream, unsigned long number)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = stream };

	*stream = (struct stream){ .number = number, .may_send = load_options.size };
	stream->fd = load_connect(number);
	stream_send(stream);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, stream->fd, &event) < 0)
		load_fatal("epoll_ctl");
}

void load_churn(void)
{
	struct epoll_event events[LOAD_EVENTS];
	unsigned long number = 0;
	struct stream *streams = calloc((size_t)load_options.connections, sizeof(*streams));

	if (streams == NULL)
		load_fatal("calloc");
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	load_begin();
	for (long i = 0; i < load_options.connections; i++)
		churn_open(&streams[i], number++);
	unfinished = load_options.connections;
	while (load_phase != LOAD_OVER && unfinished > 0) {
		int count = epoll_wait(epoll_fd, events, LOAD_EVENTS, 10);

		for (int i = 0; i < count; i++) {
			struct stream *stream = events[i].data.ptr;
			ssize_t length = recv(stream->fd, received, sizeof(received), MSG_DONTWAIT);

			if (length > 0) {
				stream_count(stream, (size_t)length);
				if (stream->received < stream->may_send)
					continue;
				load_rtt(load_now_ns() - stream->asked_ns);
			} else {
				load_totals.errors++;
			}
			close(stream->fd);
			if (load_phase < LOAD_DRAIN)
				churn_open(stream, number++);
			else
				unfinished--;
		}
		load_tick(load_now_ns());
	}
	load_totals.errors += (uint64_t)unfinished;
	free(streams);
}
