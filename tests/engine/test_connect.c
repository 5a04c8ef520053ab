/*
 * Outgoing connections, and flows: what is reported of them to the protocol, and when.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness.h"
#include "net/resolve.h"
#include "net/socket.h"

#define MOST_CONNS 1100

/* Sends "ask" when it is opened, and notes by the number in its memory what becomes of each. */
struct asker {
	struct protocol protocol;
	bool keep_open, silent, echoes;
	const char *question; /* NULL: "ask" */
	uint32_t question_bytes;
	unsigned opened, lost, nudged, faults, deadlines;
	unsigned reported, answered, truncated,
		longest; /* receives; of three bytes and more; ... */
	uint64_t sent;
	unsigned open[MOST_CONNS];
	int error[MOST_CONNS];
};

static struct protocol_span eternal(const char *text)
{
	return (struct protocol_span){ .bytes = (const unsigned char *)text,
		.length = (uint32_t)strlen(text) };
}

static void handle(struct protocol *protocol, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct asker *asker = (struct asker *)protocol;
	uint64_t number = conn->word[0];

	switch (event->kind) {
	case PROTOCOL_OPENED:
		asker->opened++;
		asker->open[number]++;
		answer->credit = 1000;
		if (!asker->silent)
			answer->send = eternal("ask");
		if (asker->question != NULL) {
			answer->send.bytes = (const unsigned char *)asker->question;
			answer->send.length = asker->question_bytes;
		}
		break;
	case PROTOCOL_BYTES:
		asker->reported++;
		if (asker->echoes)
			answer->send = event->span;
		asker->truncated += event->truncated;
		if (event->span.length > asker->longest)
			asker->longest = event->span.length;
		if (event->span.length < 3)
			break;
		asker->answered++;
		if (!asker->keep_open)
			answer->end = PROTOCOL_CLOSE;
		break;
	case PROTOCOL_SENT: asker->sent += event->count; break;
	case PROTOCOL_NUDGED:
		asker->nudged++;
		answer->send = eternal("ask");
		break;
	case PROTOCOL_FAULT:
		asker->faults++;
		asker->error[number] = event->error;
		break;
	case PROTOCOL_DEADLINE: asker->deadlines++; break;
	case PROTOCOL_END: answer->end = PROTOCOL_CLOSE; break;
	case PROTOCOL_LOST:
		asker->lost++;
		asker->error[number] = event->error;
		break;
	default: break;
	}
}

static void start(struct asker *asker, struct harness *harness, void **state)
{
	*asker = (struct asker){ .protocol.handle = handle };
	harness_start(harness, *state, &asker->protocol, NULL);
}

static void drain(struct engine *engine, void *data)
{
	engine_drain(engine);
}

/* ---- calling ---- */

struct order {
	struct engine_connect_options options;
	uint64_t name;
	int result;
};

static void call(struct engine *engine, void *data)
{
	struct order *order = data;

	order->result = engine_connect(engine, &order->options, &order->name);
}

static struct order connect_to(struct harness *harness, const struct addr *to, uint64_t number)
{
	struct order order = { .options = { .to = to, .memory.word = { number } } };

	harness_do(harness, call, &order);
	assert_int_equal(order.result, 0);
	return order;
}

static struct addr parsed(const char *text)
{
	char own[64];
	struct addr_spec spec;
	struct resolve_list list;

	/* Abstract names are the whole machine's: two runs side by side must not meet. */
	snprintf(own, sizeof(own), "%s", text);
	if (strchr(text, '@') != NULL)
		snprintf(own, sizeof(own), "%s-%d", text, (int)getpid());
	assert_int_equal(addr_parse(own, &spec, NULL), 0);
	assert_int_equal(resolve(&spec, RESOLVE_CONNECT, &list), 0);
	return list.addrs[0];
}

/* A socket that listens, or is bound; gives the address that it got. */
static int serve(const char *text, int backlog, struct addr *ret_bound)
{
	struct addr addr = parsed(text);
	struct socket_listen_options options = { .backlog = backlog };
	int fd = -1;

	assert_int_equal(socket_open_server(&addr, &options, &fd, ret_bound, NULL), 0);
	return fd;
}

static void wait_for(int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&one, 1, 20000), 1);
}

/* The next connection that is pending; waits for it. */
static int take_call(int listener)
{
	struct timeval limit = { .tv_sec = 20 };
	int fd;

	wait_for(listener);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

struct look {
	const unsigned *counter;
	unsigned value;
};

static void look(struct engine *engine, void *data)
{
	struct look *one = data;

	one->value = *one->counter;
}

/* Waits until the engine's thread has counted so far. */
static void await(struct harness *harness, const unsigned *counter, unsigned wanted)
{
	struct look one = { .counter = counter };

	for (unsigned i = 0; i < 100000 && one.value < wanted; i++)
		harness_do(harness, look, &one);
	assert_int_equal(one.value, wanted);
}

static void serve_one_question(int listener)
{
	char text[3];
	int fd = take_call(listener);

	harness_receive(fd, text, 3);
	assert_memory_equal(text, "ask", 3);
	harness_send(fd, text, 3);
	harness_expect_end(fd);
	close(fd);
}

static void ask_and_close(void **state, const char *text)
{
	struct asker asker;
	struct harness harness;
	struct addr to;
	int listener = serve(text, 10, &to);

	start(&asker, &harness, state);
	connect_to(&harness, &to, 7);
	serve_one_question(listener);
	harness_do(&harness, drain, NULL);
	harness_wait(&harness);
	close(listener);
	assert_int_equal(asker.open[7], 1);
	assert_int_equal(asker.answered, 1);
	assert_int_equal(harness.news.opened, 1);
	assert_int_equal(harness.news.done, 1);
}

static void a_tcp_connection_is_one_like_others(void **state)
{
	ask_and_close(state, "tcp://127.0.0.1:0");
	ask_and_close(state, "tcp://[::1]:0");
}

static void a_unix_connection_is_one_like_others(void **state)
{
	ask_and_close(state, "unix:@meari-test-connect");
}

static void a_failed_connect_is_a_loss_with_its_reason(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to, gone = parsed("unix:@meari-test-absent");
	int listener = serve("tcp://127.0.0.1:0", 10, &to);

	close(listener);
	start(&asker, &harness, state);
	connect_to(&harness, &to, 1);
	connect_to(&harness, &gone, 2);
	harness_do(&harness, drain, NULL);
	harness_wait(&harness);
	assert_int_equal(asker.opened, 0);
	assert_int_equal(asker.lost, 2);
	assert_int_equal(asker.error[1], -ECONNREFUSED);
	assert_int_equal(asker.error[2], -ECONNREFUSED);
	assert_int_equal(harness.news.opened, 0);
	assert_int_equal(harness.news.lost, 2);
}

static void a_later_reset_is_a_loss(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to;
	struct linger now = { .l_onoff = 1 };
	int listener = serve("tcp://127.0.0.1:0", 10, &to);

	start(&asker, &harness, state);
	connect_to(&harness, &to, 3);

	int fd = take_call(listener);

	await(&harness, &asker.opened, 1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	harness_do(&harness, drain, NULL);
	harness_wait(&harness);
	close(listener);
	assert_int_equal(asker.lost, 1);
	assert_int_equal(asker.error[3], -ECONNRESET);
}

static void a_source_address_is_used(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to, from = parsed("tcp://127.0.0.9:0"), peer;
	int listener = serve("tcp://127.0.0.1:0", 10, &to);
	struct order order = { .options = { .to = &to, .from = &from } };

	start(&asker, &harness, state);
	harness_do(&harness, call, &order);
	assert_int_equal(order.result, 0);

	int fd = take_call(listener);

	assert_int_equal(socket_peer(fd, ADDR_TCP, &peer), 0);
	assert_true(addr_port(&peer) != 0);
	addr_set_port(&peer, 0);
	assert_true(addr_equal(&peer, &from));
	close(fd);
	/* A foreign address is an error of the function, and nothing is reported. */
	from = parsed("tcp://192.0.2.1:0");
	harness_do(&harness, call, &order);
	assert_int_equal(order.result, -EADDRNOTAVAIL);
	harness_stop(&harness);
	close(listener);
	assert_int_equal(harness.news.opened, 1);
}

/* The port is chosen for the pair of addresses, when it is called: so one source has all ports each. */
static void a_source_without_a_port_gets_it_late(void **state)
{
	struct addr to = parsed("tcp://127.0.0.1:9"), from = parsed("tcp://127.0.0.9:0"), name;
	int fd;

	assert_int_equal(socket_open_client(&to, &from, &fd, NULL), 0);
	assert_int_equal(socket_name(fd, ADDR_TCP, &name), 0);
	assert_true(addr_equal(&name, &from));
	close(fd);
}

static void a_thousand_at_once(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to;
	int listener = serve("tcp://127.0.0.1:0", 4096, &to);

	start(&asker, &harness, state);
	for (unsigned i = 0; i < 1000; i++)
		connect_to(&harness, &to, i);
	for (unsigned i = 0; i < 1000; i++)
		serve_one_question(listener);
	harness_do(&harness, drain, NULL);
	harness_wait(&harness);
	close(listener);
	assert_int_equal(asker.opened, 1000);
	assert_int_equal(asker.answered, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(asker.open[i], 1);
	assert_int_equal(harness.news.done, 1000);
}

/* A backlog of 0 takes one; the others wait until there is a place. */
static void a_full_unix_backlog_is_waited_for(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to;
	int listener = serve("unix:@meari-test-backlog", 0, &to);

	start(&asker, &harness, state);
	for (unsigned i = 0; i < 20; i++)
		connect_to(&harness, &to, i);
	for (unsigned i = 0; i < 20; i++)
		serve_one_question(listener);
	harness_do(&harness, drain, NULL);
	harness_wait(&harness);
	close(listener);
	assert_int_equal(asker.answered, 20);
	assert_int_equal(asker.lost, 0);
}

/* Takes every place in a backlog; one more would wait. */
static void fill_backlog(const struct addr *to, int fds[4])
{
	for (unsigned i = 0; i < 4; i++) {
		fds[i] = socket(
			to->generic.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fds[i], &to->generic, to->length);
	}
}

static void calling_ends_at_the_deadline(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to[2];
	int fds[8],
		listeners[2] = { serve("unix:@meari-test-backlog", 0, &to[0]),
			serve("tcp://127.0.0.1:0", 0, &to[1]) };

	start(&asker, &harness, state);
	for (unsigned i = 0; i < 2; i++) {
		struct order order = { .options = { .to = &to[i], .memory.word = { i } } };

		fill_backlog(&to[i], &fds[4 * i]);
		order.options.deadline_ns = clock_now_ns() + 30 * CLOCK_NS_PER_MS;
		harness_do(&harness, call, &order);
		assert_int_equal(order.result, 0);
	}
	harness_do(&harness, drain, NULL);
	harness_wait(&harness);
	for (unsigned i = 0; i < 8; i++)
		close(fds[i]);
	close(listeners[0]);
	close(listeners[1]);
	assert_int_equal(asker.lost, 2);
	assert_int_equal(asker.error[0], -ETIMEDOUT);
	assert_int_equal(asker.error[1], -ETIMEDOUT);
}

/* The time limit of a call is no deadline of the connection. */
static void once_connected_there_is_no_deadline(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to, full;
	int fds[4], listener = serve("tcp://127.0.0.1:0", 10, &to);
	int full_listener = serve("unix:@meari-test-backlog", 0, &full);
	struct order order = { .options = { .to = &to, .memory.word = { 0 } } };

	fill_backlog(&full, fds);
	start(&asker, &harness, state);
	asker.silent = asker.keep_open = true;
	order.options.deadline_ns = clock_now_ns() + 30 * CLOCK_NS_PER_MS;
	harness_do(&harness, call, &order);

	int fd = take_call(listener);

	await(&harness, &asker.opened, 1);
	/* When this one has waited in vain, the time of the first is long over. */
	order.options.to = &full;
	order.options.deadline_ns += 30 * CLOCK_NS_PER_MS;
	harness_do(&harness, call, &order);
	await(&harness, &asker.lost, 1);
	assert_int_equal(asker.deadlines, 0);
	harness_stop(&harness);
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
	close(fd);
	close(full_listener);
	close(listener);
	assert_int_equal(harness.news.cut, 1);
	assert_int_equal(harness.news.lost, 1);
}

/* A client that is bound to the service's own name is connected to itself: there is no service. */
static void a_socket_that_meets_itself_is_refused(void **state)
{
	static const char *const names[] = { "tcp://127.0.0.1:0", "tcp://[::1]:0",
		"udp://127.0.0.1:0", "udp://[::1]:0", "unixgram:@meari-test-itself" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct asker asker;
		struct harness harness;
		struct addr to;
		int fd = serve(names[i], 10, &to);
		struct order order = { .options = { .to = &to, .from = &to } };

		close(fd);
		start(&asker, &harness, state);
		harness_do(&harness, call, &order);
		assert_int_equal(order.result, 0);
		await(&harness, &asker.lost, 1);
		harness_stop(&harness);
		assert_int_equal(asker.opened, 0);
		assert_int_equal(asker.error[0], -ECONNREFUSED);
	}
}

static void being_cut_while_connecting(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to[2];
	int fds[8],
		listeners[2] = { serve("unix:@meari-test-backlog", 0, &to[0]),
			serve("tcp://127.0.0.1:0", 0, &to[1]) };

	start(&asker, &harness, state);
	fill_backlog(&to[0], &fds[0]);
	fill_backlog(&to[1], &fds[4]);
	for (unsigned i = 0; i < 10; i++)
		connect_to(&harness, &to[i % 2], i);
	harness_stop(&harness);
	for (unsigned i = 0; i < 8; i++)
		close(fds[i]);
	close(listeners[0]);
	close(listeners[1]);
	assert_int_equal(harness.news.opened, 0);
	assert_int_equal(harness.news.cut, 10);
	assert_int_equal(asker.lost, 0);
}

static void there_is_no_connect_while_draining(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to;
	int listener = serve("tcp://127.0.0.1:0", 10, &to);
	struct order order = { .options = { .to = &to } };

	start(&asker, &harness, state);
	connect_to(&harness, &to, 0);

	int fd = take_call(listener); /* keeps the engine from ending */

	harness_do(&harness, drain, NULL);
	harness_do(&harness, call, &order);
	assert_int_equal(order.result, -ESHUTDOWN);
	close(fd);
	harness_wait(&harness);
	close(listener);
}

/* ---- nudges ---- */

struct nudge {
	uint64_t name;
	bool reported;
};

static void nudge(struct engine *engine, void *data)
{
	struct nudge *one = data;

	one->reported = engine_nudge(engine, one->name);
}

static void a_nudge_is_reported_and_its_answer_done(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to;
	char text[3];
	int listener = serve("tcp://127.0.0.1:0", 10, &to);

	start(&asker, &harness, state);
	asker.silent = asker.keep_open = true;

	struct nudge one = { .name = connect_to(&harness, &to, 0).name };
	int fd = take_call(listener);

	await(&harness, &asker.opened, 1);
	harness_do(&harness, nudge, &one);
	assert_true(one.reported);
	harness_receive(fd, text, 3);
	assert_memory_equal(text, "ask", 3);
	harness_do(&harness, drain, NULL);
	close(fd);
	harness_wait(&harness);
	close(listener);
	assert_int_equal(asker.nudged, 1);
	assert_int_equal(harness.news.done, 1);
}

static void a_nudge_for_a_closed_connection_is_not_reported(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to;
	int fds[4], listener = serve("unix:@meari-test-backlog", 0, &to);

	start(&asker, &harness, state);
	fill_backlog(&to, fds);

	struct nudge one = { .name = connect_to(&harness, &to, 0).name, .reported = true };

	harness_do(&harness, nudge, &one); /* not yet */
	assert_false(one.reported);
	close(listener);
	await(&harness, &asker.lost, 1);
	one.reported = true;
	harness_do(&harness, nudge, &one); /* no longer */
	assert_false(one.reported);
	harness_stop(&harness);
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
	assert_int_equal(asker.nudged, 0);
}

/* ---- flows ---- */

static void flow_echo(void **state, const char *text)
{
	static char large[5000];
	struct asker asker;
	struct harness harness;
	struct addr to;
	struct sockaddr_storage peer;
	struct sockaddr *name = (struct sockaddr *)&peer;
	socklen_t length = sizeof(peer);
	char bytes[100];
	int fd = serve(text, 0, &to);

	start(&asker, &harness, state);
	asker.keep_open = true;
	connect_to(&harness, &to, 5);
	wait_for(fd);
	assert_int_equal(recvfrom(fd, bytes, sizeof(bytes), 0, name, &length), 3);
	assert_memory_equal(bytes, "ask", 3);
	/* Each is reported alone, also an empty one, and one that is longer than the credit. */
	assert_int_equal(sendto(fd, "", 0, 0, name, length), 0);
	assert_int_equal(sendto(fd, "ask", 3, 0, name, length), 3);
	assert_int_equal(sendto(fd, "ask", 3, 0, name, length), 3);
	assert_int_equal(sendto(fd, large, sizeof(large), 0, name, length), sizeof(large));
	await(&harness, &asker.answered, 3);
	harness_stop(&harness);
	close(fd);
	assert_int_equal(asker.reported, 4);
	assert_int_equal(asker.longest, 1000);
	assert_int_equal(asker.truncated, 1);
	assert_int_equal(harness.news.opened, 1);
	assert_int_equal(harness.news.cut, 1);
}

static void a_flow_is_reported_message_by_message(void **state)
{
	flow_echo(state, "udp://127.0.0.1:0");
	flow_echo(state, "udp://[::1]:0");
	flow_echo(state, "unixgram:@meari-test-flow");
}

static void a_refused_message_is_a_fault_and_no_loss(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to;
	int fd = serve("udp://127.0.0.1:0", 0, &to);

	close(fd);
	start(&asker, &harness, state);
	asker.keep_open = true;

	struct nudge one = { .name = connect_to(&harness, &to, 0).name };

	await(&harness, &asker.faults, 1);
	assert_int_equal(asker.error[0], -ECONNREFUSED);
	/* The service comes back: the same flow reaches it. */
	char text[21 + 6];
	snprintf(text, sizeof(text), "udp://127.0.0.1:%u", addr_port(&to));
	fd = serve(text, 0, &to);
	harness_do(&harness, nudge, &one);
	wait_for(fd);
	harness_stop(&harness);
	close(fd);
	assert_int_equal(asker.lost, 0);
	assert_int_equal(harness.news.cut, 1);
}

static void a_message_that_is_too_long_is_a_fault(void **state)
{
	static const char large[70000];
	struct asker asker;
	struct harness harness;
	struct addr to;
	int fd = serve("udp://127.0.0.1:0", 0, &to);

	start(&asker, &harness, state);
	asker.keep_open = true;
	asker.question = large;
	asker.question_bytes = sizeof(large);

	struct nudge one = { .name = connect_to(&harness, &to, 0).name };

	await(&harness, &asker.faults, 1);
	assert_int_equal(asker.error[0], -EMSGSIZE);
	harness_do(&harness, nudge, &one);
	wait_for(fd);
	harness_stop(&harness);
	close(fd);
	assert_int_equal(asker.sent, 3);
	assert_int_equal(asker.faults, 1);
}

#define MANY 60
#define AT_ONCE 10 /* so many find a place in a unix socket: net.unix.max_dgram_qlen */
#define MESSAGE_BYTES 1000

struct mailing {
	int fd;
	struct sockaddr_storage peer;
	socklen_t length;
	int next;
};

/* On the engine's thread, which therefore finds all of them at once. */
static void mail(struct engine *engine, void *data)
{
	struct mailing *mailing = data;
	char bytes[MESSAGE_BYTES];

	for (int i = 0; i < AT_ONCE; i++) {
		memset(bytes, mailing->next++, sizeof(bytes));
		assert_int_equal(sendto(mailing->fd, bytes, sizeof(bytes), 0,
					 (struct sockaddr *)&mailing->peer, mailing->length),
			sizeof(bytes));
	}
}

static void echo_messages(void **state, const char *text)
{
	struct asker asker;
	struct harness harness;
	struct addr to;
	char bytes[2 * MESSAGE_BYTES];
	struct mailing mailing = { .fd = serve(text, 0, &to), .length = sizeof(mailing.peer) };

	start(&asker, &harness, state);
	asker.keep_open = asker.echoes = true;
	connect_to(&harness, &to, 0);
	wait_for(mailing.fd);
	recvfrom(mailing.fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&mailing.peer,
		&mailing.length);
	/* The answers are not read yet. */
	while (mailing.next < MANY) {
		harness_do(&harness, mail, &mailing);
		await(&harness, &asker.reported, (unsigned)mailing.next);
	}
	/* While they leave, others come: these do not overtake. */
	for (int i = 0; i < mailing.next; i++) {
		wait_for(mailing.fd);
		if (i % AT_ONCE == 0 && mailing.next < 2 * MANY) {
			await(&harness, &asker.reported, (unsigned)mailing.next);
			mail(NULL, &mailing);
		}
		assert_int_equal(recv(mailing.fd, bytes, sizeof(bytes), 0), MESSAGE_BYTES);
		assert_int_equal(bytes[0], i);
		assert_int_equal(bytes[MESSAGE_BYTES - 1], i);
	}
	harness_stop(&harness);
	close(mailing.fd);
}

/* Also where they lie side by side in one buffer, and wait for their place together. */
static void messages_that_are_sent_on_stay_messages(void **state)
{
	echo_messages(state, "udp://127.0.0.1:0");
	echo_messages(state, "unixgram:@meari-test-flow");
}

/* The peer does not read: what it has no place for waits, whole, until it does. */
static void a_message_waits_for_its_place(void **state)
{
	struct asker asker;
	struct harness harness;
	struct addr to;
	char bytes[100];
	int fd = serve("unixgram:@meari-test-flow", 0, &to);
	int depth = 200;

	start(&asker, &harness, state);
	asker.keep_open = true;

	struct nudge one = { .name = connect_to(&harness, &to, 0).name };

	await(&harness, &asker.opened, 1);
	for (int i = 1; i < depth; i++)
		harness_do(&harness, nudge, &one);
	for (int i = 0; i < depth; i++) {
		wait_for(fd);
		assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), 3);
	}
	assert_int_equal(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
	harness_stop(&harness);
	close(fd);
	assert_int_equal(asker.sent, 3 * depth);
	assert_int_equal(asker.faults, 0);
}

/* ---- the pacer ---- */

#define PACES 200
#define PACE_NS (500 * CLOCK_NS_PER_US)

struct pacing {
	struct engine *engine;
	uint64_t next_ns;
	unsigned count;
};

static uint64_t pace(void *context, struct engine *engine, uint64_t now_ns)
{
	struct pacing *pacing = context;

	if (pacing->next_ns == 0)
		pacing->next_ns = now_ns;
	while (now_ns >= pacing->next_ns && pacing->count < PACES) {
		pacing->count++;
		pacing->next_ns += PACE_NS;
	}
	if (pacing->count < PACES)
		return pacing->next_ns;
	engine_drain(engine);
	return CLOCK_NEVER;
}

static void run_paced(void **state)
{
	static const struct engine_host paced = { .pace = pace };
	struct engine_options options = { .pool_bytes = ENGINE_DEFAULT_POOL_BYTES };
	struct asker asker = { .protocol.handle = handle };
	struct pacing pacing = { .count = 0 };
	uint64_t start_ns;

	assert_int_equal(
		engine_new(*state, &options, &asker.protocol, &paced, &pacing, &pacing.engine), 0);
	start_ns = clock_now_ns();
	assert_int_equal(engine_run(pacing.engine), 0);
	engine_free(pacing.engine);
	assert_int_equal(pacing.count, PACES);
	assert_true(clock_now_ns() - start_ns >= (PACES - 1) * PACE_NS);
}

static void the_pacer_is_called_in_time(void **state)
{
	run_paced(state);
}

#define FALLBACK_NS (3 * CLOCK_NS_PER_S)

struct waiting {
	struct engine *engine;
	uint64_t start_ns, again_ns; /* when to be called again; 0: nothing has been closed yet */
};

static uint64_t pace_until_again(void *context, struct engine *engine, uint64_t now_ns)
{
	struct waiting *waiting = context;

	if ((waiting->again_ns != 0 && now_ns >= waiting->again_ns) ||
		now_ns >= waiting->start_ns + FALLBACK_NS)
		engine_drain(engine);
	/* As if it did not know: what was closed has said it. */
	return waiting->start_ns + FALLBACK_NS;
}

static void call_the_pacer(
	void *context, const struct engine_conn *conn, enum engine_close_reason reason, int error)
{
	struct waiting *waiting = context;

	waiting->again_ns = clock_now_ns() + 20 * CLOCK_NS_PER_MS;
	engine_pace_by(waiting->engine, waiting->again_ns);
}

/* A connection is closed after the pacer's turn in its round. */
static void what_was_closed_calls_the_pacer(void **state)
{
	static const struct engine_host waits = { .pace = pace_until_again,
		.closed = call_the_pacer };
	struct engine_options options = { .pool_bytes = ENGINE_DEFAULT_POOL_BYTES };
	struct asker asker = { .protocol.handle = handle };
	struct waiting waiting = { .start_ns = clock_now_ns() };
	struct addr to;
	struct engine_connect_options connect = { .to = &to, .memory = { .word = { 1 } } };
	uint64_t name;

	close(serve("tcp://127.0.0.1:0", 10, &to));
	assert_int_equal(
		engine_new(*state, &options, &asker.protocol, &waits, &waiting, &waiting.engine),
		0);
	assert_int_equal(engine_connect(waiting.engine, &connect, &name), 0);
	assert_int_equal(engine_run(waiting.engine), 0);
	engine_free(waiting.engine);
	assert_true(waiting.again_ns != 0);
	assert_true(clock_now_ns() < waiting.start_ns + FALLBACK_NS);
}

static void *run_without_exact_waits(void *context)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		run_paced(context);
	return NULL;
}

/* As on Linux before 5.11, and in containers that do not know the call; for this thread only. */
static void an_old_kernel_waits_in_milliseconds(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_without_exact_waits, state), 0);
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct harness_test tests[] = {
		HARNESS_TEST(a_tcp_connection_is_one_like_others),
		HARNESS_TEST(a_unix_connection_is_one_like_others),
		HARNESS_TEST(a_failed_connect_is_a_loss_with_its_reason),
		HARNESS_TEST(a_later_reset_is_a_loss),
		HARNESS_TEST(a_source_address_is_used),
		HARNESS_TEST(a_source_without_a_port_gets_it_late),
		HARNESS_TEST(a_thousand_at_once),
		HARNESS_TEST(a_full_unix_backlog_is_waited_for),
		HARNESS_TEST(calling_ends_at_the_deadline),
		HARNESS_TEST(once_connected_there_is_no_deadline),
		HARNESS_TEST(a_socket_that_meets_itself_is_refused),
		HARNESS_TEST(being_cut_while_connecting),
		HARNESS_TEST(there_is_no_connect_while_draining),
		HARNESS_TEST(a_nudge_is_reported_and_its_answer_done),
		HARNESS_TEST(a_nudge_for_a_closed_connection_is_not_reported),
		HARNESS_TEST(a_flow_is_reported_message_by_message),
		HARNESS_TEST(a_refused_message_is_a_fault_and_no_loss),
		HARNESS_TEST(a_message_that_is_too_long_is_a_fault),
		HARNESS_TEST(messages_that_are_sent_on_stay_messages),
		HARNESS_TEST(a_message_waits_for_its_place),
		HARNESS_TEST(the_pacer_is_called_in_time),
		HARNESS_TEST(an_old_kernel_waits_in_milliseconds),
		HARNESS_TEST(what_was_closed_calls_the_pacer),
	};

	return harness_main(tests, sizeof(tests) / sizeof(tests[0]));
}
