/*
 * unshare(2) in two steps: first the user namespace, in which this process then has the capability that the
 * second needs. Ubuntu 23.10 and later let the first succeed and take away all capabilities in it
 * (AppArmor), many containers forbid the call by seccomp: both are EPERM, and the reason names them.
 * The maps of users and groups are written at once: without them files belong to nobody.
 */
#include "client/isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "net/call.h"

static int write_text(const char *path, const char *text)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int map_identity(uid_t uid, gid_t gid)
{
	char map[64];
	int r;

	/* The group's map may be written by an ordinary user only once this is said (Linux 3.19). */
	r = write_text("/proc/self/setgroups", "deny");
	if (r < 0 && r != -ENOENT)
		return r;
	snprintf(map, sizeof(map), "%u %u 1\n", (unsigned)uid, (unsigned)uid);
	r = write_text("/proc/self/uid_map", map);
	if (r < 0)
		return r;
	snprintf(map, sizeof(map), "%u %u 1\n", (unsigned)gid, (unsigned)gid);
	return write_text("/proc/self/gid_map", map);
}

/* A new namespace's loopback interface is there, and down. */
static int bring_loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	CLEANUP_FD int fd = call_socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return fd;
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static int explain(int error, char *reason, size_t size)
{
	if (error == -EPERM || error == -EACCES)
		snprintf(reason, size,
			_("this system forbids user namespaces (AppArmor's "
			  "kernel.apparmor_restrict_unprivileged_userns, or a container's "
			  "seccomp profile)"));
	else if (error == -ENOSPC)
		snprintf(reason, size,
			_("the limit of namespaces is reached (user.max_user_namespaces)"));
	else
		snprintf(reason, size, _("a namespace of its own cannot be made: %s"),
			strerror(-error));
	return error;
}

int isolation_enter(char *reterr_reason, size_t size)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return explain(-errno, reterr_reason, size);
	r = map_identity(uid, gid);
	if (r == 0 && unshare(CLONE_NEWNET) < 0)
		r = -errno;
	if (r == 0)
		r = bring_loopback_up();
	return r < 0 ? explain(r, reterr_reason, size) : 0;
}

int isolation_drop_privileges(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capset, &header, none) < 0)
		return -errno;
	/* /proc/self must stay our own: what a thread waits in is read there. */
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 ? -errno : 0;
}

bool isolation_is_possible(void)
{
	char reason[ISOLATION_REASON_SIZE];
	int status = 0;
	pid_t child = fork();

	if (child < 0)
		return false;
	if (child == 0)
		_exit(isolation_enter(reason, sizeof(reason)) < 0);
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
