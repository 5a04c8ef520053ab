/*
 * syscalls.c: what is out of reach behind the filter, and what is not. Each test in a child of its
 * own, because there is no way back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "server/sandbox/syscalls.h"
#include "skipping.h"

#define SETUP_URING 425 /* io_uring_setup, everywhere but on alpha */

/* The status of a child that runs `steps` behind the filter: 0, or the number of what went wrong. */
static int confined(bool uring, int (*steps)(void))
{
	int status;

	if (!MEARI_HAVE_SECCOMP) {
		print_message("# skipped: built without libseccomp\n");
		return 0;
	}
	pid_t child = fork();

	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscalls_confine(uring) < 0)
			_exit(99);
		_exit(steps());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool refused(long result)
{
	return result < 0 && errno == EPERM;
}

static int try_what_is_refused(void)
{
	if (!refused(socket(AF_INET, SOCK_STREAM, 0)))
		return 1;
	if (!refused(socket(AF_NETLINK, SOCK_RAW, 0)))
		return 2;
	if (!refused(execl("/bin/true", "true", NULL)))
		return 3;
	if (!refused(open("/dev/null", O_WRONLY)) || !refused(open("/dev/null", O_RDWR)))
		return 4;
	if (!refused(open("meari-test-never-made", O_RDONLY | O_CREAT, 0600)))
		return 5;
	if (!refused(kill(getpid(), 0)))
		return 6;
	if (!refused(fork()))
		return 7;
	if (!refused(syscall(SETUP_URING, 1, NULL)))
		return 8;
	return 0;
}

static int try_what_reaches_others(void)
{
	const struct sockaddr_un name = { AF_UNIX, "\0meari-test-nobody" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return 1;
	if (!refused(connect(fd, (const struct sockaddr *)&name, sizeof(name))))
		return 2;
	if (!refused(socket(AF_UNIX, SOCK_STREAM, 0)) ||
		!refused(socket(AF_UNIX, SOCK_SEQPACKET, 0)))
		return 3;
	/* Its flags cannot be seen by a filter, so it must seem not to be there. */
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		return 4;
	if (!refused(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)))
		return 5;
	/* A thread's flags, and a namespace. */
	if (!refused(syscall(SYS_clone, 0x10000 | 0x40000000, NULL, NULL, NULL, NULL)))
		return 6;
	if (!refused(syscall(SYS_tgkill, getppid(), getppid(), 0)))
		return 7;
	return syscall(SYS_tgkill, getpid(), getpid(), 0) == 0 ? 0 : 8;
}

static void *note(void *ran)
{
	*(bool *)ran = true;
	return NULL;
}

static int try_what_is_needed(void)
{
	pthread_t thread;
	struct rusage usage;
	bool ran = false;

	if (open("/dev/null", O_RDONLY) < 0)
		return 1;
	if (socket(AF_UNIX, SOCK_DGRAM, 0) < 0)
		return 2;
	if (pthread_create(&thread, NULL, note, &ran) != 0 || pthread_join(thread, NULL) != 0 ||
		!ran)
		return 3;
	if (prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) < 0)
		return 4;
	/* What busy polling looks at, and what the engine uring waits with. */
	if (getrusage(RUSAGE_THREAD, &usage) < 0 || epoll_create1(0) < 0)
		return 5;
	return 0;
}

static int try_uring(void)
{
	return syscall(SETUP_URING, 1, NULL) < 0 && errno != EPERM ? 0 : 1;
}

static void *wait_and_try(void *context)
{
	pthread_barrier_t *sealed = context;

	pthread_barrier_wait(sealed); /* it runs */
	pthread_barrier_wait(sealed);
	return refused(syscall(SETUP_URING, 1, NULL)) ? context : NULL;
}

/* What was started before goes on, and has the second filter, too. */
static int try_what_is_sealed(void)
{
	pthread_barrier_t barrier;
	pthread_t thread, another;
	void *result = NULL;
	bool ran = false;

	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, wait_and_try, &barrier) != 0)
		return 1;
	pthread_barrier_wait(&barrier);
	if (syscalls_seal() < 0)
		return 2;
	pthread_barrier_wait(&barrier);
	if (pthread_join(thread, &result) != 0 || result != &barrier)
		return 3;
	if (!refused(syscall(SETUP_URING, 1, NULL)))
		return 4;
	if (pthread_create(&another, NULL, note, &ran) == 0)
		return 5;
	if (!refused(syscall(SYS_seccomp, 1, 0, NULL)))
		return 6;
	return open("/dev/null", O_RDONLY) < 0 || try_what_is_refused() != 0 ? 7 : 0;
}

static void what_a_server_does_not_need_is_refused(void **state)
{
	assert_int_equal(confined(false, try_what_is_refused), 0);
	assert_int_equal(confined(false, try_what_reaches_others), 0);
}

static void when_all_threads_run_there_are_no_more(void **state)
{
	assert_int_equal(confined(false, try_what_is_sealed), 0);
	assert_int_equal(confined(true, try_what_is_sealed), 0);
}

static void what_a_server_needs_is_not(void **state)
{
	assert_int_equal(confined(false, try_what_is_needed), 0);
	assert_int_equal(confined(true, try_what_is_needed), 0);
}

static void rings_are_for_their_engine(void **state)
{
	/* Where a container forbids them, or the kernel has none, there is nothing to see. */
	if (syscall(SETUP_URING, 1, NULL) < 0 && (errno == EPERM || errno == ENOSYS))
		SKIP("io_uring is forbidden, or not there");
	assert_int_equal(confined(true, try_uring), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_server_does_not_need_is_refused),
		cmocka_unit_test(when_all_threads_run_there_are_no_more),
		cmocka_unit_test(what_a_server_needs_is_not),
		cmocka_unit_test(rings_are_for_their_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
