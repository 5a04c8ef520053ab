/*
 * Made by libseccomp. A call that is refused gives EPERM and does not kill: a libc that tries something
 * new goes on. Calls that are allowed whatever their arguments are looked up in a bitmap by the kernel
 * (Linux 5.11), so the hot path costs no filter's run. What io_uring does on behalf of the process
 * is not seen by seccomp; files are Landlock's affair.
 */
#include "server/sandbox/syscalls.h"

#include <errno.h>

#include "config.h"

#if MEARI_HAVE_SECCOMP

#include <fcntl.h>
#include <net/if.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Not in all headers: names for pieces of memory, which newer C libraries give. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#define THREAD_FLAG 0x00010000u /* CLONE_THREAD */
#define NAMESPACE_FLAGS 0x7e020000u /* CLONE_NEWNS, NEWCGROUP ... NEWNET */
#define SET_FILTER 1 /* SECCOMP_SET_MODE_FILTER */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What an architecture or an older libseccomp does not know is left out. */
static const char *const allowed[] = {
	/* bytes, connections */
	"recvfrom", "sendto", "recvmsg", "sendmsg", "recvmmsg", "sendmmsg", "recv", "send",
	"accept", "accept4", "shutdown", "close", "read", "write", "readv", "writev", "setsockopt",
	"getsockopt", "getsockname", "getpeername", "recvmmsg_time64", "splice", "pipe2",
	/* waiting */
	"epoll_create1", "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "poll", "ppoll",
	"ppoll_time64", "futex", "futex_time64", "futex_waitv", "nanosleep", "clock_nanosleep",
	"clock_nanosleep_time64", "timerfd_settime", "timerfd_settime64", "sched_yield",
	"restart_syscall",
	/* threads, memory */
	"set_robust_list", "rseq", "exit", "exit_group", "gettid", "getpid", "rt_sigaction",
	"rt_sigprocmask", "rt_sigreturn", "sigaltstack", "sched_getaffinity", "sched_setaffinity",
	"set_tid_address", "membarrier", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise",
	"brk", "getrandom",
	/* the clock, the system */
	"clock_gettime", "clock_gettime64", "clock_getres", "gettimeofday", "time", "sysinfo",
	"uname", "getrlimit", "ugetrlimit", "getrusage", "getuid", "geteuid", "getgid", "getegid",
	"getcpu",
	/* lists that are read again, socket files that are removed, messages */
	"fstat", "fstat64", "stat", "stat64", "lstat", "lstat64", "newfstatat", "fstatat64",
	"statx", "lseek", "_llseek", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
	"getcwd", "unlink", "unlinkat", "fcntl", "fcntl64", "pread64"
};

/* Each thread of that engine makes its ring itself; when all have, syscalls_seal() forbids more. */
static const char *const allowed_with_uring[] = { "io_uring_setup", "io_uring_enter",
	"io_uring_register" };

static int allow_names(scmp_filter_ctx filter, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		int r = number == __NR_SCMP_ERROR
			? 0
			: seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);

		/* -EDOM, -EOPNOTSUPP: not on this architecture. */
		if (r < 0 && r != -EDOM && r != -EOPNOTSUPP)
			return r;
	}
	return 0;
}

/* Those of threads. */
static int allow_threads(scmp_filter_ctx filter)
{
	/* A thread, not a process, and in no namespace of its own. */
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_CMP(0, SCMP_CMP_MASKED_EQ, THREAD_FLAG | NAMESPACE_FLAGS, THREAD_FLAG));

	/* Its flags are in memory, where a filter cannot read: so it is not there, and libc takes clone. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* abort() and the like; no other process's threads. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return r;
}

static int allow_equal(scmp_filter_ctx filter, int number, unsigned which, uint64_t value)
{
	return seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, number, 1, SCMP_CMP(which, SCMP_CMP_EQ, value));
}

/* Calls that are allowed with some arguments only. */
static int allow_some(scmp_filter_ctx filter)
{
	static const unsigned ioctls[] = { SIOCATMARK, FIONREAD, TCGETS, TIOCGWINSZ, SIOCGIFNAME,
		SIOCGIFINDEX };
	static const unsigned prctls[] = { PR_SET_TIMERSLACK, PR_SET_NAME, PR_GET_NAME,
		PR_SET_VMA };
	const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
	/* To ask for the names of zones (if_indextoname(3)); it cannot be connected. */
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
		SCMP_CMP(0, SCMP_CMP_EQ, AF_UNIX),
		SCMP_CMP(1, SCMP_CMP_MASKED_EQ, (scmp_datum_t)~SOCK_CLOEXEC, SOCK_DGRAM));

	for (size_t i = 0; r == 0 && i < COUNT(ioctls); i++)
		r = allow_equal(filter, SCMP_SYS(ioctl), 1, ioctls[i]);
	for (size_t i = 0; r == 0 && i < COUNT(prctls); i++)
		r = allow_equal(filter, SCMP_SYS(prctl), 0, prctls[i]);
	/* Asking for its own limits, not setting them. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
			SCMP_CMP(0, SCMP_CMP_EQ, 0), SCMP_CMP(2, SCMP_CMP_EQ, 0));
	/* Another filter can but take away more. */
	if (r == 0)
		r = allow_equal(filter, SCMP_SYS(seccomp), 0, SET_FILTER);
	if (r == 0)
		r = allow_threads(filter);
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
			SCMP_CMP(2, SCMP_CMP_MASKED_EQ, writing, 0));
	return r;
}

int syscalls_confine(bool uring)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (filter == NULL)
		return -ENOMEM;
	/* Without what the kernel would do against speculation: no foreign programs run in here. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = allow_names(filter, allowed, COUNT(allowed));
	if (r == 0 && uring)
		r = allow_names(filter, allowed_with_uring, COUNT(allowed_with_uring));
	if (r == 0)
		r = allow_some(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int syscalls_seal(void)
{
	static const int sealed[] = { SCMP_SYS(clone), SCMP_SYS(io_uring_setup),
		SCMP_SYS(seccomp) };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = 0;

	if (filter == NULL)
		return -ENOMEM;
	/* No new privileges: that is so already, and asking for it again is out of reach. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	for (size_t i = 0; r == 0 && i < COUNT(sealed); i++) {
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), sealed[i], 0);
		if (r == -EDOM || r == -EOPNOTSUPP)
			r = 0; /* not on this architecture */
	}
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

#else

int syscalls_confine(bool uring)
{
	return -ENOSYS;
}

int syscalls_seal(void)
{
	return -ENOSYS;
}

#endif
