/*
 * ping/stamp: when bytes came. The sum is asked with made-up clocks; the kernel with a socket pair whose reader
 * comes late.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ping/stamp.h"

#define WALL_NS (1000 * CLOCK_NS_PER_S) /* ahead of the monotonic clock by so much */

static void test_a_wall_time_becomes_monotonic(void **state)
{
	struct stamp stamp = { .offset_ns = (int64_t)WALL_NS };
	uint64_t when_ns = 7;

	assert_true(stamp_translate(&stamp, WALL_NS + 5000, 5200, 6000, WALL_NS + 6000, &when_ns));
	assert_int_equal(when_ns, 5000);
	/* Slewed by less than a millisecond since: no harm. */
	assert_true(stamp_translate(&stamp, WALL_NS + 9000, 9200, 9500, WALL_NS + 9600, &when_ns));
	assert_int_equal(when_ns, 8900);
}

static void test_a_wall_clock_that_was_set_is_not_believed(void **state)
{
	static const int64_t steps_ns[] = { 2 * (int64_t)CLOCK_NS_PER_MS,
		-2 * (int64_t)CLOCK_NS_PER_MS, 3600 * (int64_t)CLOCK_NS_PER_S,
		-900 * (int64_t)CLOCK_NS_PER_S };

	for (size_t i = 0; i < sizeof(steps_ns) / sizeof(steps_ns[0]); i++) {
		struct stamp stamp = { .offset_ns = (int64_t)WALL_NS };
		uint64_t when_ns = 7, wall_ns = WALL_NS + (uint64_t)steps_ns[i];

		assert_false(stamp_translate(
			&stamp, WALL_NS + 5000, 5200, 6000, wall_ns + 6000, &when_ns));
		assert_int_equal(when_ns, 7);
		/* What comes after that is measured with the new distance. */
		assert_true(stamp_translate(
			&stamp, wall_ns + 8000, 8200, 9000, wall_ns + 9000, &when_ns));
		assert_int_equal(when_ns, 8000);
	}
}

/* Where the kernel did not note it when the bytes came, it does when they are read. */
static void test_a_time_made_by_reading_is_none(void **state)
{
	struct stamp stamp = { .offset_ns = (int64_t)WALL_NS };
	uint64_t when_ns = 7;

	assert_false(stamp_translate(&stamp, WALL_NS + 5200, 5200, 6000, WALL_NS + 6000, &when_ns));
	assert_false(stamp_translate(&stamp, WALL_NS + 9000, 5200, 6000, WALL_NS + 6000, &when_ns));
	assert_int_equal(when_ns, 7);
}

/* Two connected sockets of this kind; unix ones come as a pair. */
static void connect_pair(int family, int type, int fds[2])
{
	struct sockaddr_in names[2] = { { .sin_family = AF_INET }, { .sin_family = AF_INET } };
	socklen_t length = sizeof(names[0]);

	if (family == AF_UNIX) {
		assert_int_equal(socketpair(family, type | SOCK_CLOEXEC, 0, fds), 0);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		fds[i] = socket(family, type | SOCK_CLOEXEC, 0);
		names[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		assert_int_equal(bind(fds[i], (struct sockaddr *)&names[i], length), 0);
		assert_int_equal(getsockname(fds[i], (struct sockaddr *)&names[i], &length), 0);
	}
	if (type == SOCK_DGRAM) {
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(
				connect(fds[i], (struct sockaddr *)&names[1 - i], length), 0);
		return;
	}
	assert_int_equal(listen(fds[0], 1), 0);
	assert_int_equal(connect(fds[1], (struct sockaddr *)&names[0], length), 0);

	int accepted = accept4(fds[0], NULL, NULL, SOCK_CLOEXEC);

	assert_true(accepted >= 0);
	close(fds[0]);
	fds[0] = accepted;
}

/* Gives by how much the kernel's time is before ours, after a wait of 20 ms. */
static uint64_t measure(int family, int type, bool *ret_exact)
{
	struct stamp stamp;
	struct timespec nap = { .tv_nsec = 20 * (long)CLOCK_NS_PER_MS };
	uint64_t when_ns, sent_ns, late_ns = 0;
	char bytes[16];
	int fds[2];

	stamp_init(&stamp);
	connect_pair(family, type, fds);
	stamp_enable(fds[1]);
	*ret_exact = false;
	/* The kernel begins to note times some moments after the first socket has asked for it. */
	for (int i = 0; i < 50 && !*ret_exact; i++) {
		sent_ns = clock_now_ns();
		assert_int_equal(send(fds[0], "hello", 5, 0), 5);
		nanosleep(&nap, NULL);
		assert_int_equal(
			stamp_receive(&stamp, fds[1], bytes, sizeof(bytes), &when_ns, ret_exact),
			5);
		assert_memory_equal(bytes, "hello", 5);
		assert_true(when_ns <= clock_now_ns());
		assert_true(when_ns + CLOCK_NS_PER_MS > sent_ns);
		late_ns = clock_now_ns() - when_ns;
	}
	close(fds[0]);
	close(fds[1]);
	return late_ns;
}

static void test_the_kernel_notes_when_it_came(void **state)
{
	static const struct {
		int family, type;
	} kinds[] = { { AF_INET, SOCK_DGRAM }, { AF_INET, SOCK_STREAM }, { AF_UNIX, SOCK_DGRAM } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool exact;
		uint64_t late_ns = measure(kinds[i].family, kinds[i].type, &exact);

		assert_true(exact);
		assert_true(late_ns >= 19 * CLOCK_NS_PER_MS);
	}
}

static void test_a_unix_stream_has_no_times(void **state)
{
	struct stamp stamp;
	uint64_t when_ns = 0;
	bool exact = true;
	char byte;
	int fds[2];

	stamp_init(&stamp);
	connect_pair(AF_UNIX, SOCK_STREAM, fds);
	stamp_enable(fds[1]);
	assert_int_equal(send(fds[0], "x", 1, 0), 1);

	uint64_t before_ns = clock_now_ns();

	assert_int_equal(stamp_receive(&stamp, fds[1], &byte, 1, &when_ns, &exact), 1);
	assert_false(exact);
	assert_true(when_ns >= before_ns && when_ns <= clock_now_ns());
	close(fds[0]);
	assert_int_equal(stamp_receive(&stamp, fds[1], &byte, 1, &when_ns, &exact), 0);
	close(fds[1]);
	assert_int_equal(stamp_receive(&stamp, fds[1], &byte, 1, &when_ns, &exact), -EBADF);
	assert_false(exact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_wall_time_becomes_monotonic),
		cmocka_unit_test(test_a_wall_clock_that_was_set_is_not_believed),
		cmocka_unit_test(test_a_time_made_by_reading_is_none),
		cmocka_unit_test(test_the_kernel_notes_when_it_came),
		cmocka_unit_test(test_a_unix_stream_has_no_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
