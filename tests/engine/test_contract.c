/*
 * The contract of protocol.h and engine.h, point by point, with protocols made for it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/core.h"
#include "harness.h"
#include "net/socket.h"

/* A protocol that notes each event and answers what a test put in `script`. */
struct scripted {
	struct protocol protocol;
	unsigned reported[PROTOCOL_DATAGRAM_LOST + 1];
	int last_error;
	uint64_t sent;
	uint64_t opened_ns, deadline_ns;
	uint64_t most_bytes_at_once;
	void (*script)(struct scripted *self, struct protocol_conn *conn,
		const struct protocol_event *event, struct protocol_answer *answer);
};

static void handle(struct protocol *protocol, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct scripted *self = (struct scripted *)protocol;

	self->reported[event->kind]++;
	self->last_error = event->error;
	if (event->kind == PROTOCOL_SENT)
		self->sent += event->count;
	if (event->kind == PROTOCOL_BYTES && event->span.length > self->most_bytes_at_once)
		self->most_bytes_at_once = event->span.length;
	self->script(self, conn, event, answer);
}

static void start(struct scripted *scripted, struct harness *harness, void **state,
	void (*script)(struct scripted *, struct protocol_conn *, const struct protocol_event *,
		struct protocol_answer *))
{
	*scripted = (struct scripted){ .protocol.handle = handle, .script = script };
	harness_start(harness, *state, &scripted->protocol, NULL);
}

static struct protocol_span eternal(const char *text)
{
	return (struct protocol_span){ .bytes = (const unsigned char *)text,
		.length = (uint32_t)strlen(text) };
}

static void drain(struct engine *engine, void *data)
{
	engine_drain(engine);
}

/* ---- the protocol speaks first, then half-closes, and still receives ---- */

static void greet_and_finish(struct scripted *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	if (event->kind == PROTOCOL_OPENED) {
		answer->send = eternal("hello");
		answer->end = PROTOCOL_FINISH;
		answer->credit = 100;
	}
	if (event->kind == PROTOCOL_END)
		answer->end = PROTOCOL_CLOSE;
}

static void finish_is_a_half_close_after_what_is_sent(void **state)
{
	struct scripted scripted;
	struct harness harness;
	char text[5];

	start(&scripted, &harness, state, greet_and_finish);
	int fd = harness_connect(&harness, ADDR_TCP);

	harness_receive(fd, text, 5);
	assert_memory_equal(text, "hello", 5);
	harness_expect_end(fd);
	harness_send(fd, "still here", 10);
	close(fd);
	harness_do(&harness, drain, NULL);
	harness_wait(&harness);
	assert_int_equal(scripted.most_bytes_at_once, 10);
	assert_int_equal(scripted.reported[PROTOCOL_END], 1);
	assert_int_equal(scripted.reported[PROTOCOL_LOST], 0);
	assert_int_equal(harness.news.done, 1);
}

/* ---- never more than the credit ---- */

static void take_seven_at_a_time(struct scripted *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = 7;
	if (event->kind == PROTOCOL_BYTES)
		answer->send = event->span;
	if (event->kind == PROTOCOL_END)
		answer->end = PROTOCOL_CLOSE;
}

static void no_event_has_more_than_the_credit(void **state)
{
	struct scripted scripted;
	struct harness harness;
	char sent[3000], back[3000];

	memset(sent, 'x', sizeof(sent));
	start(&scripted, &harness, state, take_seven_at_a_time);
	int fd = harness_connect(&harness, ADDR_TCP);

	harness_send(fd, sent, sizeof(sent));
	harness_receive(fd, back, sizeof(back));
	close(fd);
	harness_stop(&harness);
	assert_int_equal(scripted.most_bytes_at_once, 7);
}

/* ---- reset ---- */

static void reset_on_bytes(struct scripted *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = 100;
	if (event->kind == PROTOCOL_BYTES)
		answer->end = PROTOCOL_RESET;
}

static void reset_is_a_reset(void **state)
{
	struct scripted scripted;
	struct harness harness;
	char byte;

	start(&scripted, &harness, state, reset_on_bytes);
	int fd = harness_connect(&harness, ADDR_TCP);

	harness_send(fd, "x", 1);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
	harness_stop(&harness);
	assert_int_equal(harness.news.cut, 1);
	assert_int_equal(scripted.reported[PROTOCOL_LOST], 0);
}

/* ---- lost: once, with the reason, also while the protocol takes nothing ---- */

static void take_nothing(struct scripted *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = 0;
}

static void a_reset_peer_is_lost_once(void **state)
{
	struct scripted scripted;
	struct harness harness;
	struct linger now = { .l_onoff = 1 };

	start(&scripted, &harness, state, take_nothing);
	int fd = harness_connect(&harness, ADDR_TCP);

	harness_send(fd, "unread", 6);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	harness_do(&harness, drain, NULL);
	harness_wait(&harness); /* ends only because the loss is noticed */
	assert_int_equal(harness.news.lost, 1);
	assert_int_equal(harness.news.last_error, -ECONNRESET);
	assert_int_equal(scripted.reported[PROTOCOL_LOST], 1);
	assert_int_equal(scripted.last_error, -ECONNRESET);
}

/* ---- deadlines ---- */

#define DELAY_NS (30 * CLOCK_NS_PER_MS)

static void close_after_a_while(struct scripted *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = 100;
	if (event->kind == PROTOCOL_OPENED) {
		self->opened_ns = clock_now_ns();
		answer->wake_ns = self->opened_ns + DELAY_NS;
	}
	if (event->kind == PROTOCOL_DEADLINE) {
		self->deadline_ns = clock_now_ns();
		answer->send = eternal("time");
		answer->end = PROTOCOL_CLOSE;
	}
}

static void a_deadline_comes_once_and_not_early(void **state)
{
	struct scripted scripted;
	struct harness harness;
	char text[4];

	start(&scripted, &harness, state, close_after_a_while);
	int fd = harness_connect(&harness, ADDR_TCP);

	harness_receive(fd, text, 4);
	harness_expect_end(fd);
	close(fd);
	harness_stop(&harness);
	assert_int_equal(scripted.reported[PROTOCOL_DEADLINE], 1);
	assert_true(scripted.deadline_ns - scripted.opened_ns >= DELAY_NS);
}

/* ---- a protocol that always has more to send neither recurses nor starves the others ---- */

#define FOUNTAIN_BYTES (3u << 20)

static void fountain(struct scripted *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = 100;
	if (event->kind != PROTOCOL_OPENED && event->kind != PROTOCOL_SENT)
		return;
	conn->word[0] += event->kind == PROTOCOL_SENT ? event->count : 0;
	if (conn->word[0] < FOUNTAIN_BYTES)
		answer->send = eternal("0123456789abcdef");
	else
		answer->end = PROTOCOL_CLOSE;
}

static void sends_answered_by_sends_go_on_to_the_end(void **state)
{
	struct scripted scripted;
	struct harness harness;
	static char got[FOUNTAIN_BYTES];

	start(&scripted, &harness, state, fountain);
	int one = harness_connect(&harness, ADDR_TCP), other = harness_connect(&harness, ADDR_TCP);

	harness_receive(other, got, sizeof(got));
	harness_expect_end(other);
	harness_receive(one, got, sizeof(got));
	harness_expect_end(one);
	for (size_t i = 0; i < sizeof(got); i += 16)
		assert_memory_equal(got + i, "0123456789abcdef", 16);
	close(one);
	close(other);
	harness_stop(&harness);
	assert_int_equal(scripted.sent, 2 * FOUNTAIN_BYTES);
}

/* ---- tasks, drain, cut ---- */

struct numbered {
	struct engine_task task;
	unsigned *next;
	unsigned number;
};

static void check_order(struct engine *engine, struct engine_task *task)
{
	struct numbered *numbered = (struct numbered *)task;

	if (*numbered->next == numbered->number)
		(*numbered->next)++;
}

static void nothing(struct engine *engine, void *data)
{
}

static void tasks_run_in_the_order_of_posting(void **state)
{
	static struct numbered tasks[1000];
	struct scripted scripted;
	struct harness harness;
	unsigned next = 0;

	start(&scripted, &harness, state, take_nothing);
	for (unsigned i = 0; i < 1000; i++) {
		tasks[i] = (struct numbered){ { .run = check_order }, &next, i };
		engine_post(harness.engine, &tasks[i].task);
	}
	harness_do(&harness, nothing, NULL);
	assert_int_equal(next, 1000);
	harness_stop(&harness);
}

static void echo_once(struct scripted *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = 100;
	if (event->kind == PROTOCOL_BYTES)
		answer->send = event->span;
	if (event->kind == PROTOCOL_END)
		answer->end = PROTOCOL_CLOSE;
}

static void drain_serves_pending_connections_and_lets_all_finish(void **state)
{
	struct scripted scripted;
	struct harness harness;
	char text[4];
	int fds[200];

	start(&scripted, &harness, state, echo_once);
	uint16_t port = harness_listen(&harness);

	for (int i = 0; i < 200; i++)
		fds[i] = harness_dial(port);
	harness_do(&harness, drain, NULL);
	for (int i = 0; i < 200; i++) {
		harness_send(fds[i], "last", 4);
		shutdown(fds[i], SHUT_WR);
		harness_receive(fds[i], text, 4);
		harness_expect_end(fds[i]);
		close(fds[i]);
	}
	harness_wait(&harness);
	assert_int_equal(harness.news.opened, 200);
	assert_int_equal(harness.news.done, 200);
}

static void count_cut(struct engine *engine, void *data)
{
	*(unsigned *)data = engine_cut(engine);
}

static void cut_counts_what_was_open(void **state)
{
	struct scripted scripted;
	struct harness harness;
	unsigned count = 0;

	start(&scripted, &harness, state, echo_once);
	int one = harness_connect(&harness, ADDR_TCP), other = harness_connect(&harness, ADDR_UNIX);

	harness_do(&harness, count_cut, &count);
	assert_int_equal(count, 2);
	harness_expect_end(one);
	harness_expect_end(other);
	close(one);
	close(other);
	harness_wait(&harness);
	assert_int_equal(harness.news.cut, 2);
}

/* ---- the listener of a connection ---- */

/* Takes what comes and keeps it: what it has of a connection is in its second word. */
static void keep(struct scripted *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = 100;
	if (event->kind == PROTOCOL_BYTES)
		conn->word[1] += event->span.length;
}

static bool keeps(const struct protocol *self, const struct protocol_conn *conn)
{
	return conn->word[1] > 0;
}

static void read_bytes_reported(struct engine *engine, void *data)
{
	*(unsigned *)data = ((const struct scripted *)engine->protocol)->reported[PROTOCOL_BYTES];
}

/* A FIN would say that the stream was complete. */
static void what_the_protocol_holds_counts_as_unsent(void **state)
{
	struct scripted scripted;
	struct harness harness;
	unsigned count = 0;
	char byte;

	start(&scripted, &harness, state, keep);
	scripted.protocol.holds_bytes = keeps;
	int one = harness_connect(&harness, ADDR_TCP), other = harness_connect(&harness, ADDR_TCP);

	harness_send(one, "x", 1);
	while (count == 0)
		harness_do(&harness, read_bytes_reported, &count);
	harness_do(&harness, count_cut, &count);
	assert_int_equal(count, 2);
	assert_int_equal(recv(one, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	harness_expect_end(other);
	close(one);
	close(other);
	harness_wait(&harness);
	assert_int_equal(harness.news.cut, 2);
}

#define FIRST_TAG 7
#define SECOND_TAG 4000000000u

static _Atomic unsigned last_tag; /* the engine writes, the test reads */

/* Notes where it came in, and sends nothing. */
static void note_tag(struct scripted *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	if (event->kind == PROTOCOL_OPENED || event->kind == PROTOCOL_DATAGRAM)
		last_tag = event->tag;
	if (event->kind == PROTOCOL_OPENED) {
		answer->send = eternal("x");
		answer->credit = 1;
	}
	if (event->kind == PROTOCOL_DATAGRAM)
		answer->send = event->span;
	if (event->kind == PROTOCOL_END)
		answer->end = PROTOCOL_CLOSE;
}

struct tagged {
	enum addr_scheme scheme;
	unsigned tag;
	struct addr name;
};

static void listen_tagged(struct engine *engine, void *data)
{
	struct socket_listen_options options = { .backlog = 10 };
	struct tagged *tagged = data;
	struct addr any = { .scheme = tagged->scheme, .length = sizeof(any.in) };
	int fd;

	any.in.sin_family = AF_INET;
	any.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(socket_open_server(&any, &options, &fd, &tagged->name, NULL), 0);
	assert_int_equal(engine_listen(engine, fd, tagged->scheme, tagged->tag), 0);
}

static void expect_tag(const struct tagged *tagged)
{
	char byte = 'x';
	int fd = socket(AF_INET, addr_socket_type(tagged->scheme) | SOCK_CLOEXEC, 0);

	last_tag = 1234;
	assert_int_equal(connect(fd, &tagged->name.generic, tagged->name.length), 0);
	if (tagged->scheme == ADDR_UDP)
		assert_int_equal(send(fd, &byte, 1, 0), 1);
	harness_receive(fd, &byte, 1);
	assert_int_equal(last_tag, tagged->tag);
	close(fd);
}

static void a_connection_carries_the_tag_of_its_listener(void **state)
{
	struct tagged tagged[] = {
		{ .scheme = ADDR_TCP, .tag = FIRST_TAG },
		{ .scheme = ADDR_TCP, .tag = SECOND_TAG },
		{ .scheme = ADDR_UDP, .tag = FIRST_TAG + 1 },
		{ .scheme = ADDR_UDP, .tag = SECOND_TAG + 1 },
	};
	struct scripted scripted;
	struct harness harness;
	char byte;
	int fd;

	start(&scripted, &harness, state, note_tag);
	for (size_t i = 0; i < sizeof(tagged) / sizeof(tagged[0]); i++)
		harness_do(&harness, listen_tagged, &tagged[i]);
	for (size_t i = 0; i < 2 * sizeof(tagged) / sizeof(tagged[0]); i++)
		expect_tag(&tagged[i % 4]);
	/* One that was handed to the engine came in nowhere. */
	last_tag = 1234;
	fd = harness_connect(&harness, ADDR_TCP);
	harness_receive(fd, &byte, 1);
	assert_int_equal(last_tag, 0);
	close(fd);
	harness_stop(&harness);
}

/* ---- out of descriptors ---- */

/*
 * Lets the engine accept two connections and no more. Ours are opened before the limit falls; the
 * two numbers that are free below it are the engine's to take.
 */
static void connect_beyond_limit(
	uint16_t port, int *fds, unsigned connected, unsigned spare, struct rlimit *ret_before)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval limit = { .tv_sec = 20 };
	struct rlimit tight;

	for (unsigned i = 0; i < connected + spare; i++)
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_before), 0);
	tight = *ret_before;
	tight.rlim_cur = (rlim_t)fds[connected + spare - 1] + 1;
	for (unsigned i = connected; i < connected + spare; i++)
		close(fds[i]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (unsigned i = 0; i < connected; i++) {
		setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		assert_int_equal(connect(fds[i], (struct sockaddr *)&in, sizeof(in)), 0);
		harness_send(fds[i], "hi", 2);
	}
}

static void out_of_descriptors_pauses_and_resumes(void **state)
{
	struct scripted scripted;
	struct harness harness;
	struct rlimit before;
	int fds[8];
	char text[2];

	start(&scripted, &harness, state, echo_once);
	connect_beyond_limit(harness_listen(&harness), fds, 6, 2, &before);
	/* Two at a time: each that leaves makes space for the next. One that waits is not refused. */
	for (int i = 0; i < 3; i++) {
		harness_receive(fds[i], text, 2);
		shutdown(fds[i], SHUT_WR);
		harness_expect_end(fds[i]);
	}
	/* A descriptor may become free elsewhere, too: none leaves, and the last one is served. */
	harness_do(&harness, nothing, NULL); /* it has found out that there is none now */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (int i = 3; i < 6; i++)
		harness_receive(fds[i], text, 2);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
	harness_stop(&harness);
	assert_int_equal(harness.news.opened, 6);
	assert_true(harness.news.paused > 0);
	assert_true(harness.news.resumed > 0);
}

static void a_drain_without_descriptors_serves_pending_connections(void **state)
{
	struct scripted scripted;
	struct harness harness;
	struct rlimit before;
	int fds[8];
	char text[2];

	start(&scripted, &harness, state, echo_once);
	connect_beyond_limit(harness_listen(&harness), fds, 6, 2, &before);
	harness_receive(fds[0], text, 2);
	harness_do(&harness, drain, NULL);
	for (int i = 0; i < 6; i++) {
		if (i > 0)
			harness_receive(fds[i], text, 2);
		shutdown(fds[i], SHUT_WR);
		harness_expect_end(fds[i]);
	}
	harness_wait(&harness);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
	assert_int_equal(harness.news.opened, 6);
	assert_int_equal(harness.news.done, 6);
}

/* ---- SENT that can wait ---- */

static void echo_and_compare(struct scripted *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = 1 << 20;
	if (event->kind == PROTOCOL_BYTES) {
		conn->word[0] += event->span.length;
		answer->send = event->span;
	}
	if (event->kind == PROTOCOL_END)
		answer->end = PROTOCOL_CLOSE;
	if (event->kind != PROTOCOL_SENT && self->sent < conn->word[0] - answer->send.length)
		answer->end = PROTOCOL_RESET;
}

static void what_has_left_is_reported_before_what_comes_next(void **state)
{
	struct scripted scripted = { .protocol = { .handle = handle, .sent_can_wait = true },
		.script = echo_and_compare };
	struct harness harness;
	char text[5];

	harness_start(&harness, *state, &scripted.protocol, NULL);
	int fd = harness_connect(&harness, ADDR_TCP);

	/* Each waits for the one before, so all that was received has left by then. */
	for (int i = 0; i < 50; i++) {
		harness_send(fd, "hello", 5);
		harness_receive(fd, text, 5);
		assert_memory_equal(text, "hello", 5);
	}
	harness_do(&harness, nothing, NULL);
	assert_int_equal(scripted.sent, 250);
	shutdown(fd, SHUT_WR);
	harness_expect_end(fd);
	close(fd);
	harness_do(&harness, drain, NULL);
	harness_wait(&harness);
	assert_int_equal(harness.news.done, 1);
}

int main(void)
{
	const struct harness_test tests[] = {
		HARNESS_TEST(finish_is_a_half_close_after_what_is_sent),
		HARNESS_TEST(no_event_has_more_than_the_credit),
		HARNESS_TEST(reset_is_a_reset),
		HARNESS_TEST(a_reset_peer_is_lost_once),
		HARNESS_TEST(a_deadline_comes_once_and_not_early),
		HARNESS_TEST(sends_answered_by_sends_go_on_to_the_end),
		HARNESS_TEST(tasks_run_in_the_order_of_posting),
		HARNESS_TEST(a_connection_carries_the_tag_of_its_listener),
		HARNESS_TEST(drain_serves_pending_connections_and_lets_all_finish),
		HARNESS_TEST(cut_counts_what_was_open),
		HARNESS_TEST(what_the_protocol_holds_counts_as_unsent),
		HARNESS_TEST(out_of_descriptors_pauses_and_resumes),
		HARNESS_TEST(a_drain_without_descriptors_serves_pending_connections),
		HARNESS_TEST(what_has_left_is_reported_before_what_comes_next),
	};

	return harness_main(tests, sizeof(tests) / sizeof(tests[0]));
}
