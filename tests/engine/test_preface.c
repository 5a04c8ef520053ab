/*
 * A preface: bytes in front of a stream, which the host reads and the protocol never gets. Here it is one line
 * (harness.h).
 */
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/socket.h"
#include "protocol/echo.h"

#define LONG_NS (600 * CLOCK_NS_PER_S)
#define SHORT_NS (30 * CLOCK_NS_PER_MS)

static struct counters counters;
static struct echo echo;
static unsigned lost_events, nudged_events;

/* The echo, and what it must not be told before it knows of a connection. */
static void (*echo_handle)(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer);

static void handle(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	static const struct protocol_conn empty;

	if (event->kind == PROTOCOL_OPENED)
		assert_memory_equal(conn, &empty, sizeof(empty));
	lost_events += event->kind == PROTOCOL_LOST;
	nudged_events += event->kind == PROTOCOL_NUDGED;
	echo_handle(self, conn, event, answer);
}

static void set_limit(struct engine *engine, void *data)
{
	((struct harness *)data)->preface_ns = LONG_NS;
}

static void set_short_limit(struct engine *engine, void *data)
{
	((struct harness *)data)->preface_ns = SHORT_NS;
}

static void nothing(struct engine *engine, void *data)
{
}

static void nudge_all(struct engine *engine, void *data)
{
	engine_nudge_all(engine);
}

static void start(struct harness *harness, void **state, uint32_t cap_bytes)
{
	counters = (struct counters){ 0 };
	lost_events = nudged_events = 0;
	echo_init(&echo, &counters, cap_bytes, false);
	echo_handle = echo.protocol.handle;
	echo.protocol.handle = handle;
	harness_start(harness, *state, &echo.protocol, NULL);
	harness_do(harness, set_limit, harness);
}

static void expect(int fd, const char *text)
{
	char received[100] = "";

	harness_receive(fd, received, strlen(text));
	assert_string_equal(received, text);
}

static void expect_reset(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
}

static const enum addr_scheme schemes[] = { ADDR_TCP, ADDR_UNIX };

/* Tells the engine apart from one that has not seen a piece yet. */
static void wait_for_prefaces(struct harness *harness, unsigned count)
{
	do
		harness_do(harness, nothing, NULL);
	while (harness->news.prefaces < count);
}

static void the_stream_begins_behind_it(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		struct harness harness;
		int fd;

		start(&harness, state, ECHO_DEFAULT_CAP_BYTES);
		fd = harness_connect(&harness, schemes[i]);
		assert_int_equal(harness.news.opened, 0);
		harness_send(fd, "line\nhello", 10);
		expect(fd, "hello");
		harness_send(fd, "more\n", 5);
		expect(fd, "more\n");
		shutdown(fd, SHUT_WR);
		harness_expect_end(fd);
		close(fd);
		harness_stop(&harness);
		assert_int_equal(counters.bytes_received, 10);
		assert_int_equal(harness.news.done, 1);
	}
}

static void it_may_come_in_pieces(void **state)
{
	static const char line[] = "a line in pieces\n";

	for (size_t i = 0; i < 2; i++) {
		struct harness harness;
		int fd;

		start(&harness, state, 1);
		fd = harness_connect(&harness, schemes[i]);
		for (unsigned at = 0; at + 1 < sizeof(line) - 1; at++) {
			harness_send(fd, line + at, 1);
			wait_for_prefaces(&harness, at + 2);
			assert_int_equal(harness.news.opened, 0);
		}
		/* A piece that waits costs one look each time, and not one after the other. */
		assert_true(harness.news.prefaces < 4 * sizeof(line));
		harness_send(fd, "\n!x", 3);
		shutdown(fd, SHUT_WR);
		expect(fd, "!x");
		harness_expect_end(fd);
		close(fd);
		harness_stop(&harness);
	}
}

static void bulk_behind_it_is_exact(void **state)
{
	static unsigned char sent[300000], received[300000];
	struct harness harness;
	int fd;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (unsigned char)(i * 7 + i / 256);
	start(&harness, state, 4096);
	fd = harness_connect(&harness, ADDR_TCP);
	harness_send(fd, "line\n", 5);
	for (size_t at = 0; at < sizeof(sent); at += 100000) {
		harness_send(fd, sent + at, 100000);
		harness_receive(fd, received + at, 100000);
	}
	assert_memory_equal(sent, received, sizeof(sent));
	close(fd);
	harness_stop(&harness);
}

static void one_that_is_refused_is_reset(void **state)
{
	struct harness harness;

	start(&harness, state, ECHO_DEFAULT_CAP_BYTES);
	for (size_t i = 0; i < 20; i++) {
		int fd = harness_connect(&harness, ADDR_TCP);

		harness_send(fd, "! and more", 10);
		expect_reset(fd);
	}
	harness_do(&harness, nothing, NULL);
	assert_int_equal(harness.news.opened, 0);
	assert_int_equal(harness.news.cut, 20);
	assert_int_equal(counters.bytes_received, 0);
	harness_stop(&harness);
}

static void the_end_within_it_is_the_end(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		struct harness harness;
		int fd;
		char byte;

		start(&harness, state, ECHO_DEFAULT_CAP_BYTES);
		fd = harness_connect(&harness, schemes[i]);
		harness_send(fd, "no line", 7);
		wait_for_prefaces(&harness, 2);
		shutdown(fd, SHUT_WR);
		assert_true(recv(fd, &byte, 1, 0) <= 0);
		close(fd);
		fd = harness_connect(&harness, schemes[i]);
		shutdown(fd, SHUT_WR);
		assert_true(recv(fd, &byte, 1, 0) <= 0);
		close(fd);
		harness_do(&harness, nothing, NULL);
		assert_int_equal(harness.news.cut, 2);
		assert_int_equal(harness.news.opened, 0);
		harness_stop(&harness);
	}
}

static void late(void **state, bool may_be)
{
	struct harness harness;
	int fd;

	start(&harness, state, ECHO_DEFAULT_CAP_BYTES);
	harness.preface_may_be_late = may_be;
	harness_do(&harness, set_short_limit, &harness);
	fd = harness_connect(&harness, ADDR_TCP);
	harness_send(fd, "no line", 7);
	if (may_be) {
		expect(fd, "no line");
		harness_send(fd, "!", 1);
		expect(fd, "!");
		close(fd);
	} else {
		expect_reset(fd);
	}
	harness_stop(&harness);
	assert_int_equal(harness.news.opened, may_be ? 1 : 0);
}

static void late_is_refused_or_not_as_the_host_likes(void **state)
{
	late(state, false);
	late(state, true);
}

static void a_peer_that_resets_is_lost_and_the_protocol_not_told(void **state)
{
	const struct linger hard = { .l_onoff = 1 };
	struct harness harness;
	int fd;

	start(&harness, state, ECHO_DEFAULT_CAP_BYTES);
	fd = harness_connect(&harness, ADDR_TCP);
	harness_send(fd, "half", 4);
	wait_for_prefaces(&harness, 2);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	while (harness.news.lost + harness.news.cut == 0)
		harness_do(&harness, nothing, NULL);
	assert_int_equal(harness.news.opened, 0);
	assert_int_equal(lost_events, 0);
	harness_stop(&harness);
}

static void what_waits_is_not_nudged_and_can_be_cut(void **state)
{
	struct harness harness;
	int waiting, open;

	start(&harness, state, ECHO_DEFAULT_CAP_BYTES);
	open = harness_connect(&harness, ADDR_TCP);
	harness_send(open, "\nx", 2);
	expect(open, "x");
	waiting = harness_connect(&harness, ADDR_TCP);
	harness_send(waiting, "half", 4);
	harness_do(&harness, nudge_all, NULL);
	assert_int_equal(nudged_events, 1);
	harness_stop(&harness);
	assert_int_equal(harness.news.cut, 2);
	assert_int_equal(harness.news.opened, 1);
	close(waiting);
	close(open);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(the_stream_begins_behind_it),
		HARNESS_TEST(it_may_come_in_pieces),
		HARNESS_TEST(bulk_behind_it_is_exact),
		HARNESS_TEST(one_that_is_refused_is_reset),
		HARNESS_TEST(the_end_within_it_is_the_end),
		HARNESS_TEST(late_is_refused_or_not_as_the_host_likes),
		HARNESS_TEST(a_peer_that_resets_is_lost_and_the_protocol_not_told),
		HARNESS_TEST(what_waits_is_not_nudged_and_can_be_cut),
	};

	return harness_main(tests, sizeof(tests) / sizeof(tests[0]));
}
