/*
 * One unshare(2) for both namespaces, so that either both are made or nothing has changed. Ubuntu 23.10 and
 * later take away all capabilities in a new user namespace (AppArmor), many containers forbid the call by
 * seccomp: both are EPERM, and the reason names them.
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
#include <unistd.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "net/call.h"

static void write_text(const char *path, const char *text)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return; /* see map_identity() */
}

/*
 * Without the maps user and group would be shown as nobody. They are not needed for access to files, which
 * goes by the kernel's own numbers, so that a /proc that cannot be written is no reason to fail.
 */
static void map_identity(uid_t uid, gid_t gid)
{
	char map[64];

	/* The group's map may be written by an ordinary user only once this is said (Linux 3.19). */
	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1\n", (unsigned)uid, (unsigned)uid);
	write_text("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1\n", (unsigned)gid, (unsigned)gid);
	write_text("/proc/self/gid_map", map);
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

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return explain(-errno, reterr_reason, size);
	map_identity(uid, gid);
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
