/*
 * inheritance.c: threads and the sockets of another server. Each thread has one as long as that is possible, and no
 * socket is left out: connections that the kernel puts into it would wait for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/socket.h"
#include "server/listen/inheritance.h"
#include "server/listen/listener.h"

#define MOST 8

static struct addr loopback(enum addr_scheme scheme)
{
	struct addr addr = { .scheme = scheme, .length = sizeof(addr.in) };

	addr.in.sin_family = AF_INET;
	addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return addr;
}

/* A list with `sockets` sockets of one address, which has the port that the kernel gave it. */
static void inherit(struct listener_list *list, enum addr_scheme scheme, unsigned sockets,
	bool shared, struct addr *ret_addr)
{
	struct addr addr = loopback(scheme);

	*list = (struct listener_list){ 0 };
	for (unsigned i = 0; i < sockets; i++) {
		struct socket_listen_options options = {
			.backlog = 10,
			.share_port = shared,
			.join_shared = i > 0,
		};
		struct addr wanted = addr;
		int fd;

		assert_int_equal(socket_open_server(&wanted, &options, &fd, &addr, NULL), 0);
		assert_int_equal(inheritance_add(list, fd, false, 0, 0), 0);
	}
	assert_int_equal(list->count, 1);
	*ret_addr = addr;
}

static ino_t socket_of(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return status.st_ino;
}

static unsigned distinct(const ino_t *sockets, unsigned count)
{
	unsigned different = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned j = 0;

		while (j < i && sockets[j] != sockets[i])
			j++;
		different += j == i;
	}
	return different;
}

/*
 * Claims the address for so many threads, and lets each take what is its own: how many descriptors the first and the
 * last one got, and how many sockets there are behind all of them.
 */
static void share_out(enum addr_scheme scheme, unsigned sockets, bool shared, unsigned threads,
	unsigned first, unsigned last, unsigned behind)
{
	struct listener_list list;
	struct listener listener;
	struct addr addr;
	ino_t seen[MOST];
	unsigned got[MOST] = { 0 }, all = 0;

	inherit(&list, scheme, sockets, shared, &addr);
	assert_true(inheritance_claim(&list, &addr, threads, &listener));
	assert_int_equal(list.count, 0);
	for (unsigned thread = 0; thread < threads; thread++) {
		int fd;

		while ((fd = listener_take(&listener, thread, threads)) >= 0) {
			assert_true(all < MOST);
			seen[all++] = socket_of(fd);
			got[thread]++;
			close(fd);
		}
	}
	assert_int_equal(got[0], first);
	assert_int_equal(got[threads - 1], last);
	assert_int_equal(distinct(seen, all), behind);
	assert_int_equal(listener.socket_count, behind);
	listener_list_close_one(&listener);
	listener_list_close_all(&list);
}

static void more_threads_than_sockets(void **state)
{
	/* A stream: duplicates, and of each socket as many as of any other, so that none is served by all. */
	share_out(ADDR_TCP, 1, false, 4, 1, 1, 1);
	share_out(ADDR_TCP, 2, true, 3, 1, 1, 2);
	share_out(ADDR_TCP, 2, true, 6, 1, 1, 2);
	/* Datagrams: sockets of their own, or nothing. */
	share_out(ADDR_UDP, 1, true, 4, 1, 1, 4);
	share_out(ADDR_UDP, 2, true, 3, 1, 1, 3);
	share_out(ADDR_UDP, 1, false, 4, 1, 0, 1);
}

static void each_socket_has_as_many_threads(void **state)
{
	struct listener_list list;
	struct listener listener;
	struct addr addr;
	ino_t seen[6];

	inherit(&list, ADDR_TCP, 3, true, &addr);
	assert_true(inheritance_claim(&list, &addr, 6, &listener));
	assert_int_equal(listener.fd_count, 6);
	for (unsigned i = 0; i < 6; i++)
		seen[i] = socket_of(listener.fds[i]);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(seen[i], seen[i + 3]);
	assert_int_equal(distinct(seen, 6), 3);
	listener_list_close_one(&listener);
	listener_list_close_all(&list);
}

static void fewer_threads_than_sockets(void **state)
{
	share_out(ADDR_TCP, 4, true, 1, 4, 4, 4);
	share_out(ADDR_TCP, 5, true, 2, 3, 2, 5);
	share_out(ADDR_UDP, 3, true, 2, 2, 1, 3);
	share_out(ADDR_TCP, 3, true, 3, 1, 1, 3);
}

/* The sockets that a thread does not have are not another's either. */
static void what_was_taken_is_not_taken_twice(void **state)
{
	int fds[] = { 100, -1, 102, 103, 104 };
	struct listener listener = { .fds = fds, .fd_count = 5 };

	assert_int_equal(listener_take(&listener, 7, 8), -1); /* it takes no part */
	assert_int_equal(listener_take(&listener, 0, 2), 100);
	assert_int_equal(listener_take(&listener, 1, 2), 103);
	assert_int_equal(listener_take(&listener, 1, 2), -1);
	assert_int_equal(listener_take(&listener, 0, 2), 102);
	assert_int_equal(listener_take(&listener, 0, 2), 104);
	assert_int_equal(listener_take(&listener, 0, 2), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_threads_than_sockets),
		cmocka_unit_test(each_socket_has_as_many_threads),
		cmocka_unit_test(fewer_threads_than_sockets),
		cmocka_unit_test(what_was_taken_is_not_taken_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
