/*
 * client/dial: the order of the addresses, and the race between them. Listeners are on loopback; an
 * address that never answers is a listener whose queue is full.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "client/dial.h"

static struct addr make(const char *text, uint16_t port)
{
	struct addr addr = { .scheme = ADDR_TCP, .length = sizeof(addr.in) };

	addr.in.sin_family = AF_INET;
	addr.in.sin_port = htons(port);
	if (inet_pton(AF_INET, text, &addr.in.sin_addr) == 1)
		return addr;
	addr.length = sizeof(addr.in6);
	addr.in6.sin6_family = AF_INET6;
	addr.in6.sin6_port = htons(port);
	assert_int_equal(inet_pton(AF_INET6, text, &addr.in6.sin6_addr), 1);
	return addr;
}

/* A listener on 127.0.0.x; `ret_addr` has its port. */
static int listen_on(const char *host, int backlog, struct addr *ret_addr)
{
	*ret_addr = make(host, 0);

	int fd = socket(ret_addr->generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &ret_addr->generic, ret_addr->length), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, &ret_addr->generic, &ret_addr->length), 0);
	return fd;
}

/* A port that nobody listens on: bound, and not listening, until the test closes it. */
static int hold_port(const char *host, struct addr *ret_addr)
{
	*ret_addr = make(host, 0);

	int fd = socket(ret_addr->generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, &ret_addr->generic, ret_addr->length), 0);
	assert_int_equal(getsockname(fd, &ret_addr->generic, &ret_addr->length), 0);
	return fd;
}

#define FILLERS 4

/* Fills the queue of a listener of backlog 0, so that further SYNs stay without an answer. */
static int listen_silently(const char *host, struct addr *ret_addr, int fillers[FILLERS])
{
	int fd = listen_on(host, 0, ret_addr);

	for (int i = 0; i < FILLERS; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fillers[i], &ret_addr->generic, ret_addr->length);
	}
	return fd;
}

static void close_all(int fillers[FILLERS])
{
	for (int i = 0; i < FILLERS; i++)
		close(fillers[i]);
}

static void test_families_take_turns(void **state)
{
	static const char *const before[] = { "::1", "::2", "::3", "127.0.0.1", "127.0.0.2" };
	static const char *const after[] = { "::1", "127.0.0.1", "::2", "127.0.0.2", "::3" };
	struct resolve_list list = { .count = 5 };

	for (size_t i = 0; i < 5; i++)
		list.addrs[i] = make(before[i], 7);
	dial_order(&list);
	assert_int_equal(list.count, 5);
	for (size_t i = 0; i < 5; i++) {
		struct addr expected = make(after[i], 7);

		assert_true(addr_equal(&list.addrs[i], &expected));
	}
}

static void test_one_address_answers(void **state)
{
	struct resolve_list list = { .count = 1 };
	struct dial_options options = { .timeout_ns = 10 * CLOCK_NS_PER_S };
	struct dial_report report;
	struct addr addr;
	int listener = listen_on("127.0.0.1", 5, &list.addrs[0]), fd = -1;

	assert_int_equal(dial(&list, &options, &report, &fd, &addr), 0);
	assert_true(addr_equal(&addr, &list.addrs[0]));
	assert_int_equal(report.count, 1);
	assert_int_equal(report.attempts[0].error, 0);
	close(fd);
	close(listener);
}

static void test_refusal_goes_on_at_once(void **state)
{
	struct resolve_list list = { .count = 2 };
	/* A head start longer than the test may take: only the refusal can bring the next. */
	struct dial_options options = { .timeout_ns = 60 * CLOCK_NS_PER_S,
		.stagger_ns = 30 * CLOCK_NS_PER_S };
	struct dial_report report;
	struct addr addr;
	int held = hold_port("127.0.0.1", &list.addrs[0]), fd = -1;
	int listener = listen_on("127.0.0.2", 5, &list.addrs[1]);
	uint64_t start_ns = clock_now_ns();

	assert_int_equal(dial(&list, &options, &report, &fd, &addr), 0);
	assert_true(clock_now_ns() - start_ns < 20 * CLOCK_NS_PER_S);
	assert_true(addr_equal(&addr, &list.addrs[1]));
	assert_int_equal(report.attempts[0].error, -ECONNREFUSED);
	assert_string_equal(report.attempts[0].call, "connect");
	close(fd);
	close(held);
	close(listener);
}

static void test_silence_lets_the_next_begin(void **state)
{
	struct resolve_list list = { .count = 2 };
	struct dial_options options = { .timeout_ns = 60 * CLOCK_NS_PER_S,
		.stagger_ns = 20 * CLOCK_NS_PER_MS };
	struct dial_report report;
	struct addr addr;
	int fillers[FILLERS];
	int silent = listen_silently("127.0.0.1", &list.addrs[0], fillers), fd = -1;
	int listener = listen_on("127.0.0.2", 5, &list.addrs[1]);

	assert_int_equal(dial(&list, &options, &report, &fd, &addr), 0);
	assert_true(addr_equal(&addr, &list.addrs[1]));
	assert_int_equal(report.count, 2);
	assert_int_equal(report.attempts[0].error, 0); /* it merely lost */
	close(fd);
	close_all(fillers);
	close(silent);
	close(listener);
}

/*
 * The head start where none is asked for: not less than the RFC's 250 ms, and on a machine that is
 * not too busy not much more.
 */
static void test_the_head_start_is_a_quarter_of_a_second(void **state)
{
	uint64_t least_ns = UINT64_MAX;

	for (int i = 0; i < 5 && least_ns > 400 * CLOCK_NS_PER_MS; i++) {
		struct resolve_list list = { .count = 2 };
		struct dial_options options = { .timeout_ns = 60 * CLOCK_NS_PER_S };
		struct dial_report report;
		struct addr addr;
		int fillers[FILLERS];
		int silent = listen_silently("127.0.0.1", &list.addrs[0], fillers), fd = -1;
		int listener = listen_on("127.0.0.2", 5, &list.addrs[1]);
		uint64_t start_ns = clock_now_ns(), took_ns;

		assert_int_equal(dial(&list, &options, &report, &fd, &addr), 0);
		took_ns = clock_now_ns() - start_ns;
		assert_true(addr_equal(&addr, &list.addrs[1]));
		assert_true(took_ns >= 250 * CLOCK_NS_PER_MS);
		least_ns = took_ns < least_ns ? took_ns : least_ns;
		close(fd);
		close_all(fillers);
		close(silent);
		close(listener);
	}
	assert_true(least_ns <= 400 * CLOCK_NS_PER_MS);
}

static void test_all_fail(void **state)
{
	struct resolve_list list = { .count = 2 };
	struct dial_options options = { .timeout_ns = 10 * CLOCK_NS_PER_S };
	struct dial_report report;
	struct addr addr;
	int one = hold_port("127.0.0.1", &list.addrs[0]), fd = -7;
	int two = hold_port("127.0.0.2", &list.addrs[1]);

	assert_int_equal(dial(&list, &options, &report, &fd, &addr), -ECONNREFUSED);
	assert_int_equal(fd, -7); /* untouched */
	assert_int_equal(report.count, 2);
	assert_int_equal(report.attempts[1].error, -ECONNREFUSED);
	close(one);
	close(two);
}

static void test_time_runs_out(void **state)
{
	struct resolve_list list = { .count = 1 };
	struct dial_options options = { .timeout_ns = 50 * CLOCK_NS_PER_MS };
	struct dial_report report;
	struct addr addr;
	int fillers[FILLERS], fd = -1;
	int silent = listen_silently("127.0.0.1", &list.addrs[0], fillers);

	assert_int_equal(dial(&list, &options, &report, &fd, &addr), -ETIMEDOUT);
	assert_int_equal(report.attempts[0].error, -ETIMEDOUT);
	close_all(fillers);
	close(silent);
}

static void test_source_is_bound(void **state)
{
	struct resolve_list list = { .count = 1 }, sources = { .count = 1 };
	struct dial_options options = { .timeout_ns = 10 * CLOCK_NS_PER_S, .sources = &sources };
	struct dial_report report;
	struct addr addr, own = { .scheme = ADDR_TCP, .length = sizeof(own.storage) };
	int listener = listen_on("127.0.0.1", 5, &list.addrs[0]), fd = -1;

	sources.addrs[0] = make("127.0.0.9", 0);
	assert_int_equal(dial(&list, &options, &report, &fd, &addr), 0);
	assert_int_equal(getsockname(fd, &own.generic, &own.length), 0);
	assert_int_equal(own.in.sin_addr.s_addr, sources.addrs[0].in.sin_addr.s_addr);
	close(fd);

	sources.addrs[0] = make("::1", 0);
	assert_int_equal(dial(&list, &options, &report, &fd, &addr), -EADDRNOTAVAIL);
	assert_string_equal(report.attempts[0].call, "bind");
	close(listener);
}

/* ---- datagrams ---- */

/* A datagram socket on 127.0.0.x; `ret_addr` has its port. */
static int receive_on(const char *host, struct addr *ret_addr)
{
	*ret_addr = make(host, 0);
	ret_addr->scheme = ADDR_UDP;

	int fd = socket(ret_addr->generic.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &ret_addr->generic, ret_addr->length), 0);
	assert_int_equal(getsockname(fd, &ret_addr->generic, &ret_addr->length), 0);
	return fd;
}

static struct addr refusing(const char *host)
{
	struct addr addr;

	close(receive_on(host, &addr));
	return addr;
}

static void *answer_one(void *context)
{
	const int *fd = context;
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	char bytes[16];
	ssize_t n = recvfrom(*fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length);

	sendto(*fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, length);
	/* Doubled: the second is not for the conversation. */
	sendto(*fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, length);
	return NULL;
}

static void expect_nothing_queued(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_a_datagram_that_is_refused_goes_on(void **state)
{
	struct resolve_list list = { .count = 2 };
	struct dial_options options = { .timeout_ns = 60 * CLOCK_NS_PER_S,
		.stagger_ns = 30 * CLOCK_NS_PER_S };
	struct dial_report report;
	struct addr addr;
	pthread_t thread;
	int service, fd = -1;

	list.addrs[0] = refusing("127.0.0.1");
	service = receive_on("127.0.0.2", &list.addrs[1]);
	assert_int_equal(pthread_create(&thread, NULL, answer_one, &service), 0);
	assert_int_equal(dial(&list, &options, &report, &fd, &addr), 0);
	pthread_join(thread, NULL);
	assert_true(addr_equal(&addr, &list.addrs[1]));
	assert_int_equal(report.count, 2);
	assert_int_equal(report.attempts[0].error, -ECONNREFUSED);
	assert_int_equal(report.attempts[1].error, 0);
	expect_nothing_queued(fd);
	close(fd);
	close(service);
}

/* The head start is longer than the test: the second is not tried. */
static void test_a_datagram_that_is_answered_wins(void **state)
{
	struct resolve_list list = { .count = 2 };
	struct dial_options options = { .timeout_ns = 60 * CLOCK_NS_PER_S,
		.stagger_ns = 30 * CLOCK_NS_PER_S };
	struct dial_report report;
	struct addr addr;
	pthread_t thread;
	int service = receive_on("127.0.0.1", &list.addrs[0]), fd = -1;
	int silent = receive_on("127.0.0.2", &list.addrs[1]);

	assert_int_equal(pthread_create(&thread, NULL, answer_one, &service), 0);
	assert_int_equal(dial(&list, &options, &report, &fd, &addr), 0);
	pthread_join(thread, NULL);
	assert_true(addr_equal(&addr, &list.addrs[0]));
	assert_int_equal(report.count, 1);
	expect_nothing_queued(fd);
	expect_nothing_queued(silent);
	close(fd);
	close(silent);
	close(service);
}

/* Not every service answers a datagram of one byte: the first that does not refuse is taken. */
static void test_silent_datagrams_leave_the_first(void **state)
{
	struct resolve_list list = { .count = 3 };
	struct dial_options options = { .timeout_ns = 60 * CLOCK_NS_PER_S,
		.stagger_ns = 10 * CLOCK_NS_PER_MS };
	struct dial_report report;
	struct addr addr;
	int one, two, fd = -1;

	list.addrs[0] = refusing("127.0.0.1");
	one = receive_on("127.0.0.2", &list.addrs[1]);
	two = receive_on("127.0.0.3", &list.addrs[2]);
	assert_int_equal(dial(&list, &options, &report, &fd, &addr), 0);
	assert_true(addr_equal(&addr, &list.addrs[1]));
	assert_int_equal(report.count, 3);
	close(fd);
	/* No longer than the time there is. */
	options.timeout_ns = 1 * CLOCK_NS_PER_MS;
	options.stagger_ns = 3600 * CLOCK_NS_PER_S;
	assert_int_equal(dial(&list, &options, &report, &fd, &addr), 0);
	assert_true(addr_equal(&addr, &list.addrs[1]));
	close(fd);
	close(one);
	close(two);
}

static void test_all_datagrams_are_refused(void **state)
{
	struct resolve_list list = { .count = 2 };
	struct dial_options options = { .timeout_ns = 60 * CLOCK_NS_PER_S };
	struct dial_report report;
	struct addr addr;
	int fd = -7;

	list.addrs[0] = refusing("127.0.0.1");
	list.addrs[1] = refusing("127.0.0.2");
	assert_int_equal(dial(&list, &options, &report, &fd, &addr), -ECONNREFUSED);
	assert_int_equal(fd, -7);
	assert_int_equal(report.count, 2);
	assert_int_equal(report.attempts[0].error, -ECONNREFUSED);
	assert_int_equal(report.attempts[1].error, -ECONNREFUSED);
}

static void test_one_address_is_sent_no_datagram(void **state)
{
	struct resolve_list list = { .count = 1 };
	struct dial_options options = { .timeout_ns = 60 * CLOCK_NS_PER_S };
	struct dial_report report;
	struct addr addr;
	int service = receive_on("127.0.0.1", &list.addrs[0]), fd = -1;

	assert_int_equal(dial(&list, &options, &report, &fd, &addr), 0);
	expect_nothing_queued(service);
	close(fd);
	close(service);
}

static void test_meeting_oneself_is_nobody(void **state)
{
	static const enum addr_scheme schemes[] = { ADDR_TCP, ADDR_UDP };

	for (size_t i = 0; i < 2; i++) {
		struct resolve_list list = { .count = 1 };
		struct dial_options options = { .timeout_ns = 60 * CLOCK_NS_PER_S,
			.sources = &list };
		struct dial_report report;
		struct addr addr;
		int fd = -7;

		int r = -EADDRINUSE;

		/* The port was free for UDP; for TCP, an old connection of another program may still have it. */
		for (int tries = 0; r == -EADDRINUSE && tries < 100; tries++) {
			list.addrs[0] = refusing("127.0.0.1");
			list.addrs[0].scheme = schemes[i];
			r = dial(&list, &options, &report, &fd, &addr);
		}
		assert_int_equal(r, -ECONNREFUSED);
		assert_int_equal(fd, -7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_families_take_turns),
		cmocka_unit_test(test_one_address_answers),
		cmocka_unit_test(test_refusal_goes_on_at_once),
		cmocka_unit_test(test_silence_lets_the_next_begin),
		cmocka_unit_test(test_the_head_start_is_a_quarter_of_a_second),
		cmocka_unit_test(test_all_fail),
		cmocka_unit_test(test_time_runs_out),
		cmocka_unit_test(test_source_is_bound),
		cmocka_unit_test(test_a_datagram_that_is_refused_goes_on),
		cmocka_unit_test(test_a_datagram_that_is_answered_wins),
		cmocka_unit_test(test_silent_datagrams_leave_the_first),
		cmocka_unit_test(test_all_datagrams_are_refused),
		cmocka_unit_test(test_one_address_is_sent_no_datagram),
		cmocka_unit_test(test_meeting_oneself_is_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
