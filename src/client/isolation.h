/*
 * A network of this process's own: a user namespace and in it a network namespace, which has nothing but
 * a loopback interface. No privileges are needed where the system allows user namespaces; every port is free
 * there, and nothing that is said there leaves it. Children inherit it.
 *
 * Call before the process has threads; there is no way back. The user and group keep their numbers, and
 * files on disk are as reachable as before.
 */
#pragma once

#include <stddef.h>

#define ISOLATION_REASON_SIZE 256

/*
 * 0, or -errno with one translated line for people that says what is forbidden, and by what:
 * -EPERM, -ENOSPC (the limit of namespaces), -EINVAL (the process has threads, or the kernel no such
 * namespaces); then nothing has changed.
 */
int isolation_enter(char *reterr_reason, size_t size);

/*
 * Gives up the capabilities that came with the namespace (and any others), so that the process can do no
 * more than an ordinary user. Sockets that are open stay so. 0 or -errno.
 */
int isolation_drop_privileges(void);
