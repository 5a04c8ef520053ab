/*
 * path_lock.c: one at a time, never for ever, and nothing stays. And what it is for: of two servers that
 * want one path at the same time, one gets it (socket.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/call.h"
#include "net/path_lock.h"
#include "net/socket.h"

static char folder[] = "/tmp/meari-lock-XXXXXX";

static struct addr address(const char *name)
{
	struct addr addr = { .scheme = ADDR_UNIX, .un = { .sun_family = AF_UNIX } };

	snprintf(addr.un.sun_path, sizeof(addr.un.sun_path), "%s/%s", folder, name);
	addr.length = sizeof(addr.un);
	return addr;
}

static bool is_locked(void)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool locked = flock(fd, LOCK_EX | LOCK_NB) < 0;

	close(fd);
	return locked;
}

static void it_is_held_until_it_is_closed(void **state)
{
	struct addr addr = address("s");
	int fd = path_lock_take(&addr);

	assert_true(fd >= 0);
	assert_true(is_locked());
	close(fd);
	assert_false(is_locked());
}

/* Another user can hold it: a start takes longer then, and goes on. */
static void a_lock_is_not_waited_for_without_end(void **state)
{
	struct addr addr = address("s");
	int theirs = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t before_ns = clock_now_ns();

	assert_int_equal(flock(theirs, LOCK_EX), 0);
	assert_int_equal(path_lock_take(&addr), -1);
	assert_true(clock_now_ns() - before_ns >= PATH_LOCK_MOST_NS);
	close(theirs);
}

static void what_has_no_folder_has_no_lock(void **state)
{
	struct addr abstract = { .scheme = ADDR_UNIX, .un = { .sun_family = AF_UNIX } };
	struct addr inet = { .scheme = ADDR_TCP, .in = { .sin_family = AF_INET } };
	struct addr missing = address("not/there");

	memcpy(abstract.un.sun_path, "\0name", 5);
	assert_int_equal(path_lock_take(&abstract), -1);
	assert_int_equal(path_lock_take(&inet), -1);
	assert_int_equal(path_lock_take(&missing), -1);
}

/* ---- two servers ---- */

#define STANDS_MS 300

static _Thread_local bool stands; /* this thread stops for a while when it has bound its socket */
static _Atomic bool has_bound;

static void stand(const char *name, const char *arguments, int64_t result)
{
	if (!stands || strcmp(name, "bind") != 0 || result < 0)
		return;
	atomic_store(&has_bound, true);
	poll(NULL, 0, STANDS_MS);
}

struct opening {
	const struct addr *addr;
	bool control;
	int fd, result;
};

static void open_it(struct opening *opening)
{
	struct socket_listen_options options = { .backlog = 10 };
	struct addr bound;

	opening->result = opening->control
		? socket_open_control(opening->addr, SOCK_SEQPACKET, &opening->fd, NULL)
		: socket_open_server(opening->addr, &options, &opening->fd, &bound, NULL);
}

static void *open_slowly(void *context)
{
	stands = true;
	open_it(context);
	return NULL;
}

/* Between bind and listen, a socket looks as if its owner were dead. */
static void check_two(bool control)
{
	struct addr addr = address("s");
	struct opening first = { &addr, control, -1, 0 }, second = { &addr, control, -1, 0 };
	pthread_t thread;

	atomic_store(&has_bound, false);
	call_set_hook(stand);
	assert_int_equal(pthread_create(&thread, NULL, open_slowly, &first), 0);
	while (!atomic_load(&has_bound))
		poll(NULL, 0, 1);
	open_it(&second);
	pthread_join(thread, NULL);
	call_set_hook(NULL);
	unlink(addr.un.sun_path);
	assert_int_equal(first.result, 0);
	assert_int_equal(second.result, -EADDRINUSE);
	assert_false(is_locked());
	close(first.fd);
}

static void of_two_servers_one_gets_the_path(void **state)
{
	check_two(false);
	check_two(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_held_until_it_is_closed),
		cmocka_unit_test(a_lock_is_not_waited_for_without_end),
		cmocka_unit_test(what_has_no_folder_has_no_lock),
		cmocka_unit_test(of_two_servers_one_gets_the_path),
	};

	if (mkdtemp(folder) == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	rmdir(folder);
	return failed;
}
