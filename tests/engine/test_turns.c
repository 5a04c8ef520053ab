/*
 * Turns: a busy peer, or many connects at once, do not delay the others. And what a
 * protocol takes is its credit when a message has come, not when the wait for it began.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/addr.h"
#include "net/socket.h"

#define MUCH (4u << 20)
#define CROWD 400

/* ---- a protocol that takes everything and says nothing ---- */

struct taker {
	struct protocol protocol;
	const struct harness *harness;
	size_t taken, taken_before; /* by the others, when the one byte came */
	unsigned opened_before; /* so many had been let in by then */
	unsigned singles; /* messages of one byte */
};

static void take(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct taker *taker = (struct taker *)self;

	answer->credit = 1u << 30;
	if (event->kind == PROTOCOL_END)
		answer->end = PROTOCOL_CLOSE;
	if (event->kind != PROTOCOL_BYTES)
		return;
	if (event->span.length > 1) {
		taker->taken += event->span.length;
	} else {
		taker->singles++;
		taker->taken_before = taker->taken;
		taker->opened_before = taker->harness->news.opened;
	}
}

static void start_with(struct taker *taker, struct harness *harness, void **state,
	const struct engine_options *options)
{
	*taker = (struct taker){ .protocol.handle = take, .harness = harness };
	harness_start(harness, *state, &taker->protocol, options);
}

static void start(struct taker *taker, struct harness *harness, void **state)
{
	start_with(taker, harness, state, NULL);
}

struct look {
	const struct taker *taker;
	bool answered;
};

static void look(struct engine *engine, void *data)
{
	struct look *one = data;

	one->answered = one->taker->singles > 0;
}

static void await_single(struct harness *harness, const struct taker *taker)
{
	struct look one = { .taker = taker };

	for (unsigned i = 0; i < 1000000 && !one.answered; i++)
		harness_do(harness, look, &one);
	assert_true(one.answered);
}

/* ---- a busy peer ---- */

struct talk {
	int much_fd, single_fd;
	struct taker *taker;
	int theirs_fd, their_single_fd; /* the engine's ends */
	size_t sent;
	int there; /* of it, in the engine's socket */
};

/* On the engine's thread, which meanwhile does nothing else: when it goes on, both are there. */
static void say_much_and_little(struct engine *engine, void *data)
{
	struct talk *talk = data;
	char *bytes = calloc(1, MUCH);
	ssize_t n;

	talk->sent = 0;
	while (talk->sent < MUCH &&
		(n = send(talk->much_fd, bytes, MUCH - talk->sent, MSG_DONTWAIT | MSG_NOSIGNAL)) >
			0)
		talk->sent += (size_t)n;
	free(bytes);
	assert_int_equal(ioctl(talk->theirs_fd, FIONREAD, &talk->there), 0);
	/* What there was before does not count. */
	talk->taker->taken = 0;
	talk->taker->singles = 0;
	assert_int_equal(send(talk->single_fd, "x", 1, MSG_NOSIGNAL), 1);
	/* The kernel may be busy: it is there when it is there. */
	for (int there = 0; there == 0;)
		assert_int_equal(ioctl(talk->their_single_fd, FIONREAD, &there), 0);
}

/* The kernel opens the window of a connection that has moved much. */
static void widen(int fd)
{
	char *bytes = calloc(1, MUCH);

	for (unsigned i = 0; i < 2; i++)
		harness_send(fd, bytes, MUCH);
	free(bytes);
}

/* At most so much of the busy peer's comes before the other one's byte. */
static void assert_others_are_not_delayed(
	void **state, const struct engine_options *options, size_t most)
{
	struct taker taker;
	struct harness harness;
	struct talk talk = { .taker = &taker };
	size_t least = most + (256u << 10); /* in the socket, or there would be nothing to see */

	start_with(&taker, &harness, state, options);
	talk.much_fd = harness_connect(&harness, ADDR_TCP);
	talk.theirs_fd = harness.news.last_fd;
	talk.single_fd = harness_connect(&harness, ADDR_TCP);
	talk.their_single_fd = harness.news.last_fd;
	for (unsigned tries = 0; tries < 300 && (size_t)talk.there < least; tries++) {
		widen(talk.much_fd);
		harness_do(&harness, say_much_and_little, &talk);
		await_single(&harness, &taker);
	}
	close(talk.much_fd);
	close(talk.single_fd);
	harness_stop(&harness);
	if ((size_t)talk.there < least)
		skip(); /* this kernel keeps its windows small */
	if (taker.taken_before > most)
		fail_msg("%zu of %d bytes came first", taker.taken_before, talk.there);
}

static void a_busy_peer_does_not_delay_others(void **state)
{
	const struct engine_ops *ops = *state;

	/*
	 * A turn is 256 KiB of a ready socket, and one may have been had before; of a ring, what its buffers take at a
	 * time: 16 of 64 KiB.
	 */
	assert_others_are_not_delayed(
		state, NULL, strcmp(ops->name, "epoll") == 0 ? 512u << 10 : 2u << 20);
}

/* Where the urgent mark is sought, both engines receive by themselves: a turn is the same. */
static void nor_does_one_whose_urgent_bytes_are_marked(void **state)
{
	struct engine_options options = {
		.pool_bytes = ENGINE_DEFAULT_POOL_BYTES,
		.mark_urgent = true,
	};

	assert_others_are_not_delayed(state, &options, 512u << 10);
}

/* ---- many connects ---- */

struct storm {
	uint16_t port;
	int fds[CROWD];
	int single_fd;
};

static void storm(struct engine *engine, void *data)
{
	struct storm *storm = data;

	for (unsigned i = 0; i < CROWD; i++)
		storm->fds[i] = harness_dial(storm->port);
	assert_int_equal(send(storm->single_fd, "x", 1, MSG_NOSIGNAL), 1);
}

static void many_connects_do_not_delay_others(void **state)
{
	struct taker taker;
	struct harness harness;
	struct storm one = { 0 };
	unsigned before;

	start(&taker, &harness, state);
	one.port = harness_listen(&harness);
	one.single_fd = harness_connect(&harness, ADDR_TCP);
	before = harness.news.opened;
	harness_do(&harness, storm, &one);
	await_single(&harness, &taker);
	if (taker.opened_before - before > CROWD / 2)
		fail_msg("%u of %d came in first", taker.opened_before - before, CROWD);
	for (unsigned i = 0; i < CROWD; i++)
		close(one.fds[i]);
	close(one.single_fd);
	harness_stop(&harness);
}

/* ---- what a connection is born with ---- */

static int option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
	return value;
}

struct last {
	const struct harness *harness;
	unsigned opened;
	int keepalive, nodelay, quick_acks;
};

static void look_at_last(struct engine *engine, void *data)
{
	struct last *last = data;

	last->opened = last->harness->news.opened;
	if (last->opened == 0)
		return;
	last->keepalive = option_of(last->harness->news.last_fd, SOL_SOCKET, SO_KEEPALIVE);
	last->nodelay = option_of(last->harness->news.last_fd, IPPROTO_TCP, TCP_NODELAY);
	last->quick_acks = option_of(last->harness->news.last_fd, IPPROTO_TCP, TCP_QUICKACK);
}

struct serving {
	int fd;
	struct addr bound;
};

static void serve(struct engine *engine, void *data)
{
	assert_int_equal(engine_listen(engine, ((struct serving *)data)->fd, ADDR_TCP, 0), 0);
}

/* A peer without power is found in the end; an echo acknowledges by itself, and no ACK goes before it. */
static void an_accepted_connection_has_its_options(void **state)
{
	struct addr addr = {
		.scheme = ADDR_TCP,
		.length = sizeof(addr.in),
		.in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } },
	};
	struct socket_listen_options options = { .backlog = 10 };
	struct serving serving;
	struct taker taker;
	struct harness harness;
	struct last last = { .harness = &harness };
	int fd;

	start(&taker, &harness, state);
	assert_int_equal(socket_open_server(&addr, &options, &serving.fd, &serving.bound, NULL), 0);
	harness_do(&harness, serve, &serving);
	fd = harness_dial(addr_port(&serving.bound));
	for (unsigned i = 0; i < 1000000 && last.opened == 0; i++)
		harness_do(&harness, look_at_last, &last);
	assert_int_equal(last.opened, 1);
	assert_int_equal(last.keepalive, 1);
	assert_int_equal(last.nodelay, 1);
	assert_int_equal(last.quick_acks, 0);
	close(fd);
	harness_stop(&harness);
}

/* ---- credit ---- */

struct flow {
	struct protocol protocol;
	uint32_t credit; /* after each event */
	unsigned messages, truncated;
	unsigned char bytes[200];
	size_t length;
};

static void take_message(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct flow *flow = (struct flow *)self;

	if (event->kind == PROTOCOL_OPENED)
		answer->send = (struct protocol_span){ (const unsigned char *)"ask", 3, NULL };
	if (event->kind == PROTOCOL_BYTES) {
		flow->messages++;
		flow->truncated += event->truncated;
		flow->length = event->span.length;
		assert_true(flow->length <= sizeof(flow->bytes));
		memcpy(flow->bytes, event->span.bytes, flow->length);
	}
	answer->credit = flow->credit;
}

struct order {
	struct engine_connect_options options;
	uint64_t name;
	struct flow *flow;
	uint32_t credit;
};

static void call(struct engine *engine, void *data)
{
	struct order *order = data;

	assert_int_equal(engine_connect(engine, &order->options, &order->name), 0);
}

static void change_credit(struct engine *engine, void *data)
{
	struct order *order = data;

	order->flow->credit = order->credit;
	assert_true(engine_nudge(engine, order->name));
}

static void count_messages(struct engine *engine, void *data)
{
	struct order *order = data;

	order->credit = order->flow->messages;
}

/* From `before` while it is waited for to `after` when it comes: so much of 100 bytes is reported. */
static void receive_with_credit(void **state, uint32_t before, uint32_t after, size_t reported)
{
	struct flow flow = { .protocol.handle = take_message, .credit = before };
	struct sockaddr_in own = { .sin_family = AF_INET }, peer;
	socklen_t length = sizeof(own);
	struct addr to = { .scheme = ADDR_UDP, .length = sizeof(own) };
	struct order order = { .options.to = &to, .flow = &flow, .credit = after };
	struct harness harness;
	unsigned char message[100], text[3];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &length), 0);
	to.in = own;
	harness_start(&harness, *state, &flow.protocol, NULL);
	harness_do(&harness, call, &order);
	assert_int_equal(recvfrom(fd, text, 3, 0, (struct sockaddr *)&peer, &length), 3);
	/* Once for the round in which it was asked, and once for the one in which it waits. */
	harness_do(&harness, count_messages, &order);
	harness_do(&harness, count_messages, &order);
	order.credit = after;
	harness_do(&harness, change_credit, &order);
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (unsigned char)(i + 1);
	assert_int_equal(
		sendto(fd, message, sizeof(message), 0, (struct sockaddr *)&peer, length), 100);
	order.credit = 0;
	for (unsigned i = 0; i < 1000000 && order.credit == 0; i++)
		harness_do(&harness, count_messages, &order);
	assert_int_equal(flow.messages, 1);
	assert_int_equal(flow.length, reported);
	assert_int_equal(flow.truncated, reported < sizeof(message));
	assert_memory_equal(flow.bytes, message, reported);
	harness_stop(&harness);
	close(fd);
}

static void credit_may_change_while_a_message_is_waited_for(void **state)
{
	receive_with_credit(state, 10, 200, 100);
	receive_with_credit(state, 200, 10, 10);
	receive_with_credit(state, 200, 200, 100);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_busy_peer_does_not_delay_others),
		HARNESS_TEST(nor_does_one_whose_urgent_bytes_are_marked),
		HARNESS_TEST(many_connects_do_not_delay_others),
		HARNESS_TEST(an_accepted_connection_has_its_options),
		HARNESS_TEST(credit_may_change_while_a_message_is_waited_for),
	};

	return harness_main(tests, sizeof(tests) / sizeof(tests[0]));
}
