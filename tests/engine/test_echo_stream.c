/*
 * Bytes through an engine with the echo protocol: exact, whatever sizes and buffers are in the way.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "protocol/echo.h"

#define BULK (6u << 20)
/* Through buffers of a few kilobytes: tcp waits for its window most of the time. */
#define NARROW (96u << 10)

struct service {
	struct harness harness;
	struct counters counters;
	struct echo echo;
};

static void start(struct service *service, void **state, uint32_t cap_bytes, bool urgent)
{
	struct engine_options options = { .pool_bytes = ENGINE_DEFAULT_POOL_BYTES,
		.mark_urgent = urgent };

	memset(service, 0, sizeof(*service));
	echo_init(&service->echo, &service->counters, cap_bytes, urgent);
	harness_start(&service->harness, *state, &service->echo.protocol, &options);
}

static unsigned char *random_bytes(size_t length)
{
	unsigned char *bytes = malloc(length);
	uint64_t seed = 88172645463325252ull;

	assert_non_null(bytes);
	for (size_t i = 0; i < length; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		bytes[i] = (unsigned char)seed;
	}
	return bytes;
}

struct sending {
	int fd;
	const unsigned char *bytes;
	size_t length;
};

static void *send_all_and_finish(void *data)
{
	const struct sending *sending = data;

	harness_send(sending->fd, sending->bytes, sending->length);
	shutdown(sending->fd, SHUT_WR);
	return NULL;
}

/* Sends everything from a second thread while this one receives; then the end must come. */
static void expect_exact_echo(int fd, size_t length)
{
	unsigned char *sent = random_bytes(length), *back = malloc(length);
	struct sending sending = { .fd = fd, .bytes = sent, .length = length };
	pthread_t thread;

	pthread_create(&thread, NULL, send_all_and_finish, &sending);
	harness_receive(fd, back, length);
	pthread_join(thread, NULL);
	harness_expect_end(fd);
	assert_memory_equal(sent, back, length);
	free(sent);
	free(back);
	close(fd);
}

static void bulk_comes_back_over_tcp(void **state)
{
	struct service service;

	start(&service, state, ECHO_DEFAULT_CAP_BYTES, false);
	expect_exact_echo(harness_connect(&service.harness, ADDR_TCP), BULK);
	expect_exact_echo(harness_connect_narrow(&service.harness, ADDR_TCP), NARROW);
	harness_stop(&service.harness);
	assert_int_equal(service.harness.news.done, 2);
	assert_int_equal(service.counters.bytes_sent, BULK + NARROW);
}

static void bulk_comes_back_over_unix(void **state)
{
	struct service service;

	start(&service, state, ECHO_DEFAULT_CAP_BYTES, false);
	expect_exact_echo(harness_connect(&service.harness, ADDR_UNIX), BULK);
	expect_exact_echo(harness_connect_narrow(&service.harness, ADDR_UNIX), NARROW);
	harness_stop(&service.harness);
	assert_int_equal(service.harness.news.done, 2);
}

static void a_cap_of_one_byte_is_enough(void **state)
{
	struct service service;

	start(&service, state, 1, false);
	expect_exact_echo(harness_connect(&service.harness, ADDR_TCP), 3000);
	harness_stop(&service.harness);
}

static void half_close_before_reading_loses_nothing(void **state)
{
	static const enum addr_scheme schemes[] = { ADDR_TCP, ADDR_UNIX };
	unsigned char *sent = random_bytes(BULK), *back = malloc(BULK);

	for (int i = 0; i < 2; i++) {
		struct service service;

		start(&service, state, 64 << 20, false);
		int fd = harness_connect(&service.harness, schemes[i]);

		/* The cap is larger than all, so the sender needs no reader: it finishes first. */
		send_all_and_finish(&(struct sending){ fd, sent, BULK });
		harness_receive(fd, back, BULK);
		harness_expect_end(fd);
		assert_memory_equal(sent, back, BULK);
		close(fd);
		harness_stop(&service.harness);
	}
	free(sent);
	free(back);
}

static bool can_send(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLOUT };

	/* Long enough for the engine to take what it will take; only a pass of the test waits. */
	return poll(&polled, 1, 300) > 0;
}

static void nothing(struct engine *engine, void *data)
{
}

static void a_peer_that_does_not_read_is_not_read_from(void **state)
{
	struct service service;
	static char block[4096];
	size_t sent = 0;
	uint32_t cap = 10000;

	start(&service, state, cap, false);
	int fd = harness_connect_narrow(&service.harness, ADDR_UNIX);

	while (can_send(fd)) {
		ssize_t n = send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		assert_true(sent < 1u << 20);
	}
	/* All that it took and the kernel has not taken from it is within the cap, to the byte. */
	harness_do(&service.harness, nothing, NULL); /* so that its counters may be read here */
	assert_true(service.counters.bytes_received - service.counters.bytes_sent <= cap);
	assert_true(service.counters.bytes_received - service.counters.bytes_sent > cap / 2);
	shutdown(fd, SHUT_WR);
	for (size_t got = 0; got < sent;) {
		ssize_t n = recv(fd, block, sizeof(block), 0);

		assert_true(n > 0);
		got += (size_t)n;
	}
	harness_expect_end(fd);
	close(fd);
	harness_stop(&service.harness);
}

static void a_used_up_pool_starves_no_connection(void **state)
{
	struct engine_options options = { .pool_bytes = 2 * 65536 };
	struct harness harness;
	struct counters counters = { 0 };
	struct echo echo;
	static char block[65536];
	int stuck[8];

	echo_init(&echo, &counters, ECHO_DEFAULT_CAP_BYTES, false);
	harness_start(&harness, *state, &echo.protocol, &options);
	for (int i = 0; i < 8; i++) {
		stuck[i] = harness_connect_narrow(&harness, ADDR_UNIX);
		while (can_send(stuck[i]))
			send(stuck[i], block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	/* Eight that do not read hold all large buffers, and do not get more than their share. */
	expect_exact_echo(harness_connect(&harness, ADDR_TCP), BULK / 8);
	expect_exact_echo(harness_connect(&harness, ADDR_UNIX), BULK / 8);
	for (int i = 0; i < 8; i++)
		close(stuck[i]);
	harness_stop(&harness);
}

/* Three messages, each with a descriptor: the kernel ends a receive at each of them. */
static void pass_descriptors(struct engine *engine, void *data)
{
	const int *fds = data; /* the connection, and what is passed */
	char text[] = "abcdef";
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fds[1], sizeof(int));
	for (int i = 0; i < 3; i++) {
		struct iovec vector = { .iov_base = text + 2 * i, .iov_len = 2 };
		struct msghdr message = { .msg_iov = &vector,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control) };

		ssize_t n = sendmsg(fds[0], &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EPERM) /* SO_PASSRIGHTS, Linux 6.16 */
			n = send(fds[0], text + 2 * i, 2, MSG_NOSIGNAL);
		assert_int_equal(n, 2);
	}
}

static void descriptors_passed_are_closed_and_bytes_kept(void **state)
{
	struct service service;
	char back[6];
	int pipe_ends[2];

	start(&service, state, ECHO_DEFAULT_CAP_BYTES, false);
	int fd = harness_connect(&service.harness, ADDR_UNIX);

	assert_int_equal(pipe(pipe_ends), 0);
	/* On the engine's own thread, so that it finds all three at once, with a single edge. */
	harness_do(&service.harness, pass_descriptors, (int[]){ fd, pipe_ends[1] });
	harness_receive(fd, back, 6);
	assert_memory_equal(back, "abcdef", 6);
	close(pipe_ends[1]);
	/* The last writer is gone only if the engine kept none. */
	assert_int_equal(read(pipe_ends[0], back, 1), 0);
	close(pipe_ends[0]);
	close(fd);
	harness_stop(&service.harness);
}

static void an_urgent_byte_keeps_its_place(void **state)
{
	struct service service;
	char back[9];

	start(&service, state, ECHO_DEFAULT_CAP_BYTES, false);
	int fd = harness_connect(&service.harness, ADDR_TCP);
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	for (int round = 0; round < 200; round++) {
		harness_send(fd, "abcd", 4);
		assert_int_equal(send(fd, "!", 1, MSG_OOB), 1);
		harness_send(fd, "efgh", 4);
		harness_receive(fd, back, 9);
		assert_memory_equal(back, "abcd!efgh", 9);
	}
	close(fd);
	harness_stop(&service.harness);
}

static void an_urgent_byte_returns_as_urgent_when_asked(void **state)
{
	struct service service;
	char back[8], urgent;

	start(&service, state, ECHO_DEFAULT_CAP_BYTES, true);
	int fd = harness_connect(&service.harness, ADDR_TCP);

	for (int round = 0; round < 200; round++) {
		struct pollfd polled = { .fd = fd, .events = POLLPRI };

		harness_send(fd, "abcd", 4);
		assert_int_equal(send(fd, "!", 1, MSG_OOB), 1);
		harness_send(fd, "efgh", 4);
		/* Out of line on our side: the plain bytes come without it, it comes by itself. */
		assert_int_equal(poll(&polled, 1, 20000), 1);
		assert_int_equal(recv(fd, &urgent, 1, MSG_OOB), 1);
		assert_int_equal(urgent, '!');
		harness_receive(fd, back, 8);
		assert_memory_equal(back, "abcdefgh", 8);
	}
	close(fd);
	harness_stop(&service.harness);
	assert_int_equal(service.counters.urgent_bytes, 200);
}

int main(void)
{
	const struct harness_test tests[] = {
		HARNESS_TEST(bulk_comes_back_over_tcp),
		HARNESS_TEST(bulk_comes_back_over_unix),
		HARNESS_TEST(a_cap_of_one_byte_is_enough),
		HARNESS_TEST(half_close_before_reading_loses_nothing),
		HARNESS_TEST(a_peer_that_does_not_read_is_not_read_from),
		HARNESS_TEST(a_used_up_pool_starves_no_connection),
		HARNESS_TEST(descriptors_passed_are_closed_and_bytes_kept),
		HARNESS_TEST(an_urgent_byte_keeps_its_place),
		HARNESS_TEST(an_urgent_byte_returns_as_urgent_when_asked),
	};

	return harness_main(tests, sizeof(tests) / sizeof(tests[0]));
}
