/*
 * What engines are known to stumble over: each test is about one way to lose bytes, memory or time that a
 * plain echo never meets. Most look from outside; those about memory look into the engine.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/core.h"
#include "harness.h"
#include "protocol/echo.h"

struct service {
	struct harness harness;
	struct counters counters;
	struct echo echo;
};

static void start(struct service *service, void **state, uint32_t cap_bytes, size_t pool_bytes)
{
	struct engine_options options = { .pool_bytes = pool_bytes };

	memset(service, 0, sizeof(*service));
	echo_init(&service->echo, &service->counters, cap_bytes, false);
	harness_start(&service->harness, *state, &service->echo.protocol, &options);
}

static void nothing(struct engine *engine, void *data)
{
}

static void drain(struct engine *engine, void *data)
{
	engine_drain(engine);
}

/* ---- on the engine's thread, which meanwhile does nothing else: it finds all of it at once ---- */

struct filling {
	int fd;
	size_t piece, most, sent;
};

static void fill(struct engine *engine, void *data)
{
	struct filling *filling = data;
	static char block[1 << 20];

	while (filling->sent < filling->most) {
		size_t rest = filling->most - filling->sent;
		ssize_t n = send(filling->fd, block, rest < filling->piece ? rest : filling->piece,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			break;
		filling->sent += (size_t)n;
	}
}

/* Sends until neither the kernel nor the engine takes more. */
static size_t stuff(struct harness *harness, int fd, size_t most)
{
	struct filling filling = { .fd = fd, .piece = 4096, .most = most };
	size_t before;
	unsigned idle = 0;

	while (idle < 5 && filling.sent < most) {
		before = filling.sent;
		harness_do(harness, fill, &filling);
		idle = filling.sent > before ? 0 : idle + 1;
	}
	return filling.sent;
}

/* ---- credit: all of it is used, and not one byte more is taken from the kernel ---- */

struct miser {
	struct protocol protocol;
	uint32_t credit, reported, most_at_once;
};

static void take_once(struct protocol *protocol, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct miser *self = (struct miser *)protocol;

	if (event->kind == PROTOCOL_BYTES) {
		self->reported += event->span.length;
		if (event->span.length > self->most_at_once)
			self->most_at_once = event->span.length;
	}
	answer->credit = self->credit - self->reported;
}

struct look {
	const struct miser *miser;
	uint32_t reported;
};

static void look_at(struct engine *engine, void *data)
{
	struct look *look = data;

	look->reported = look->miser->reported;
}

/* Gives the engine `filling` in one go and waits until it has reported what it may. */
static void feed(struct miser *miser, struct harness *harness, struct filling *filling)
{
	uint64_t until_ns = clock_now_ns() + 20 * CLOCK_NS_PER_S;
	struct look look = { .miser = miser };

	harness_do(harness, fill, filling);
	while (look.reported < miser->credit && look.reported < filling->sent &&
		clock_now_ns() < until_ns)
		harness_do(harness, look_at, &look);
	/* Twice more round the loop, for what it should not do. */
	harness_do(harness, nothing, NULL);
	harness_do(harness, nothing, NULL);
}

static void credit_is_used_to_the_byte_and_no_further(void **state)
{
	static const enum addr_scheme schemes[] = { ADDR_TCP, ADDR_UNIX };
	static const uint32_t credits[] = { 1, 4095, 4096, 4097, 8191, 8193, 65537, 100001 };
	static const size_t pieces[] = { 700, 1 << 20 };

	for (unsigned i = 0; i < 2 * 8 * 2; i++) {
		struct miser miser = { .protocol.handle = take_once, .credit = credits[i / 2 % 8] };
		struct filling filling = { .piece = pieces[i % 2], .most = 120000 };
		struct harness harness;
		int unread = 0;

		harness_start(&harness, *state, &miser.protocol, NULL);
		filling.fd = harness_connect(&harness, schemes[i / 16]);
		feed(&miser, &harness, &filling);
		assert_true(filling.sent > miser.credit);
		assert_int_equal(miser.reported, miser.credit);
		assert_int_equal(ioctl(harness.news.last_fd, FIONREAD, &unread), 0);
		assert_int_equal(unread, filling.sent - miser.credit);
		close(filling.fd);
		harness_stop(&harness);
	}
}

static void bulk_comes_in_large_pieces(void **state)
{
	static const enum addr_scheme schemes[] = { ADDR_TCP, ADDR_UNIX };

	for (unsigned i = 0; i < 2; i++) {
		struct miser miser = { .protocol.handle = take_once, .credit = 1 << 20 };
		struct filling filling = { .piece = 1 << 20, .most = 120000 };
		struct harness harness;

		harness_start(&harness, *state, &miser.protocol, NULL);
		filling.fd = harness_connect(&harness, schemes[i]);
		feed(&miser, &harness, &filling);
		assert_true(miser.most_at_once >= 32768);
		close(filling.fd);
		harness_stop(&harness);
	}
}

/* ---- crowds: all at once ---- */

#define CROWD_MOST 5000

struct crowd {
	unsigned count;
	int fds[CROWD_MOST];
};

/* False where so many descriptors cannot be had. */
static bool gather(struct crowd *crowd, struct harness *harness, unsigned count)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 2 * count + 100)
		return false;
	for (crowd->count = 0; crowd->count < count; crowd->count++)
		crowd->fds[crowd->count] = harness_connect(harness, ADDR_UNIX);
	return true;
}

static void send_on_all(struct engine *engine, void *data)
{
	const struct crowd *crowd = data;

	for (unsigned i = 0; i < crowd->count; i++)
		assert_int_equal(send(crowd->fds[i], &i, sizeof(i), MSG_NOSIGNAL), sizeof(i));
}

static void expect_all(struct crowd *crowd, void **state, unsigned count)
{
	struct service service;

	start(&service, state, ECHO_DEFAULT_CAP_BYTES, ENGINE_DEFAULT_POOL_BYTES);
	if (!gather(crowd, &service.harness, count)) {
		harness_stop(&service.harness);
		skip();
	}
	for (unsigned round = 0; round < 3; round++) {
		harness_do(&service.harness, send_on_all, crowd);
		for (unsigned i = 0; i < crowd->count; i++) {
			unsigned back;

			harness_receive(crowd->fds[i], &back, sizeof(back));
			assert_int_equal(back, i);
		}
	}
	for (unsigned i = 0; i < crowd->count; i++)
		close(crowd->fds[i]);
	harness_do(&service.harness, drain, NULL);
	harness_wait(&service.harness);
	assert_int_equal(service.harness.news.done, count);
}

/* More than the 256 small buffers that the kernel has been given: ENOBUFS for the others. */
static void more_speak_at_once_than_there_are_buffers(void **state)
{
	static struct crowd crowd;

	expect_all(&crowd, state, 700);
}

/* More than the 4,096 answers that the queue holds: the kernel keeps the others. */
static void more_is_answered_at_once_than_the_queue_holds(void **state)
{
	static struct crowd crowd;

	expect_all(&crowd, state, CROWD_MOST);
}

static uint64_t processor_ns(void)
{
	struct timespec spent;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	return (uint64_t)spent.tv_sec * CLOCK_NS_PER_S + (uint64_t)spent.tv_nsec;
}

/* What it costs to cut so many that say nothing; 0: so many cannot be had. */
static uint64_t cost_of_cutting_ns(void **state, struct crowd *crowd, unsigned count)
{
	struct service service;
	uint64_t before_ns;

	start(&service, state, ECHO_DEFAULT_CAP_BYTES, ENGINE_DEFAULT_POOL_BYTES);
	if (!gather(crowd, &service.harness, count)) {
		harness_stop(&service.harness);
		return 0;
	}
	harness_do(&service.harness, nothing, NULL);
	before_ns = processor_ns();
	harness_stop(&service.harness);
	before_ns = processor_ns() - before_ns;
	assert_int_equal(service.harness.news.cut, count);
	for (unsigned i = 0; i < crowd->count; i++)
		close(crowd->fds[i]);
	return before_ns;
}

/* An order that is called off must be found without a look at all others. */
static void ten_times_as_many_end_in_ten_times_the_time(void **state)
{
	static struct crowd crowd;
	uint64_t few_ns = cost_of_cutting_ns(state, &crowd, CROWD_MOST / 10);
	uint64_t many_ns = cost_of_cutting_ns(state, &crowd, CROWD_MOST);

	if (many_ns == 0)
		skip();
	/* With a look at all it is 60 times and more. */
	assert_in_range(many_ns / few_ns, 0, 30);
}

/* ---- slots that are used again at once ---- */

static void reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void answer_once(struct protocol *protocol, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = 1 << 20;
	if (event->kind == PROTOCOL_BYTES) {
		answer->send = event->span;
		answer->end = PROTOCOL_CLOSE;
	}
}

/* The engine closes while it still receives, and what the former peer sends then is dropped. */
static void the_next_connection_in_a_slot_gets_nothing_of_the_former(void **state)
{
	struct protocol protocol = { .handle = answer_once };
	struct harness harness;

	harness_start(&harness, *state, &protocol, NULL);
	uint16_t port = harness_listen(&harness);

	for (unsigned i = 0; i < 300; i++) {
		unsigned back;
		int former = harness_dial(port), next;

		harness_send(former, "once", 4);
		harness_receive(former, &back, 4);
		next = harness_dial(port);
		send(former, "!!!!", 4, MSG_NOSIGNAL);
		harness_do(&harness, nothing, NULL);
		harness_send(next, &i, sizeof(i));
		harness_receive(next, &back, sizeof(back));
		assert_int_equal(back, i);
		close(former);
		close(next);
	}
	harness_stop(&harness);
}

/* ---- the end, and death, while bytes wait ---- */

static void a_peer_that_dies_with_bytes_waiting_is_lost_once(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct service service;

		start(&service, state, 1 << 20, ENGINE_DEFAULT_POOL_BYTES);
		int fd = harness_connect_narrow(&service.harness, ADDR_TCP);

		stuff(&service.harness, fd, 1 << 20);
		if (i == 1)
			shutdown(fd, SHUT_WR);
		harness_do(&service.harness, nothing, NULL);
		reset(fd);
		harness_do(&service.harness, drain, NULL);
		harness_wait(&service.harness);
		assert_int_equal(service.harness.news.lost, 1);
		assert_int_equal(service.harness.news.done + service.harness.news.cut, 0);
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * CLOCK_NS_PER_S + (uint64_t)used.tv_nsec;
}

/* Waits until nothing is done any more: what was sent may still be on its way. */
static bool comes_to_rest(void)
{
	struct timespec pause = { .tv_nsec = 200 * 1000 * 1000 };

	for (unsigned i = 0; i < 20; i++) {
		uint64_t before_ns = cpu_ns();

		nanosleep(&pause, NULL); /* what is measured is this pause */
		if (cpu_ns() - before_ns < 20 * CLOCK_NS_PER_MS)
			return true;
	}
	return false;
}

/* A half-close never passes: a wait for any change of the socket would end at once, for ever. */
static void a_half_close_without_reading_costs_no_time(void **state)
{
	static const enum addr_scheme schemes[] = { ADDR_TCP, ADDR_UNIX };
	static const uint32_t caps[] = { 1 << 20, 64 << 20 };

	for (unsigned i = 0; i < 2 * 2; i++) {
		struct service service;
		size_t sent;

		start(&service, state, caps[i / 2], ENGINE_DEFAULT_POOL_BYTES);
		int fd = harness_connect(&service.harness, schemes[i % 2]);

		/* The large cap leaves credit: the end is seen. Of the other, not before bytes leave. */
		sent = stuff(&service.harness, fd, 16 << 20);
		shutdown(fd, SHUT_WR);
		harness_do(&service.harness, nothing, NULL);
		assert_true(comes_to_rest());
		for (size_t got = 0; got < sent;) {
			static char block[65536];
			ssize_t n = recv(fd, block, sizeof(block), 0);

			assert_true(n > 0);
			got += (size_t)n;
		}
		harness_expect_end(fd);
		close(fd);
		harness_stop(&service.harness);
	}
}

/* ---- memory ---- */

#define STUCK 300

static void measure_pool(struct engine *engine, void *data)
{
	*(size_t *)data = engine->pool.large_in_use_bytes + engine->pool.small_in_use_bytes;
}

static void stuck_connections_hold_no_more_than_the_bound(void **state)
{
	const size_t pool_bytes = 1 << 20;
	struct service service;
	int fds[STUCK];
	size_t held = 0;

	start(&service, state, ECHO_DEFAULT_CAP_BYTES, pool_bytes);
	for (unsigned i = 0; i < STUCK; i++)
		fds[i] = harness_connect_narrow(&service.harness, ADDR_UNIX);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < STUCK; i++) {
			struct filling filling = { .fd = fds[i], .piece = 997, .most = 65536 };

			fill(NULL, &filling);
		}
		harness_do(&service.harness, nothing, NULL);
	}
	/* On a busy machine some of it is still on its way. */
	for (unsigned i = 0; i < 1000 && held <= pool_bytes; i++) {
		harness_do(&service.harness, measure_pool, &held);
		poll(NULL, 0, 5);
	}
	assert_true(held > pool_bytes);
	assert_true(held <= pool_bytes + BUFFER_READY_BYTES + STUCK * BUFFER_CONN_BYTES);
	for (unsigned i = 0; i < STUCK; i++)
		close(fds[i]);
	harness_do(&service.harness, drain, NULL);
	harness_wait(&service.harness);
}

/* ---- a ring that fails ---- */

/* From now on io_uring_enter(2) and epoll_wait(2) fail on this thread. */
static void forbid_waiting(struct engine *engine, void *data)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_wait, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENXIO),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	*(int *)data = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Nothing of it may be used after the engine has gone, and nothing left behind (AddressSanitizer). */
static void an_engine_that_fails_can_be_freed(void **state)
{
	struct service service;
	static char block[4096];
	int fds[20], forbidden = -1;

	start(&service, state, ECHO_DEFAULT_CAP_BYTES, ENGINE_DEFAULT_POOL_BYTES);
	for (unsigned i = 0; i < 20; i++) {
		fds[i] = harness_connect_narrow(&service.harness, i % 2 ? ADDR_UNIX : ADDR_TCP);
		if (i >= 10)
			stuff(&service.harness, fds[i], 1 << 20);
	}
	harness_do(&service.harness, forbid_waiting, &forbidden);
	if (forbidden < 0) {
		harness_stop(&service.harness);
		skip();
	}
	pthread_join(service.harness.thread, NULL);
	assert_int_equal(service.harness.result, -ENXIO);
	for (unsigned i = 0; i < 20; i++)
		send(fds[i], block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
	engine_free(service.harness.engine);
	for (unsigned i = 0; i < 20; i++)
		close(fds[i]);
}

/* ---- urgent bytes that have been announced and have not come ---- */

/* Threads that the kernel has started in this process for orders that it could not finish otherwise. */
static unsigned count_kernel_threads(void)
{
	unsigned count = 0;
	char path[300], name[40];
	DIR *folder = opendir("/proc/self/task");

	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		file = fopen(path, "re");
		count += file != NULL && fgets(name, sizeof(name), file) != NULL &&
			strncmp(name, "iou-wrk", 7) == 0;
		if (file != NULL)
			fclose(file);
	}
	closedir(folder);
	return count;
}

/* The mark lies behind more than the engine's socket takes: it is known long before its byte has come. */
static void urgent_bytes_to_come_are_waited_for_without_a_thread(void **state)
{
	static char block[16384], back[16384];
	struct service service;
	int fds[8], large = 1 << 20;

	start(&service, state, 4096, ENGINE_DEFAULT_POOL_BYTES);
	for (unsigned i = 0; i < 8; i++) {
		fds[i] = harness_connect_narrow(&service.harness, ADDR_TCP);
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	}
	for (unsigned round = 0; round < 1000; round++) {
		for (unsigned i = 0; i < 8; i++) {
			send(fds[i], block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
			send(fds[i], "!", 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
			recv(fds[i], back, sizeof(back), MSG_DONTWAIT);
		}
		harness_do(&service.harness, nothing, NULL);
	}
	assert_int_equal(count_kernel_threads(), 0);
	for (unsigned i = 0; i < 8; i++)
		close(fds[i]);
	harness_stop(&service.harness);
}

int main(void)
{
	const struct harness_test tests[] = {
		HARNESS_TEST(credit_is_used_to_the_byte_and_no_further),
		HARNESS_TEST(bulk_comes_in_large_pieces),
		HARNESS_TEST(more_speak_at_once_than_there_are_buffers),
		HARNESS_TEST(more_is_answered_at_once_than_the_queue_holds),
		HARNESS_TEST(ten_times_as_many_end_in_ten_times_the_time),
		HARNESS_TEST(the_next_connection_in_a_slot_gets_nothing_of_the_former),
		HARNESS_TEST(a_peer_that_dies_with_bytes_waiting_is_lost_once),
		HARNESS_TEST(a_half_close_without_reading_costs_no_time),
		HARNESS_TEST(urgent_bytes_to_come_are_waited_for_without_a_thread),
		HARNESS_TEST(stuck_connections_hold_no_more_than_the_bound),
		HARNESS_TEST(an_engine_that_fails_can_be_freed),
	};

	return harness_main(tests, sizeof(tests) / sizeof(tests[0]));
}
