/*
 * The system calls that a server needs, as seccomp(2) filters, in two steps: what is not needed once everything
 * is open, and what is not needed once all threads run. Every other call fails with EPERM. Main thread.
 */
#pragma once

#include <stdbool.h>

/*
 * The first step, before any other thread is started; threads inherit it. With `uring`, also those of io_uring. -ENOSYS: built without libseccomp; else the kernel's -errno. Needs
 * no new privileges (PR_SET_NO_NEW_PRIVS). No way back.
 */
int syscalls_confine(bool uring);

/*
 * The second step, for all threads of the process: no new threads, rings or filters. Takes the first one's
 * being in force. Errors as above.
 */
int syscalls_seal(void);
