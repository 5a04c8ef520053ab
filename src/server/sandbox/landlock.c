/*
 * The three calls have no wrappers in libc, and what later versions have added is not in all headers,
 * so the interface is written out here (linux/landlock.h). A ruleset that a kernel does not know in full
 * is refused, so each version is asked only for what it has. What is open stays usable.
 */
#include "server/sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The same numbers on every architecture. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };

#define FLAG_VERSION 1u
#define RULE_PATH_BENEATH 1

#define READ_FILE (1ull << 2)
#define READ_DIR (1ull << 3)
#define REMOVE_FILE (1ull << 5)
#define ALL_OF_VERSION_1 ((1ull << 13) - 1)
#define REFER (1ull << 13) /* 2: links and renames between folders */
#define TRUNCATE (1ull << 14) /* 3 */
#define IOCTL_DEV (1ull << 15) /* 5 */
#define NET_TCP 3ull /* 4: bind and connect */

struct ruleset {
	uint64_t files, net;
};

struct path_rule {
	uint64_t allowed;
	int32_t folder_fd;
} __attribute__((packed));

struct landlock {
	int fd;
	int error; /* a folder that is there could not be allowed */
};

int landlock_version(void)
{
	long version = syscall(CREATE_RULESET, NULL, 0, FLAG_VERSION);

	return version < 0 ? -errno : (int)version;
}

int landlock_new(struct landlock **ret_landlock)
{
	struct ruleset ruleset = { .files = ALL_OF_VERSION_1 };
	int version = landlock_version();
	struct landlock *landlock;

	if (version < 0)
		return version;
	if (version >= 2)
		ruleset.files |= REFER;
	if (version >= 3)
		ruleset.files |= TRUNCATE;
	if (version >= 4)
		ruleset.net = NET_TCP;
	if (version >= 5)
		ruleset.files |= IOCTL_DEV;
	landlock = malloc(sizeof(*landlock));
	if (landlock == NULL)
		return -ENOMEM;
	landlock->error = 0;
	landlock->fd = (int)syscall(CREATE_RULESET, &ruleset,
		version >= 4 ? sizeof(ruleset) : sizeof(ruleset.files), 0);
	if (landlock->fd < 0) {
		int error = -errno;

		free(landlock);
		return error;
	}
	*ret_landlock = landlock;
	return 0;
}

static void allow(struct landlock *landlock, const char *folder, uint64_t what)
{
	CLEANUP_FD int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct path_rule rule = { .allowed = what, .folder_fd = fd };

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return;
	if (fd < 0 || syscall(ADD_RULE, landlock->fd, RULE_PATH_BENEATH, &rule, 0) < 0)
		landlock->error = -errno;
}

void landlock_allow_reading(struct landlock *landlock, const char *folder)
{
	allow(landlock, folder, READ_FILE | READ_DIR);
}

void landlock_allow_removing(struct landlock *landlock, const char *folder)
{
	allow(landlock, folder, REMOVE_FILE);
}

int landlock_enforce(struct landlock *landlock)
{
	if (landlock->error < 0)
		return landlock->error;
	return syscall(RESTRICT_SELF, landlock->fd, 0) < 0 ? -errno : 0;
}

void landlock_free(struct landlock *landlock)
{
	if (landlock == NULL)
		return;
	close(landlock->fd);
	free(landlock);
}
