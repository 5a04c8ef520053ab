/*
 * The system calls that a server needs once it serves, as a seccomp(2) filter: every other fails with EPERM.
 * Main thread, before any other is started; threads inherit it.
 */
#pragma once

#include <stdbool.h>

/*
 * With `uring`, also those of io_uring. -ENOSYS: built without libseccomp; else the kernel's -errno. Needs
 * no new privileges (PR_SET_NO_NEW_PRIVS). No way back.
 */
int syscalls_confine(bool uring);
