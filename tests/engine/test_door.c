/*
 * Admission: the host is asked before a connection is reported, or a
 * datagram, and some connections can be cut while the others go on.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"
#include "protocol/echo.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct counters counters;
static struct echo echo;

static void start(struct harness *harness, void **state)
{
	counters = (struct counters){ 0 };
	echo_init(&echo, &counters, ECHO_DEFAULT_CAP_BYTES, false);
	harness_start(harness, *state, &echo.protocol, NULL);
}

static void refuse(struct engine *engine, void *data)
{
	((struct harness *)data)->refusing = true;
}

static void admit(struct engine *engine, void *data)
{
	((struct harness *)data)->refusing = false;
}

static void nothing(struct engine *engine, void *data)
{
}

static bool echoes(int fd)
{
	char text[6];

	harness_send(fd, "hello", 6);
	harness_receive(fd, text, 6);
	return strcmp(text, "hello") == 0;
}

/* Waits for the end, which must be a reset. */
static void expect_reset(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
}

static void a_refused_connection_is_reset_and_not_reported(void **state)
{
	struct harness harness;
	uint16_t port;
	int inside, outside;

	start(&harness, state);
	port = harness_listen(&harness);
	inside = harness_dial(port);
	assert_true(echoes(inside));
	harness_do(&harness, refuse, &harness);
	for (int i = 0; i < 100; i++) {
		outside = harness_dial(port);
		expect_reset(outside);
	}
	assert_true(echoes(inside));
	harness_do(&harness, admit, &harness);
	outside = harness_dial(port);
	assert_true(echoes(outside));
	harness_do(&harness, nothing, NULL);
	assert_int_equal(harness.news.asked, 102);
	assert_int_equal(harness.news.opened, 2);
	assert_int_equal(harness.news.lost, 0);
	close(outside);
	close(inside);
	harness_stop(&harness);
}

static void an_adopted_connection_is_always_admitted(void **state)
{
	struct harness harness;
	int fd;

	start(&harness, state);
	harness_do(&harness, refuse, &harness);
	fd = harness_connect(&harness, ADDR_TCP);
	assert_true(echoes(fd));
	harness_do(&harness, nothing, NULL);
	assert_int_equal(harness.news.asked, 0);
	close(fd);
	harness_stop(&harness);
}

/* ---- datagrams ---- */

static void serve_datagrams(struct engine *engine, void *data)
{
	assert_int_equal(engine_listen(engine, *(int *)data, ADDR_UDP, 0), 0);
}

static void a_datagram_that_may_not_is_dropped(void **state)
{
	struct harness harness;
	struct addr any = { .scheme = ADDR_UDP, .length = sizeof(any.in) }, name;
	struct socket_listen_options options = { 0 };
	char byte;
	int fd, served;

	start(&harness, state);
	any.in.sin_family = AF_INET;
	any.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(socket_open_server(&any, &options, &served, &name, NULL), 0);
	harness_do(&harness, serve_datagrams, &served);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, &name.generic, name.length), 0);

	harness_do(&harness, refuse, &harness);
	for (int i = 0; i < 10; i++)
		assert_int_equal(send(fd, "a", 1, 0), 1);
	/* Loopback delivers at once; the engine has seen them when it has seen them all. */
	while (harness.news.asked < 10)
		harness_do(&harness, nothing, NULL);
	harness_do(&harness, admit, &harness);
	assert_int_equal(send(fd, "b", 1, 0), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'b');
	harness_do(&harness, nothing, NULL);
	assert_int_equal(harness.news.asked, 11);
	assert_int_equal(counters.datagrams_received, 1);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	close(fd);
	harness_stop(&harness);
}

/* ---- cutting some ---- */

static bool is_odd(void *context, const struct engine_conn *conn)
{
	return conn->slot % 2 == 1;
}

static void cut_odd(struct engine *engine, void *data)
{
	*(unsigned *)data = engine_cut_some(engine, is_odd, NULL);
}

static bool is_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) <= 0;
}

static void some_are_cut_and_the_others_go_on(void **state)
{
	static const enum addr_scheme schemes[] = { ADDR_TCP, ADDR_UNIX };

	for (size_t i = 0; i < COUNT(schemes); i++) {
		struct harness harness;
		int fds[6];
		unsigned count = 0;

		start(&harness, state);
		for (size_t n = 0; n < COUNT(fds); n++) {
			fds[n] = harness_connect(&harness, schemes[i]);
			assert_true(echoes(fds[n]));
		}
		harness_do(&harness, cut_odd, &count);
		assert_int_equal(count, 3);
		/* Slots are handed out in order. */
		for (size_t n = 1; n < COUNT(fds); n += 2)
			assert_true(is_ended(fds[n]));
		for (size_t n = 0; n < COUNT(fds); n += 2)
			assert_true(echoes(fds[n]));
		harness_do(&harness, nothing, NULL);
		assert_int_equal(harness.news.cut, 3);
		harness_do(&harness, cut_odd, &count);
		assert_int_equal(count, 0);
		for (size_t n = 0; n < COUNT(fds); n++)
			close(fds[n]);
		harness_stop(&harness);
	}
}

/* Each has something to do when it is cut: it waits for its turn. */
static void nudge_and_cut(struct engine *engine, void *data)
{
	engine_nudge_all(engine);
	*(unsigned *)data = engine_cut_some(engine, is_odd, NULL);
}

static void finish_when_nudged(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = 1;
	if (event->kind == PROTOCOL_NUDGED)
		answer->end = PROTOCOL_FINISH;
	if (event->kind == PROTOCOL_END)
		answer->end = PROTOCOL_CLOSE;
}

/* A reset would say that something was lost. */
static void a_cut_with_nothing_unsent_is_no_reset(void **state)
{
	struct protocol protocol = { .name = "finish", .handle = finish_when_nudged };
	struct harness harness;
	unsigned count = 0;
	char byte;
	int fds[2];

	harness_start(&harness, *state, &protocol, NULL);
	for (size_t n = 0; n < COUNT(fds); n++)
		fds[n] = harness_connect(&harness, ADDR_TCP);
	harness_do(&harness, nudge_and_cut, &count);
	assert_int_equal(count, 1);
	for (size_t n = 0; n < COUNT(fds); n++) {
		assert_int_equal(recv(fds[n], &byte, 1, 0), 0);
		close(fds[n]);
	}
	harness_do(&harness, nothing, NULL);
	assert_int_equal(harness.news.cut, 1);
	harness_stop(&harness);
}

/* In the midst of bytes, some of which the engine has still to work off. */
static void a_busy_connection_can_be_cut_too(void **state)
{
	struct harness harness;
	static const char bytes[1 << 16];
	int fds[8];
	unsigned count = 0;

	start(&harness, state);
	for (size_t n = 0; n < COUNT(fds); n++)
		fds[n] = harness_connect(&harness, ADDR_TCP);
	for (int round = 0; round < 20; round++) {
		for (size_t n = 0; n < COUNT(fds); n++)
			send(fds[n], bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	harness_do(&harness, cut_odd, &count);
	assert_int_equal(count, 4);
	for (size_t n = 0; n < COUNT(fds); n++) {
		char sink[1 << 14];

		if (n % 2 == 0) {
			shutdown(fds[n], SHUT_WR);
			while (recv(fds[n], sink, sizeof(sink), 0) > 0)
				;
		} else {
			while (recv(fds[n], sink, sizeof(sink), 0) > 0)
				;
		}
		close(fds[n]);
	}
	harness_do(&harness, nothing, NULL);
	assert_int_equal(harness.news.cut, 4);
	harness_stop(&harness);
	assert_int_equal(harness.news.done, 4);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_refused_connection_is_reset_and_not_reported),
		HARNESS_TEST(an_adopted_connection_is_always_admitted),
		HARNESS_TEST(a_datagram_that_may_not_is_dropped),
		HARNESS_TEST(some_are_cut_and_the_others_go_on),
		HARNESS_TEST(a_cut_with_nothing_unsent_is_no_reset),
		HARNESS_TEST(a_busy_connection_can_be_cut_too),
	};

	return harness_main(tests, COUNT(tests));
}
