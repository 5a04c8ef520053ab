/*
 * handover.c and takeover.c with each other, without a server: as many sockets as are promised, and what
 * becomes of somebody who has had them and goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "net/socket.h"
#include "server/upgrade/handover.h"
#include "server/upgrade/handover_message.h"
#include "server/upgrade/takeover.h"

struct old {
	struct addr at;
	struct listener listener;
	struct listener_list list;
	struct handover *handover;
};

/* One socket stands for all of them: what is sent is a descriptor each. */
static void old_init(struct old *old, unsigned socket_count)
{
	struct handover_options options = { .watchdog_ns = CLOCK_NEVER, .inherited_fd = -1 };
	struct socket_listen_options listen_options = { .backlog = 10 };
	struct addr any = {
		.scheme = ADDR_TCP,
		.length = sizeof(any.in),
		.in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } },
	};
	int fd;

	*old = (struct old){
		.at = { .scheme = ADDR_UNIX, .un = { .sun_family = AF_UNIX } },
		.listener = { .socket_count = socket_count },
	};
	old->at.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
		(size_t)snprintf(old->at.un.sun_path + 1, 60, "meari-handover-%d", (int)getpid()));
	assert_int_equal(socket_open_server(&any, &listen_options, &fd, &any, NULL), 0);
	old->listener.bound = any;
	old->listener.kept_fds = malloc(socket_count * sizeof(int));
	assert_non_null(old->listener.kept_fds);
	for (unsigned i = 0; i < socket_count; i++)
		old->listener.kept_fds[i] = fd;
	old->list = (struct listener_list){ &old->listener, 1 };
	options.at = &old->at;
	options.listeners = &old->list;
	assert_int_equal(handover_new(&options, &old->handover), 0);
}

static void old_fini(struct old *old)
{
	handover_free(old->handover);
	close(old->listener.kept_fds[0]);
	free(old->listener.kept_fds);
}

/* A turn of the old server's main thread, as soon as there is something to do. */
static bool work(struct old *old, bool *ret_peer_gone)
{
	struct pollfd polled[HANDOVER_MOST_POLLED];
	unsigned count = handover_prepare(old->handover, polled);

	poll(polled, count, clock_poll_ms(clock_now_ns(), handover_due_ns(old->handover)));
	return handover_work(old->handover, ret_peer_gone);
}

/* ---- many sockets ---- */

struct heir {
	struct addr at;
	struct takeover takeover;
	int begun, committed;
};

static void *take_over(void *context)
{
	struct heir *heir = context;

	heir->begun = takeover_begin(&heir->at, &heir->takeover);
	if (heir->begun == 0)
		heir->committed = takeover_commit(&heir->takeover);
	return NULL;
}

static void check_sockets(unsigned socket_count)
{
	struct rlimit limit;
	struct old old;
	struct heir heir = { .committed = -1 };
	pthread_t thread;
	bool parted = false;

	descriptors_raise_limit();
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < socket_count + 100)
		skip();
	old_init(&old, socket_count);
	heir.at = old.at;
	assert_int_equal(pthread_create(&thread, NULL, take_over, &heir), 0);
	while (!work(&old, &parted))
		assert_false(parted);
	pthread_join(thread, NULL);
	assert_int_equal(heir.begun, 0);
	assert_int_equal(heir.committed, 0);
	assert_int_equal(heir.takeover.inherited.count, 1);
	assert_int_equal(heir.takeover.inherited.listeners[0].fd_count, socket_count);
	assert_true(heir.takeover.control_fd >= 0);
	takeover_fini(&heir.takeover);
	old_fini(&old);
}

static void one_socket_is_handed_over(void **state)
{
	check_sockets(1);
}

/* Exactly one message, and one more than that. */
static void a_message_is_filled(void **state)
{
	check_sockets(HANDOVER_MESSAGE_MOST_SOCKETS - 1);
	check_sockets(HANDOVER_MESSAGE_MOST_SOCKETS);
}

/* More than the kernel's queue holds: the rest follows as the other reads. */
static void as_many_sockets_as_are_promised_are_handed_over(void **state)
{
	check_sockets(HANDOVER_MESSAGE_MOST_TOTAL - 1);
}

/* ---- who goes ---- */

static int knock(const struct old *old)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &old->at.generic, old->at.length), 0);
	return fd;
}

static void say(int fd, enum handover_message_kind kind)
{
	char text[HANDOVER_MESSAGE_MOST_BYTES];
	struct handover_message message = { .kind = kind };
	size_t length = handover_message_write(&message, text);

	assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), length);
}

/* Until the old one has let go of somebody; so many turns at most. */
static bool parts(struct old *old, unsigned turns)
{
	bool parted = false;

	for (unsigned i = 0; i < turns && !parted; i++)
		assert_false(work(old, &parted));
	return parted;
}

static void who_had_the_sockets_and_goes_is_noticed(void **state)
{
	struct old old;
	int fd;

	old_init(&old, 2);
	for (unsigned i = 0; i < 2; i++) {
		fd = knock(&old);
		say(fd, HANDOVER_MESSAGE_TAKE);
		assert_false(parts(&old, 2)); /* let in, and answered */
		close(fd);
		assert_true(parts(&old, 2));
	}
	/* It was told once, and who has had nothing is nobody to look after. */
	fd = knock(&old);
	assert_false(parts(&old, 1));
	close(fd);
	assert_false(parts(&old, 1));
	old_fini(&old);
}

/* Half of them are on their way, and the other does not read: nothing waits for it, and it may go. */
static void who_goes_before_it_has_all_sockets_is_noticed(void **state)
{
	struct old old;
	int fd;

	old_init(&old, HANDOVER_MESSAGE_MOST_TOTAL - 1);
	fd = knock(&old);
	say(fd, HANDOVER_MESSAGE_TAKE);
	assert_false(parts(&old, 2));
	close(fd);
	assert_true(parts(&old, 2));
	old_fini(&old);
}

/* Before all are given, "ready" is a lie. */
static void who_is_ready_before_it_has_all_sockets_is_not_in_charge(void **state)
{
	struct old old;
	int fd;

	old_init(&old, HANDOVER_MESSAGE_MOST_TOTAL - 1);
	fd = knock(&old);
	say(fd, HANDOVER_MESSAGE_TAKE);
	assert_false(parts(&old, 2));
	say(fd, HANDOVER_MESSAGE_READY);
	assert_true(parts(&old, 2));
	close(fd);
	old_fini(&old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_socket_is_handed_over),
		cmocka_unit_test(a_message_is_filled),
		cmocka_unit_test(as_many_sockets_as_are_promised_are_handed_over),
		cmocka_unit_test(who_had_the_sockets_and_goes_is_noticed),
		cmocka_unit_test(who_goes_before_it_has_all_sockets_is_noticed),
		cmocka_unit_test(who_is_ready_before_it_has_all_sockets_is_not_in_charge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
