/*
 * process.c: the end of a process is seen, and not before; what cannot be watched is not taken for dead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/upgrade/process.h"

static void the_end_is_seen(void **state)
{
	pid_t child = fork();
	int fd = -1;

	if (child == 0) {
		pause();
		_exit(0);
	}
	if (process_watch(child, &fd) < 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		skip(); /* before Linux 5.3, or not in this container */
	}
	assert_false(process_wait_ended(fd, clock_now_ns()));
	kill(child, SIGKILL);
	/* Not reaped: it has ended all the same. */
	assert_true(process_wait_ended(fd, clock_after_ns(clock_now_ns(), 60 * CLOCK_NS_PER_S)));
	waitpid(child, NULL, 0);
	assert_true(process_wait_ended(fd, clock_now_ns()));
	close(fd);
}

static void nobody_is_watched(void **state)
{
	int fd = -1;

	assert_int_equal(process_watch(0, &fd), -ESRCH);
	assert_int_equal(process_watch(-1, &fd), -ESRCH);
	assert_int_equal(fd, -1);
	assert_false(process_wait_ended(-1, CLOCK_NEVER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_is_seen),
		cmocka_unit_test(nobody_is_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
