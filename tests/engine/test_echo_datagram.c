/*
 * Datagrams through an engine with the echo protocol: each whole, once, to the right place, whatever comes
 * with it. What is sent on the engine's own thread is there before the engine looks: so it comes as one
 * batch, on every run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/datagram.h"
#include "harness.h"
#include "net/call.h"
#include "net/socket.h"
#include "protocol/echo.h"

#define LIMIT_S 20
_Static_assert(4 * 51 > 2 * DEPARTURES_MOST, "send_trains() must be worth several calls");
#define MOST_BYTES 65507

struct service {
	struct harness harness;
	struct counters counters;
	struct echo echo;
	int fd; /* the server's socket: the engine's, but the tests set its options */
	struct sockaddr_in in;
	struct sockaddr_un un;
	socklen_t un_length;
};

static unsigned char pattern[2 * MOST_BYTES];

/* ---- a server, and clients ---- */

struct listening {
	int fd;
	enum addr_scheme scheme;
};

static void serve(struct engine *engine, void *data)
{
	struct listening *listening = data;

	assert_int_equal(engine_listen(engine, listening->fd, listening->scheme, 0), 0);
}

static void begin(struct service *service, void **state)
{
	memset(service, 0, sizeof(*service));
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)(i * 2654435761u >> 13);
	echo_init(&service->echo, &service->counters, ECHO_DEFAULT_CAP_BYTES, false);
	harness_start(&service->harness, *state, &service->echo.protocol, NULL);
}

static void open_udp(struct service *service)
{
	struct addr any = { .scheme = ADDR_UDP, .length = sizeof(any.in) }, bound;
	struct socket_listen_options options = { 0 };

	any.in = (struct sockaddr_in){ .sin_family = AF_INET };
	assert_int_equal(socket_open_server(&any, &options, &service->fd, &bound, NULL), 0);
	service->in = bound.in;
	service->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* On 0.0.0.0, so that the address asked matters; service->in is 127.0.0.1. */
static void start_udp(struct service *service, void **state)
{
	begin(service, state);
	open_udp(service);
	harness_do(&service->harness, serve, &(struct listening){ service->fd, ADDR_UDP });
}

static void start_unix(struct service *service, void **state)
{
	begin(service, state);
	service->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	service->un.sun_family = AF_UNIX;
	assert_int_equal(
		bind(service->fd, (struct sockaddr *)&service->un, sizeof(sa_family_t)), 0);
	service->un_length = sizeof(service->un);
	assert_int_equal(
		getsockname(service->fd, (struct sockaddr *)&service->un, &service->un_length), 0);
	harness_do(&service->harness, serve, &(struct listening){ service->fd, ADDR_UNIXGRAM });
}

static int client(int family)
{
	struct timeval limit = { .tv_sec = LIMIT_S };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 1 << 20;
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (family == AF_UNIX)
		assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)), 0);
	return fd;
}

static void send_to(const struct service *service, int fd, const void *bytes, size_t length)
{
	bool udp = service->in.sin_family == AF_INET;
	const void *where = udp ? (const void *)&service->in : &service->un;

	assert_int_equal(sendto(fd, bytes, length, MSG_NOSIGNAL, where,
				 udp ? sizeof(service->in) : service->un_length),
		length);
}

/* The next datagram is these bytes, all of them and no more. */
static void expect(int fd, const void *bytes, size_t length)
{
	static unsigned char back[MOST_BYTES + 1];
	ssize_t n = recv(fd, back, sizeof(back), 0);

	if (n < 0)
		fail_msg("recv: %s, where %zu bytes should come", strerror(errno), length);
	assert_int_equal(n, length);
	assert_memory_equal(back, bytes, length);
}

static void expect_nothing(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* ---- sizes ---- */

static const size_t sizes[] = { 0, 1, 1472, 64, 64, 64, 10, 64, 0, 0, 65507, 1473, 1473, 1472, 1471,
	1471, 2, 3, 3, 1 };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct volley {
	const struct service *service;
	int fds[3];
};

static void send_sizes(struct engine *engine, void *data)
{
	struct volley *volley = data;

	for (size_t i = 0; i < SIZES; i++)
		send_to(volley->service, volley->fds[0], pattern + i, sizes[i]);
}

static void mixed_sizes_in_a_batch_stay_apart(void **state)
{
	struct service service;

	start_udp(&service, state);
	struct volley volley = { &service, { client(AF_INET) } };

	for (int turn = 0; turn < 3; turn++) {
		harness_do(&service.harness, send_sizes, &volley);
		for (size_t i = 0; i < SIZES; i++)
			expect(volley.fds[0], pattern + i, sizes[i]);
	}
	expect_nothing(volley.fds[0]);
	close(volley.fds[0]);
	harness_stop(&service.harness);
	assert_int_equal(service.counters.datagrams_received, 3 * SIZES);
	assert_int_equal(service.counters.datagrams_sent, 3 * SIZES);
	assert_int_equal(service.counters.datagrams_lost, 0);
}

/* ---- peers ---- */

static void send_by_turns(struct engine *engine, void *data)
{
	static const int order[] = { 0, 0, 1, 1, 0, 2, 1, 2, 2, 2, 0 };
	struct volley *volley = data;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		send_to(volley->service, volley->fds[order[i]], pattern + i + 100 * order[i], 50);
}

static void peers_in_a_batch_get_their_own(void **state)
{
	static const size_t places[3][4] = { { 0, 1, 4, 10 }, { 102, 103, 106 },
		{ 205, 207, 208, 209 } };
	struct service service;

	start_udp(&service, state);
	struct volley volley = { &service, { client(AF_INET), client(AF_INET), client(AF_INET) } };

	harness_do(&service.harness, send_by_turns, &volley);
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < (i == 1 ? 3 : 4); j++)
			expect(volley.fds[i], pattern + places[i][j], 50);
	}
	for (int i = 0; i < 3; i++) {
		expect_nothing(volley.fds[i]);
		close(volley.fds[i]);
	}
	harness_stop(&service.harness);
}

/* ---- the address asked ---- */

static void send_to_several_addresses(struct engine *engine, void *data)
{
	struct volley *volley = data;

	for (unsigned i = 0; i < 12; i++) {
		struct sockaddr_in where = volley->service->in;

		/* 127.0.0.2, .2, .3, .3, .2...: from one peer, so that only the address distinguishes them. */
		where.sin_addr.s_addr = htonl(0x7f000002 + (i / 2 & 1));
		assert_int_equal(sendto(volley->fds[0], pattern + i, 30, 0,
					 (struct sockaddr *)&where, sizeof(where)),
			30);
	}
}

static void answers_come_from_the_address_asked(void **state)
{
	struct service service;

	start_udp(&service, state);
	struct volley volley = { &service, { client(AF_INET) } };

	harness_do(&service.harness, send_to_several_addresses, &volley);
	for (unsigned i = 0; i < 12; i++) {
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		unsigned char back[100];

		assert_int_equal(recvfrom(volley.fds[0], back, sizeof(back), 0,
					 (struct sockaddr *)&from, &length),
			30);
		assert_memory_equal(back, pattern + i, 30);
		assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f000002 + (i / 2 & 1));
		assert_int_equal(from.sin_port, service.in.sin_port);
	}
	close(volley.fds[0]);
	harness_stop(&service.harness);
}

/* ---- trains ---- */

/* One send of many datagrams of this length; the last may be shorter. False: not by this kernel. */
static bool send_train(const struct service *service, int fd, uint16_t segment_bytes, size_t length)
{
	struct iovec vector = { pattern, length };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(segment_bytes))];
	} control = { .header = { .cmsg_level = IPPROTO_UDP,
			      .cmsg_type = UDP_SEGMENT,
			      .cmsg_len = CMSG_LEN(sizeof(segment_bytes)) } };
	struct msghdr message = {
		.msg_name = (void *)&service->in,
		.msg_namelen = sizeof(service->in),
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int none = 0;

	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &none, sizeof(none)) < 0)
		return false;
	memcpy(CMSG_DATA(&control.header), &segment_bytes, sizeof(segment_bytes));
	assert_int_equal(sendmsg(fd, &message, 0), length);
	return true;
}

static void expect_segments(int fd, size_t segment_bytes, size_t length)
{
	for (size_t at = 0; at < length; at += segment_bytes)
		expect(fd, pattern + at, length - at < segment_bytes ? length - at : segment_bytes);
}

/* 64 datagrams in one are as many as every kernel can. */
static const struct {
	uint16_t segment_bytes;
	size_t length;
} trains[] = {
	{ 100, 5037 },
	{ 1, 64 },
	{ 1472, 1472 * 44 },
	{ 1000, 63001 },
	{ 1472, 1473 },
};

static void a_train_is_as_many_datagrams(void **state)
{
	struct service service;
	unsigned total = 0;

	start_udp(&service, state);
	int fd = client(AF_INET);

	for (size_t i = 0; i < sizeof(trains) / sizeof(trains[0]); i++) {
		size_t length = trains[i].length;

		if (!send_train(&service, fd, trains[i].segment_bytes, length)) {
			harness_stop(&service.harness);
			skip();
		}
		expect_segments(fd, trains[i].segment_bytes, length);
		total += (unsigned)((length - 1) / trains[i].segment_bytes + 1);
	}
	expect_nothing(fd);
	close(fd);
	harness_stop(&service.harness);
	assert_int_equal(service.counters.datagrams_received, total);
	assert_int_equal(service.counters.datagrams_sent, total);
}

static _Atomic unsigned messages_received;

static void count_messages(const char *name, const char *arguments, int64_t result)
{
	if (strcmp(name, "recvmmsg") == 0 && result > 0)
		messages_received += (unsigned)result;
}

/* A train is received at once, however many datagrams it has. */
static void a_train_comes_in_as_one(void **state)
{
	struct service service;
	int on = 1;

	messages_received = 0;
	call_set_hook(count_messages);
	start_udp(&service, state);
	int fd = client(AF_INET);
	bool can = setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0;

	on = 0;
	setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	if (can && send_train(&service, fd, 100, 1000))
		expect_segments(fd, 100, 1000);
	close(fd);
	harness_stop(&service.harness);
	call_set_hook(NULL);
	if (!can)
		skip();
	assert_int_equal(messages_received, 1);
	assert_int_equal(service.counters.datagrams_received, 10);
}

static void send_ten(struct engine *engine, void *data)
{
	struct volley *volley = data;

	for (size_t i = 0; i < 10; i++)
		send_to(volley->service, volley->fds[0], pattern + 200 * i, i < 9 ? 200 : 7);
}

/* Answers to plain datagrams of one peer leave as a train: a receiver with UDP_GRO sees it as one. */
static void answers_in_a_row_leave_as_a_train(void **state)
{
	struct service service;
	unsigned char back[4000];
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec vector = { back, sizeof(back) };
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int on = 1, segment_bytes;

	start_udp(&service, state);
	struct volley volley = { &service, { client(AF_INET) } };

	if (setsockopt(volley.fds[0], IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) < 0) {
		harness_stop(&service.harness);
		skip();
	}
	harness_do(&service.harness, send_ten, &volley);
	assert_int_equal(recvmsg(volley.fds[0], &message, 0), 9 * 200 + 7);
	for (size_t i = 0; i < 10; i++)
		assert_memory_equal(back + 200 * i, pattern + 200 * i, i < 9 ? 200 : 7);
	assert_non_null(CMSG_FIRSTHDR(&message));
	assert_int_equal(CMSG_FIRSTHDR(&message)->cmsg_type, UDP_GRO);
	memcpy(&segment_bytes, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(segment_bytes));
	assert_int_equal(segment_bytes, 200);
	close(volley.fds[0]);
	harness_stop(&service.harness);
	assert_int_equal(service.counters.datagrams_sent, 10);
}

/* More than one call of sendmmsg takes, when each goes by itself. */
static void send_trains(struct engine *engine, void *data)
{
	struct volley *volley = data;

	for (int i = 0; i < 4; i++) {
		if (!send_train(volley->service, volley->fds[0], 100, 5037))
			volley->fds[1] = -1;
	}
}

/* Without check sums the kernel makes no trains (EINVAL): then each goes by itself, and none is lost. */
static void a_train_that_is_refused_goes_one_by_one(void **state)
{
	struct service service;
	int on = 1;

	start_udp(&service, state);
	struct volley volley = { &service, { client(AF_INET) } };

	assert_int_equal(setsockopt(service.fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
	for (int turn = 0; turn < 3; turn++) {
		harness_do(&service.harness, send_ten, &volley);
		for (size_t i = 0; i < 10; i++)
			expect(volley.fds[0], pattern + 200 * i, i < 9 ? 200 : 7);
		harness_do(&service.harness, send_trains, &volley);
		for (int i = 0; i < 4 && volley.fds[1] >= 0; i++)
			expect_segments(volley.fds[0], 100, 5037);
	}
	expect_nothing(volley.fds[0]);
	close(volley.fds[0]);
	harness_stop(&service.harness);
	assert_int_equal(service.counters.datagrams_lost, 0);
	assert_int_equal(service.counters.datagrams_sent, service.counters.datagrams_received);
}

/* ---- what cannot be answered ---- */

static void send_and_go(struct engine *engine, void *data)
{
	struct volley *volley = data;

	send_to(volley->service, volley->fds[0], "one", 3);
	send_to(volley->service, volley->fds[1], "lost", 4);
	send_to(volley->service, volley->fds[1], "lost", 4);
	send_to(volley->service, volley->fds[2], "two", 3);
	close(volley->fds[1]);
}

static void a_lost_answer_takes_no_other_with_it(void **state)
{
	struct service service;

	start_unix(&service, state);
	struct volley volley = { &service, { client(AF_UNIX), client(AF_UNIX), client(AF_UNIX) } };

	harness_do(&service.harness, send_and_go, &volley);
	expect(volley.fds[0], "one", 3);
	expect(volley.fds[2], "two", 3);
	close(volley.fds[0]);
	close(volley.fds[2]);
	harness_stop(&service.harness);
	assert_int_equal(service.counters.datagrams_received, 4);
	assert_int_equal(service.counters.datagrams_sent, 2);
	assert_int_equal(service.counters.datagrams_lost, 2);
}

static void a_peer_that_does_not_read_stops_no_other(void **state)
{
	struct service service;
	unsigned received = 0;
	char back[10];

	start_unix(&service, state);
	int silent = client(AF_UNIX), other = client(AF_UNIX);

	for (unsigned turn = 0; turn < 50; turn++) {
		send_to(&service, silent, "lost", 4);
		send_to(&service, other, "other", 5);
		expect(other, "other", 5);
	}
	while (recv(silent, back, sizeof(back), MSG_DONTWAIT) == 4)
		received++;
	close(silent);
	close(other);
	harness_stop(&service.harness);
	assert_int_equal(service.counters.datagrams_sent, 50 + received);
	assert_int_equal(service.counters.datagrams_lost, 50 - received);
	assert_true(received > 0 && received < 50);
}

static void pass_descriptors(struct engine *engine, void *data)
{
	struct volley *volley = data;

	for (int i = 0; i < 6; i++) {
		struct iovec vector = { (void *)"with", 4 };
		union {
			struct cmsghdr header;
			char bytes[CMSG_SPACE(sizeof(int))];
		} control = { .header = { .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS,
				      .cmsg_len = CMSG_LEN(sizeof(int)) } };
		struct msghdr message = {
			.msg_name = (void *)&volley->service->un,
			.msg_namelen = volley->service->un_length,
			.msg_iov = &vector,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};

		memcpy(CMSG_DATA(&control.header), &volley->fds[1], sizeof(int));

		ssize_t n = sendmsg(volley->fds[0], &message, 0);

		if (n < 0 && errno == EPERM) { /* SO_PASSRIGHTS, Linux 6.16 */
			message.msg_control = NULL;
			message.msg_controllen = 0;
			n = sendmsg(volley->fds[0], &message, 0);
		}
		assert_int_equal(n, 4);
	}
}

static void descriptors_passed_are_closed(void **state)
{
	struct service service;
	int pipe_ends[2];
	char byte;

	start_unix(&service, state);
	assert_int_equal(pipe(pipe_ends), 0);
	struct volley volley = { &service, { client(AF_UNIX), pipe_ends[1] } };

	harness_do(&service.harness, pass_descriptors, &volley);
	for (int i = 0; i < 6; i++)
		expect(volley.fds[0], "with", 4);
	close(pipe_ends[1]);
	/* The last writer is gone only if the engine kept none. */
	assert_int_equal(read(pipe_ends[0], &byte, 1), 0);
	close(pipe_ends[0]);
	close(volley.fds[0]);
	harness_stop(&service.harness);
}

/* ---- fairness ---- */

#define FLOOD 200
_Static_assert(FLOOD >= 3 * DATAGRAM_A_TURN, "the flood must be worth several turns");

struct watcher {
	struct protocol protocol;
	unsigned datagrams, datagrams_before_bytes;
	bool bytes_came;
};

static void watch(struct protocol *protocol, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct watcher *watcher = (struct watcher *)protocol;

	if (conn != NULL)
		answer->credit = 100;
	if (event->kind == PROTOCOL_DATAGRAM)
		watcher->datagrams++;
	if (event->kind == PROTOCOL_BYTES) {
		watcher->bytes_came = true;
		watcher->datagrams_before_bytes = watcher->datagrams;
		answer->send = event->span;
	}
}

static void flood(struct engine *engine, void *data)
{
	struct volley *volley = data;

	for (unsigned i = 0; i < FLOOD; i++)
		send_to(volley->service, volley->fds[0], "x", 1);
	harness_send(volley->fds[1], "y", 1);
}

static void a_flood_of_datagrams_starves_no_stream(void **state)
{
	struct watcher watcher = { .protocol.handle = watch };
	struct service service = { 0 };
	char back;

	open_udp(&service);
	harness_start(&service.harness, *state, &watcher.protocol, NULL);
	harness_do(&service.harness, serve, &(struct listening){ service.fd, ADDR_UDP });
	struct volley volley = { &service,
		{ client(AF_INET), harness_connect(&service.harness, ADDR_TCP) } };

	harness_do(&service.harness, flood, &volley);
	harness_receive(volley.fds[1], &back, 1);
	close(volley.fds[0]);
	close(volley.fds[1]);
	harness_stop(&service.harness);
	assert_true(watcher.bytes_came);
	assert_in_range(watcher.datagrams_before_bytes, 0, FLOOD - 1);
}

/* ---- twice ---- */

struct doubler {
	struct protocol protocol;
	unsigned sent;
};

static void answer_twice(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct doubler *doubler = (struct doubler *)self;

	if (event->kind == PROTOCOL_DATAGRAM_SENT)
		doubler->sent += (unsigned)event->count;
	if (event->kind != PROTOCOL_DATAGRAM)
		return;
	answer->send = event->span;
	answer->twice = true;
}

#define DOUBLED_TRAINS 5

static void send_trains_and_one(struct engine *engine, void *data)
{
	struct volley *volley = data;

	send_to(volley->service, volley->fds[0], pattern, 7);
	for (int i = 0; i < DOUBLED_TRAINS; i++)
		assert_true(send_train(volley->service, volley->fds[0], 10, 640));
}

static void expect_twice(int fd, const void *bytes, size_t length)
{
	expect(fd, bytes, length);
	expect(fd, bytes, length);
}

/* In trains, alone, and where a batch of answers is full: each two comes in a row. */
static void an_answer_may_go_twice(void **state)
{
	struct doubler doubler = { .protocol.handle = answer_twice };
	struct service service = { 0 };

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)(i * 2654435761u >> 13);
	open_udp(&service);
	harness_start(&service.harness, *state, &doubler.protocol, NULL);
	harness_do(&service.harness, serve, &(struct listening){ service.fd, ADDR_UDP });
	struct volley volley = { &service, { client(AF_INET) } };

	for (int turn = 0; turn < 10; turn++) {
		harness_do(&service.harness, send_sizes, &volley);
		for (size_t i = 0; i < 2 * SIZES; i++)
			expect(volley.fds[0], pattern + i / 2, sizes[i / 2]);
	}
	if (send_train(&service, volley.fds[0], 10, 10)) {
		expect_twice(volley.fds[0], pattern, 10);
		harness_do(&service.harness, send_trains_and_one, &volley);
		expect_twice(volley.fds[0], pattern, 7);
		for (int i = 0; i < DOUBLED_TRAINS * 64; i++)
			expect_twice(volley.fds[0], pattern + i % 64 * 10, 10);
	}
	expect_nothing(volley.fds[0]);
	close(volley.fds[0]);
	harness_stop(&service.harness);
	assert_true(doubler.sent >= 10 * 2 * SIZES);
}

/* ---- later ---- */

struct postponer {
	struct protocol protocol;
	uint64_t by_ns;
	size_t sent, lost;
};

/* What begins with an 'L' leaves later. */
static void postpone(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct postponer *postponer = (struct postponer *)self;

	if (event->kind == PROTOCOL_DATAGRAM_SENT)
		postponer->sent += event->count;
	if (event->kind == PROTOCOL_DATAGRAM_LOST)
		postponer->lost += event->count;
	if (event->kind != PROTOCOL_DATAGRAM)
		return;
	answer->send = event->span;
	if (event->span.length > 0 && event->span.bytes[0] == 'L')
		answer->wake_ns = clock_now_ns() + postponer->by_ns;
}

static void start_postponer(struct service *service, struct postponer *postponer, void **state)
{
	memset(service, 0, sizeof(*service));
	open_udp(service);
	harness_start(&service->harness, *state, &postponer->protocol, NULL);
	harness_do(&service->harness, serve, &(struct listening){ service->fd, ADDR_UDP });
}

static void send_later_and_now(struct engine *engine, void *data)
{
	struct volley *volley = data;

	send_to(volley->service, volley->fds[0], "L1", 2);
	send_to(volley->service, volley->fds[0], "L2", 2);
	send_to(volley->service, volley->fds[0], "now", 3);
	send_to(volley->service, volley->fds[0], "", 0);
}

static void an_answer_may_leave_later(void **state)
{
	struct postponer postponer = { .protocol.handle = postpone, .by_ns = 30 * CLOCK_NS_PER_MS };
	struct service service;
	uint64_t start_ns;

	start_postponer(&service, &postponer, state);
	struct volley volley = { &service, { client(AF_INET) } };

	start_ns = clock_now_ns();
	harness_do(&service.harness, send_later_and_now, &volley);
	expect(volley.fds[0], "now", 3);
	expect(volley.fds[0], "", 0);
	expect(volley.fds[0], "L1", 2);
	assert_true(clock_now_ns() - start_ns >= postponer.by_ns);
	expect(volley.fds[0], "L2", 2);
	expect_nothing(volley.fds[0]);
	close(volley.fds[0]);
	harness_stop(&service.harness);
	assert_int_equal(postponer.sent, 4);
	assert_int_equal(postponer.lost, 0);
}

#define LATE_BYTES 60000
#define LATE_MOST (POSTPONED_MOST_BYTES / LATE_BYTES)

static void send_late(struct engine *engine, void *data)
{
	static unsigned char late[LATE_BYTES] = "L";
	struct volley *volley = data;

	send_to(volley->service, volley->fds[0], late, sizeof(late));
}

/* So that what the engine's thread has written may be read. */
static void do_nothing(struct engine *engine, void *data)
{
}

/* Each is received in the round behind the one in which it was sent: the socket's buffer holds them. */
static void what_leaves_later_is_bounded(void **state)
{
	struct postponer postponer = { .protocol.handle = postpone,
		.by_ns = 3600 * CLOCK_NS_PER_S };
	struct service service;
	size_t before;

	start_postponer(&service, &postponer, state);
	struct volley volley = { &service, { client(AF_INET) } };

	for (unsigned i = 0; i < LATE_MOST + 20; i++)
		harness_do(&service.harness, send_late, &volley);
	send_to(&service, volley.fds[0], "now", 3);
	expect(volley.fds[0], "now", 3);
	harness_do(&service.harness, do_nothing, NULL);
	before = postponer.lost;
	assert_in_range(before, 20, 40);
	close(volley.fds[0]);
	harness_stop(&service.harness);
	assert_int_equal(postponer.lost, LATE_MOST + 20);
	assert_int_equal(postponer.sent, 1);
}

int main(void)
{
	const struct harness_test tests[] = {
		HARNESS_TEST(mixed_sizes_in_a_batch_stay_apart),
		HARNESS_TEST(peers_in_a_batch_get_their_own),
		HARNESS_TEST(answers_come_from_the_address_asked),
		HARNESS_TEST(a_train_is_as_many_datagrams),
		HARNESS_TEST(a_train_comes_in_as_one),
		HARNESS_TEST(answers_in_a_row_leave_as_a_train),
		HARNESS_TEST(a_train_that_is_refused_goes_one_by_one),
		HARNESS_TEST(a_lost_answer_takes_no_other_with_it),
		HARNESS_TEST(a_peer_that_does_not_read_stops_no_other),
		HARNESS_TEST(descriptors_passed_are_closed),
		HARNESS_TEST(an_answer_may_go_twice),
		HARNESS_TEST(an_answer_may_leave_later),
		HARNESS_TEST(what_leaves_later_is_bounded),
		HARNESS_TEST(a_flood_of_datagrams_starves_no_stream),
	};

	return harness_main(tests, sizeof(tests) / sizeof(tests[0]));
}
