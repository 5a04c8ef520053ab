/*
 * Connections in bulk, whose bytes move through a pipe and are not looked at: that they are moved, that they stay
 * exact, and each way in which splice(2) is unlike a receive and a send. Some look into the engine.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/core.h"
#include "harness.h"
#include "protocol/echo.h"

#define MIB (1u << 20)
#define CAP_BYTES (256u << 10)

struct service {
	struct harness harness;
	struct counters counters;
	struct echo echo;
};

static void start_with(struct service *service, void **state, uint32_t cap_bytes,
	const struct engine_options *options)
{
	memset(service, 0, sizeof(*service));
	echo_init(&service->echo, &service->counters, cap_bytes, options->mark_urgent);
	harness_start(&service->harness, *state, &service->echo.protocol, options);
}

static void start(struct service *service, void **state)
{
	const struct engine_options options = {
		.pool_bytes = ENGINE_DEFAULT_POOL_BYTES,
		.splice = true,
	};

	start_with(service, state, CAP_BYTES, &options);
}

/* ---- what is in the engine ---- */

struct look {
	uint64_t moved_bytes;
	size_t pinned_bytes, in_use_bytes;
	unsigned free_count;
	bool off;
};

static void look_at(struct engine *engine, void *data)
{
	*(struct look *)data = (struct look){
		.moved_bytes = engine->pipes.moved_bytes,
		.pinned_bytes = engine->pipes.pinned_bytes,
		.in_use_bytes = engine->pool.large_in_use_bytes,
		.free_count = engine->pipes.free_count,
		.off = engine->pipes.off,
	};
}

static struct look look(struct service *service)
{
	struct look look;

	harness_do(&service->harness, look_at, &look);
	return look;
}

static unsigned count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

/* ---- a peer that sends by a thread of its own, and compares what comes back ---- */

static unsigned char byte_at(size_t offset)
{
	return (unsigned char)((offset * 2654435761u) >> 13);
}

struct sender {
	pthread_t thread;
	int fd;
	size_t from, length;
	bool finishes;
	ssize_t failed; /* errno of a send, or 0 */
};

static void *send_all(void *context)
{
	struct sender *sender = context;
	static _Thread_local unsigned char block[1 << 18];
	size_t at = sender->from, end = at + sender->length;

	while (at < end) {
		size_t length = end - at < sizeof(block) ? end - at : sizeof(block), sent = 0;

		for (size_t i = 0; i < length; i++)
			block[i] = byte_at(at + i);
		while (sent < length) {
			ssize_t n = send(sender->fd, block + sent, length - sent, MSG_NOSIGNAL);

			if (n < 0) {
				sender->failed = errno;
				return NULL;
			}
			sent += (size_t)n;
		}
		at += length;
	}
	if (sender->finishes)
		shutdown(sender->fd, SHUT_WR);
	return NULL;
}

static void begin_sending(struct sender *sender)
{
	assert_int_equal(pthread_create(&sender->thread, NULL, send_all, sender), 0);
}

static void expect_bytes(int fd, size_t from, size_t length)
{
	static unsigned char block[1 << 16];

	while (length > 0) {
		size_t most = length < sizeof(block) ? length : sizeof(block);
		ssize_t n = recv(fd, block, most, 0);

		if (n <= 0)
			fail_msg("%zu bytes to come: %s", length, n < 0 ? strerror(errno) : "end");
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] != byte_at(from + (size_t)i))
				fail_msg("byte %zu is wrong", from + (size_t)i);
		}
		from += (size_t)n;
		length -= (size_t)n;
	}
}

/* Sends so much and takes it back. */
static void converse(int fd, size_t from, size_t length)
{
	struct sender sender = { .fd = fd, .from = from, .length = length };

	begin_sending(&sender);
	expect_bytes(fd, from, length);
	pthread_join(sender.thread, NULL);
	assert_int_equal(sender.failed, 0);
}

struct filling {
	int fd;
	size_t sent;
};

/* On the engine's thread, which finds all of it at once. */
static void fill(struct engine *engine, void *data)
{
	static unsigned char block[1 << 16];
	struct filling *filling = data;
	ssize_t n;

	do {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = byte_at(filling->sent + i);
		n = send(filling->fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			filling->sent += (size_t)n;
	} while (n > 0);
}

/* Sends without reading until nothing moves any more; how much that was. */
static size_t stuff(struct service *service, int fd)
{
	struct filling filling = { .fd = fd };
	unsigned idle = 0;

	while (idle < 5) {
		size_t before = filling.sent;

		harness_do(&service->harness, fill, &filling);
		look(service); /* the engine has had a round */
		idle = filling.sent > before ? 0 : idle + 1;
	}
	return filling.sent;
}

/* The same after bulk, until something of it waits in a pipe. */
static size_t stuff_pipe(struct service *service, int fd)
{
	for (;;) {
		converse(fd, 0, 2 * MIB);

		size_t sent = stuff(service, fd);

		if (look(service).pinned_bytes > 0)
			return sent;
		expect_bytes(fd, 0, sent); /* what waited first was a last small piece */
	}
}

static const enum addr_scheme schemes[] = { ADDR_TCP, ADDR_UNIX };
#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

/* ---- tests ---- */

static void bulk_is_moved_and_comes_back_exactly(void **state)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		struct service service;

		start(&service, state);

		int fd = harness_connect(&service.harness, schemes[i]);

		converse(fd, 0, 16 * MIB);
		assert_true(look(&service).moved_bytes > 4 * MIB);
		shutdown(fd, SHUT_WR);
		harness_expect_end(fd);
		close(fd);

		struct look after = look(&service);

		assert_int_equal(after.pinned_bytes, 0);
		assert_int_equal(service.counters.bytes_received, 16 * MIB);
		assert_int_equal(service.counters.bytes_sent, 16 * MIB);
		harness_stop(&service.harness);
	}
}

static void pieces_that_are_small_are_copied_again(void **state)
{
	struct service service;

	start(&service, state);

	int fd = harness_connect(&service.harness, ADDR_TCP);

	converse(fd, 0, 4 * MIB);
	for (unsigned i = 0; i < 100; i++)
		converse(fd, i, 100);

	uint64_t before = look(&service).moved_bytes;

	for (unsigned i = 0; i < 100; i++)
		converse(fd, i, 100);
	assert_int_equal(look(&service).moved_bytes, before);
	converse(fd, 0, 4 * MIB);
	assert_true(look(&service).moved_bytes > before);
	close(fd);
	harness_stop(&service.harness);
}

static void without_splice_everything_is_copied(void **state)
{
	const struct engine_options options = { .pool_bytes = ENGINE_DEFAULT_POOL_BYTES };
	struct service service;

	start_with(&service, state, CAP_BYTES, &options);

	int fd = harness_connect(&service.harness, ADDR_TCP);

	converse(fd, 0, 4 * MIB);
	assert_int_equal(look(&service).moved_bytes, 0);
	close(fd);
	harness_stop(&service.harness);
}

static void a_protocol_that_looks_sees_everything(void **state)
{
	const struct engine_options options = {
		.pool_bytes = ENGINE_DEFAULT_POOL_BYTES,
		.splice = true,
	};
	struct service service;

	memset(&service, 0, sizeof(service));
	echo_init(&service.echo, &service.counters, CAP_BYTES, false);
	service.echo.protocol.takes_unseen = NULL;
	harness_start(&service.harness, *state, &service.echo.protocol, &options);

	int fd = harness_connect(&service.harness, ADDR_TCP);

	converse(fd, 0, 4 * MIB);
	assert_int_equal(look(&service).moved_bytes, 0);
	close(fd);
	harness_stop(&service.harness);
}

/* Where the urgent byte is reported as such, each receive looks for it. */
static void where_the_mark_is_sought_everything_is_copied(void **state)
{
	const struct engine_options options = {
		.pool_bytes = ENGINE_DEFAULT_POOL_BYTES,
		.splice = true,
		.mark_urgent = true,
	};
	struct service service;

	start_with(&service, state, CAP_BYTES, &options);

	int fd = harness_connect(&service.harness, ADDR_TCP);

	converse(fd, 0, 4 * MIB);
	assert_int_equal(look(&service).moved_bytes, 0);
	close(fd);
	harness_stop(&service.harness);
}

/* An echo that watches what it is given: never more than its credit, unseen or not. */
struct watched {
	struct echo echo;
	void (*handle)(struct protocol *self, struct protocol_conn *conn,
		const struct protocol_event *event, struct protocol_answer *answer);
	uint32_t credit;
	bool overrun, unseen;
};

static void watch(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct watched *watched = (struct watched *)self;

	if (event->kind == PROTOCOL_BYTES) {
		if (event->span.length > watched->credit)
			watched->overrun = true;
		if (protocol_span_is_unseen(&event->span))
			watched->unseen = true;
	}
	watched->handle(self, conn, event, answer);
	watched->credit = answer->credit;
}

static void credit_holds_to_the_byte(void **state)
{
	/* Not whole pages, and not whole buffers. */
	static const uint32_t caps[] = { 128 * 1024 + 1, 200003, 1 << 20 };

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		const struct engine_options options = {
			.pool_bytes = ENGINE_DEFAULT_POOL_BYTES,
			.splice = true,
		};
		struct harness harness;
		struct counters counters = { 0 };
		struct watched watched = { 0 };

		echo_init(&watched.echo, &counters, caps[i], false);
		watched.handle = watched.echo.protocol.handle;
		watched.echo.protocol.handle = watch;
		harness_start(&harness, *state, &watched.echo.protocol, &options);

		int fd = harness_connect(&harness, ADDR_TCP);

		converse(fd, 0, 8 * MIB);
		close(fd);
		harness_stop(&harness);
		assert_false(watched.overrun);
		assert_true(watched.unseen);
	}
}

static void what_a_slow_reader_leaves_in_a_pipe_is_counted(void **state)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		struct service service;

		start(&service, state);

		int slow = harness_connect(&service.harness, schemes[i]);
		int other = harness_connect(&service.harness, schemes[i]);

		size_t sent = stuff_pipe(&service, slow);
		struct look full = look(&service);

		assert_true(
			full.pinned_bytes >= (size_t)BULK_PIPE_LEAST_SLOTS * BULK_PIPE_SLOT_BYTES);
		assert_true(full.in_use_bytes >= full.pinned_bytes);
		/* Others go on, in bulk. */
		converse(other, 5, 8 * MIB);
		assert_true(look(&service).moved_bytes > full.moved_bytes);
		expect_bytes(slow, 0, sent);
		shutdown(slow, SHUT_WR);
		harness_expect_end(slow);
		assert_int_equal(look(&service).pinned_bytes, 0);
		close(slow);
		close(other);
		harness_stop(&service.harness);
	}
}

/* More readers that do not read than there are pipes: the rest is copied, and nobody starves. */
static void when_the_pipes_are_used_up_the_rest_is_copied(void **state)
{
	/* Half of it is three pipes of the small kind, and a little. */
	const struct engine_options options = {
		.pool_bytes = 6 * BULK_PIPE_LEAST_SLOTS * BULK_PIPE_SLOT_BYTES + MIB,
		.splice = true,
	};
	struct service service;
	int slow[5];
	size_t sent[5];

	start_with(&service, state, CAP_BYTES, &options);
	for (unsigned i = 0; i < 5; i++) {
		slow[i] = harness_connect(&service.harness, ADDR_TCP);
		converse(slow[i], 0, 2 * MIB);
		sent[i] = stuff(&service, slow[i]);
		assert_true(look(&service).pinned_bytes <= options.pool_bytes / 2);
	}

	int other = harness_connect(&service.harness, ADDR_TCP);

	converse(other, 3, 8 * MIB);
	close(other);
	for (unsigned i = 0; i < 5; i++) {
		expect_bytes(slow[i], 0, sent[i]);
		close(slow[i]);
	}
	harness_stop(&service.harness);
}

static void a_pool_too_small_for_a_pipe_has_none(void **state)
{
	const struct engine_options options = { .pool_bytes = MIB, .splice = true };
	struct service service;

	start_with(&service, state, CAP_BYTES, &options);

	int fd = harness_connect(&service.harness, ADDR_TCP);

	converse(fd, 0, 4 * MIB);
	assert_int_equal(look(&service).moved_bytes, 0);
	close(fd);
	harness_stop(&service.harness);
}

static void a_half_close_comes_behind_what_is_in_the_pipe(void **state)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		struct service service;

		start(&service, state);

		int fd = harness_connect(&service.harness, schemes[i]);
		size_t sent = stuff_pipe(&service, fd);

		shutdown(fd, SHUT_WR);
		look(&service);
		expect_bytes(fd, 0, sent);
		harness_expect_end(fd);
		close(fd);
		harness_stop(&service.harness);
		assert_int_equal(service.harness.news.done, 1);
	}
}

/* A stream that ends in the middle of bulk, read as it comes. */
static void the_end_of_a_bulk_is_seen(void **state)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		struct service service;

		start(&service, state);
		for (size_t extra = 0; extra < 3; extra++) {
			int fd = harness_connect(&service.harness, schemes[i]);
			struct sender sender = {
				.fd = fd, .length = 3 * MIB + extra * 70001, .finishes = true
			};

			begin_sending(&sender);
			expect_bytes(fd, 0, sender.length);
			harness_expect_end(fd);
			pthread_join(sender.thread, NULL);
			close(fd);
		}
		harness_stop(&service.harness);
		assert_int_equal(service.harness.news.done, 3);
	}
}

static void reset_by_peer(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/*
 * The peer is gone while bytes are in the pipe, and SIGPIPE would end this process. The pipe is closed, not given to
 * the next connection.
 */
static void a_peer_that_dies_takes_its_pipe_with_it(void **state)
{
	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < SCHEMES; i++) {
		struct service service;

		start(&service, state);

		/* As long as it is there, pipes are kept for others. */
		int other = harness_connect(&service.harness, schemes[i]);

		converse(other, 1, 4 * MIB);
		for (unsigned j = 0; j < 3; j++) {
			int fd = harness_connect(&service.harness, schemes[i]);

			stuff_pipe(&service, fd);
			reset_by_peer(fd);
			while (look(&service).pinned_bytes > 0)
				;
			fd = harness_connect(&service.harness, schemes[i]);
			converse(fd, 7, 4 * MIB);
			close(fd);
		}
		converse(other, 2, 4 * MIB);
		assert_true(look(&service).free_count <= 4);
		close(other);
		harness_stop(&service.harness);
		assert_int_equal(service.harness.news.lost, 3);
	}
}

/* It closes, and goes on sending no more: our send finds it out, by EPIPE on a unix stream. */
static void a_peer_that_closes_early_is_one_connection_less(void **state)
{
	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < SCHEMES; i++) {
		struct service service;

		start(&service, state);
		for (unsigned j = 0; j < 10; j++) {
			int fd = harness_connect(&service.harness, schemes[i]);

			converse(fd, 0, MIB);
			stuff(&service, fd);
			close(fd);
		}

		int fd = harness_connect(&service.harness, schemes[i]);

		converse(fd, 7, 4 * MIB);
		close(fd);
		while (look(&service).pinned_bytes > 0)
			;
		harness_stop(&service.harness);
	}
}

static void whoever_is_cut_with_bytes_in_a_pipe_is_reset(void **state)
{
	struct service service;
	unsigned before = count_descriptors();

	start(&service, state);

	int fd = harness_connect(&service.harness, ADDR_TCP);

	stuff_pipe(&service, fd);
	harness_stop(&service.harness);
	assert_int_equal(service.harness.news.cut, 1);

	static char block[1 << 16];
	ssize_t n;

	while ((n = recv(fd, block, sizeof(block), 0)) > 0)
		;
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
	assert_int_equal(count_descriptors(), before);
}

static void drain(struct engine *engine, void *data)
{
	engine_drain(engine);
}

static void a_drain_lets_bulk_end(void **state)
{
	struct service service;

	start(&service, state);

	int fd = harness_connect(&service.harness, ADDR_TCP);
	size_t sent = stuff_pipe(&service, fd);

	harness_do(&service.harness, drain, NULL);
	shutdown(fd, SHUT_WR);
	expect_bytes(fd, 0, sent);
	harness_expect_end(fd);
	harness_wait(&service.harness);
	assert_int_equal(service.harness.news.done, 1);
	close(fd);
}

/* ---- urgent bytes: splice(2) stops before one, and says that nothing is there ---- */

static uint64_t cpu_ns(struct service *service)
{
	struct timespec used;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(service->harness.thread, &clock), 0);
	clock_gettime(clock, &used);
	return (uint64_t)used.tv_sec * CLOCK_NS_PER_S + (uint64_t)used.tv_nsec;
}

static void an_urgent_byte_in_bulk_comes_back_in_its_place(void **state)
{
	struct service service;

	start(&service, state);

	int fd = harness_connect(&service.harness, ADDR_TCP);

	for (unsigned i = 0; i < 8; i++) {
		struct sender before = { .fd = fd, .length = 2 * MIB };
		struct sender after = { .fd = fd, .from = 2 * MIB + 1, .length = 2 * MIB };
		unsigned char urgent = byte_at(2 * MIB);

		begin_sending(&before);
		if (i % 2 == 0)
			expect_bytes(fd, 0, 2 * MIB);
		else
			expect_bytes(fd, 0, MIB);
		pthread_join(before.thread, NULL);
		assert_int_equal(send(fd, &urgent, 1, MSG_OOB | MSG_NOSIGNAL), 1);
		begin_sending(&after);
		if (i % 2 == 0)
			expect_bytes(fd, 2 * MIB, 2 * MIB + 1);
		else
			expect_bytes(fd, MIB, 3 * MIB + 1);
		pthread_join(after.thread, NULL);
	}
	assert_true(look(&service).moved_bytes > MIB);
	close(fd);
	harness_stop(&service.harness);
}

/* The urgent byte is the last: whoever believed "nothing there" would keep it, and whoever polled would spin. */
static void an_urgent_byte_at_the_end_of_bulk_neither_waits_nor_spins(void **state)
{
	struct service service;

	start(&service, state);

	int fd = harness_connect(&service.harness, ADDR_TCP);
	unsigned char urgent = byte_at(3 * MIB);

	converse(fd, 0, 3 * MIB);
	assert_int_equal(send(fd, &urgent, 1, MSG_OOB | MSG_NOSIGNAL), 1);
	expect_bytes(fd, 3 * MIB, 1);

	uint64_t before_ns = cpu_ns(&service);
	struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };

	nanosleep(&pause, NULL); /* the time in which a loop would use a processor up */
	assert_true(cpu_ns(&service) - before_ns < 25 * CLOCK_NS_PER_MS);
	converse(fd, 1, 3 * MIB);
	close(fd);
	harness_stop(&service.harness);
}

static void an_urgent_byte_and_the_end_behind_it(void **state)
{
	struct service service;

	start(&service, state);

	int fd = harness_connect(&service.harness, ADDR_TCP);
	unsigned char urgent = byte_at(2 * MIB);
	struct sender sender = { .fd = fd, .length = 2 * MIB };

	converse(fd, 0, 2 * MIB);
	begin_sending(&sender);
	pthread_join(sender.thread, NULL);
	assert_int_equal(send(fd, &urgent, 1, MSG_OOB | MSG_NOSIGNAL), 1);
	shutdown(fd, SHUT_WR);
	expect_bytes(fd, 0, 2 * MIB + 1);
	harness_expect_end(fd);
	close(fd);
	harness_stop(&service.harness);
	assert_int_equal(service.harness.news.done, 1);
}

/* ---- descriptors ---- */

static void send_descriptor(int fd, const void *bytes, size_t length, int passed)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control = { 0 };
	struct iovec vector = { .iov_base = (void *)bytes, .iov_len = length };
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &passed, sizeof(passed));

	ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

	if (n < 0 && errno == EPERM) /* Linux 6.16: SO_PASSRIGHTS is off at the other end */
		n = send(fd, bytes, length, MSG_NOSIGNAL);
	assert_int_equal(n, (ssize_t)length);
}

/* The writing end of a pipe is passed in the middle of bulk: its reader sees the end when nobody has it any more. */
static void a_descriptor_passed_in_bulk_is_closed(void **state)
{
	struct service service;
	unsigned char bytes[100];
	int ends[2];

	start(&service, state);

	int fd = harness_connect(&service.harness, ADDR_UNIX);
	struct sender before = { .fd = fd, .length = 128 << 10 };

	converse(fd, 0, 4 * MIB);
	for (unsigned i = 0; i < 5; i++) {
		size_t at = before.length;
		struct sender after = { .fd = fd, .from = at + 100, .length = 2 * MIB };

		assert_int_equal(pipe(ends), 0);
		begin_sending(&before);
		pthread_join(before.thread, NULL);
		for (unsigned j = 0; j < 100; j++)
			bytes[j] = byte_at(at + j);
		send_descriptor(fd, bytes, sizeof(bytes), ends[1]);
		close(ends[1]);
		begin_sending(&after);
		expect_bytes(fd, 0, at + 100 + after.length);
		pthread_join(after.thread, NULL);
		assert_int_equal(read(ends[0], bytes, 1), 0);
		close(ends[0]);
	}
	close(fd);
	harness_stop(&service.harness);
}

static void with_descriptors(rlim_t count, void (*work)(void **state), void **state)
{
	struct rlimit old, low;

	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = count;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	work(state);
	setrlimit(RLIMIT_NOFILE, &old);
}

static void converse_without_pipes(void **state)
{
	struct service service;

	start(&service, state);

	int fd = harness_connect(&service.harness, ADDR_TCP);

	converse(fd, 0, 4 * MIB);
	assert_int_equal(look(&service).moved_bytes, 0);
	close(fd);
	harness_stop(&service.harness);
}

static void the_last_descriptors_are_for_connections(void **state)
{
	with_descriptors(BULK_PIPE_SPARE_DESCRIPTORS + 3, converse_without_pipes, state);
}

static void take_all_descriptors(void **state)
{
	struct service service;
	int taken[200], count = 0;

	start(&service, state);

	uint16_t port = harness_listen(&service.harness);
	int fd = harness_dial(port), next = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	converse(fd, 0, 4 * MIB);
	assert_true(look(&service).free_count > 0);
	while (count < 200 && (taken[count] = dup(fd)) >= 0)
		count++;
	assert_true(count < 200);
	/* This end takes the last one; the pipe's are what the engine can accept it with. */
	close(next);
	next = harness_dial(port);
	converse(next, 0, 1000);
	assert_int_equal(look(&service).free_count, 0);
	converse(fd, 0, 4 * MIB); /* copied, while none are left */
	for (int i = 0; i < count; i++)
		close(taken[i]);
	close(next);
	close(fd);
	harness_stop(&service.harness);
}

static void a_connection_gets_the_descriptors_of_a_pipe(void **state)
{
	with_descriptors(count_descriptors() + 20 + BULK_PIPE_SPARE_DESCRIPTORS,
		take_all_descriptors, state);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(bulk_is_moved_and_comes_back_exactly),
		HARNESS_TEST(pieces_that_are_small_are_copied_again),
		HARNESS_TEST(without_splice_everything_is_copied),
		HARNESS_TEST(a_protocol_that_looks_sees_everything),
		HARNESS_TEST(where_the_mark_is_sought_everything_is_copied),
		HARNESS_TEST(credit_holds_to_the_byte),
		HARNESS_TEST(what_a_slow_reader_leaves_in_a_pipe_is_counted),
		HARNESS_TEST(when_the_pipes_are_used_up_the_rest_is_copied),
		HARNESS_TEST(a_pool_too_small_for_a_pipe_has_none),
		HARNESS_TEST(a_half_close_comes_behind_what_is_in_the_pipe),
		HARNESS_TEST(the_end_of_a_bulk_is_seen),
		HARNESS_TEST(a_peer_that_dies_takes_its_pipe_with_it),
		HARNESS_TEST(a_peer_that_closes_early_is_one_connection_less),
		HARNESS_TEST(whoever_is_cut_with_bytes_in_a_pipe_is_reset),
		HARNESS_TEST(a_drain_lets_bulk_end),
		HARNESS_TEST(an_urgent_byte_in_bulk_comes_back_in_its_place),
		HARNESS_TEST(an_urgent_byte_at_the_end_of_bulk_neither_waits_nor_spins),
		HARNESS_TEST(an_urgent_byte_and_the_end_behind_it),
		HARNESS_TEST(a_descriptor_passed_in_bulk_is_closed),
		HARNESS_TEST(the_last_descriptors_are_for_connections),
		HARNESS_TEST(a_connection_gets_the_descriptors_of_a_pipe),
	};

	return harness_main(tests, sizeof(tests) / sizeof(tests[0]));
}
