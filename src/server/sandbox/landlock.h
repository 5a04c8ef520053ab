/*
 * Landlock (landlock(7)): from here on the process may read below some folders, remove files from
 * others, and that is all; and no TCP socket can be bound or connected any more. Main thread, before
 * any other is started.
 */
#pragma once

struct landlock;

/* What this kernel has: the version of its interface, or -errno (-ENOSYS, -EOPNOTSUPP: none). */
int landlock_version(void);

int landlock_new(struct landlock **ret_landlock);
/*
 * Folders that are not there, or out of reach, are left out: what is in them cannot be had anyhow. Any other
 * failure is remembered, and returned by landlock_enforce().
 */
void landlock_allow_reading(struct landlock *landlock, const char *folder);
void landlock_allow_removing(struct landlock *landlock, const char *folder);
/* No way back, unless -errno: then nothing has changed. Needs no new privileges (PR_SET_NO_NEW_PRIVS). */
int landlock_enforce(struct landlock *landlock);
/* NULL is fine. */
void landlock_free(struct landlock *landlock);
