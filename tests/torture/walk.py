"""Which calls are to fail, with which errors, and in what order.

A quiet run tells every way that leads to a call. Each way is a victim, the first time that it is gone, with one of
the errors that the real call could have; each error of a call is had at least once. MEARI_TORTURE_FULL=1 takes each
error on each way, up to MOST_TIMES times. Orders of a ring have no way: the first ORDERS of a kind are victims.
"""

import collections
import concurrent.futures
import errno
import os

from play import FULL, Play, SHORT, Victim

AT_A_TIME = int(os.environ.get("MEARI_TORTURE_JOBS", "3"))
MOST_TIMES = 4
ORDERS, ORDERS_FULL = 6, 30
# OpenSSL allocates all that it needs on a few ways of ours: there, so many times are victims.
OPENSSL, OPENSSL_FULL = 2, 200

MEMORY = [errno.ENOMEM]
DESCRIPTORS = [errno.EMFILE, errno.ENFILE, errno.ENOMEM]
# What each call could fail with, and the server can do nothing about. Not what it has to avoid (EBADF, EFAULT, EINVAL);
# and not EAGAIN of a stream that is not full: the kernel promises to tell when it goes on, and would not.
ERRORS = {
    "asprintf": MEMORY, "vasprintf": MEMORY, "calloc": MEMORY, "malloc": MEMORY, "realloc": MEMORY,
    "reallocarray": MEMORY, "posix_memalign": MEMORY, "strdup": MEMORY, "strndup": MEMORY,
    "json_malloc": MEMORY, "openssl_malloc": MEMORY,
    "open_memstream": MEMORY, "realpath": MEMORY + [errno.EACCES], "setenv": MEMORY, "textdomain": MEMORY,
    "bindtextdomain": MEMORY, "bind_textdomain_codeset": MEMORY,
    "__getdelim": MEMORY + [errno.EIO], "fgets": [errno.EIO], "fread": [errno.EIO],
    "__isoc99_fscanf": [errno.EIO], "fopen64": [errno.EMFILE, errno.ENOMEM, errno.EACCES],
    "fclose": [errno.EIO], "fprintf": MEMORY, "vfprintf": MEMORY,
    "access": [errno.EACCES], "readlink": [errno.EACCES],
    "unlink": [errno.EACCES], "fchmod": [errno.EPERM], "flock": [errno.EINTR, errno.ENOLCK], "lstat64": [errno.EACCES], "open64": [errno.EMFILE], "dup2": [errno.EMFILE],
    "read": [errno.EINTR], "write": [errno.EINTR], "write_log": [errno.EINTR, errno.EPIPE, errno.ENOSPC],
    "close": [errno.EINTR, errno.EIO], "fcntl64": [errno.EMFILE, errno.EPERM], "ioctl": [errno.EPERM],
    "prctl": [errno.EPERM], "syscall": [errno.ENOSYS, errno.ENOMEM],
    "socket": DESCRIPTORS + [errno.EPERM], "socketpair": DESCRIPTORS, "bind": [errno.EADDRINUSE, errno.ENOMEM],
    "connect": [errno.EAGAIN, errno.EACCES], "listen": [errno.EADDRINUSE, errno.ENOBUFS],
    "accept4": DESCRIPTORS + [errno.ENOBUFS, errno.ECONNABORTED, errno.EINTR, errno.EAGAIN, errno.EPROTO, errno.EPERM],
    "getsockname": [errno.ENOBUFS], "getpeername": [errno.ENOTCONN, errno.ENOBUFS],
    "getsockopt": [errno.ENOPROTOOPT], "setsockopt": [errno.ENOPROTOOPT, errno.ENOMEM],
    "shutdown": [errno.ENOTCONN],
    "recv": MEMORY + [errno.ENOBUFS, errno.EINTR, errno.ECONNRESET, errno.ETIMEDOUT],
    "recvmsg": MEMORY + [errno.ENOBUFS, errno.EINTR, errno.ECONNRESET],
    "recvmmsg": MEMORY + [errno.EINTR, errno.ECONNREFUSED],
    "send": MEMORY + [SHORT, errno.ENOBUFS, errno.EINTR, errno.EPIPE, errno.ECONNRESET],
    "sendmsg": MEMORY + [SHORT, errno.ENOBUFS, errno.EINTR, errno.EPIPE, errno.ECONNRESET],
    "pipe2": DESCRIPTORS,
    "splice": MEMORY + [SHORT, errno.EINTR, errno.EPERM, errno.EPIPE, errno.ECONNRESET],
    "sendmmsg": MEMORY + [errno.ENOBUFS, errno.EINTR, errno.EAGAIN, errno.EPERM, errno.ECONNREFUSED],
    "epoll_create1": DESCRIPTORS, "epoll_ctl": [errno.ENOMEM, errno.ENOSPC], "epoll_wait": [errno.EINTR],
    "epoll_pwait2": [errno.EINTR, errno.ENOSYS], "eventfd": DESCRIPTORS, "signalfd": DESCRIPTORS,
    "poll": [errno.EINTR, errno.ENOMEM], "getrandom": [errno.ENOSYS],
    "getrlimit64": [errno.EPERM], "setrlimit64": [errno.EPERM], "getrusage": [errno.EPERM],
    "pthread_attr_init": MEMORY, "pthread_attr_setaffinity_np": MEMORY, "pthread_cond_init": MEMORY,
    "pthread_create": [errno.EAGAIN], "pthread_mutex_init": MEMORY, "pthread_sigmask": [errno.EPERM],
    "sched_getaffinity": [errno.EPERM], "setgroups": [errno.EPERM], "setresgid": [errno.EPERM],
    "setresuid": [errno.EPERM, errno.EAGAIN], "getpwnam": [errno.EMFILE], "getpwuid": [errno.EMFILE],
    # Its errors are numbers of their own, below zero: EAI_AGAIN, EAI_MEMORY.
    "getaddrinfo": [-3, -10], "getservbyname_r": [errno.ERANGE, errno.ENOENT],
    "if_nametoindex": [errno.ENODEV], "if_indextoname": [errno.ENXIO],
    "io_uring_get_events": [errno.EINTR, errno.EAGAIN],
    "io_uring_get_probe_ring": MEMORY, "io_uring_queue_init_params": [errno.EMFILE, errno.ENOMEM, errno.EPERM],
    "io_uring_register_buf_ring": MEMORY, "io_uring_register_ring_fd": MEMORY,
    "io_uring_register_sync_cancel": MEMORY,
    "io_uring_submit": [errno.EAGAIN, errno.EINTR, errno.EBUSY],
    "io_uring_submit_and_get_events": [errno.EAGAIN, errno.EINTR, errno.EBUSY],
    "io_uring_submit_and_wait": [errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.ENOMEM],
    "io_uring_submit_and_wait_timeout": [errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.ETIME],
    "order_recv": MEMORY + [errno.ENOBUFS, errno.EINTR, errno.ECANCELED, errno.ECONNRESET],
    "order_send": MEMORY + [SHORT, errno.ENOBUFS, errno.EINTR, errno.ECANCELED, errno.EPIPE],
    "order_sendmsg": MEMORY + [SHORT, errno.ENOBUFS, errno.EINTR, errno.ECANCELED, errno.EPIPE],
    "order_poll_add": MEMORY + [errno.ECANCELED], "order_read": MEMORY + [errno.EINTR, errno.ECANCELED],
    "seccomp_attr_set": [errno.EACCES], "seccomp_init": MEMORY, "seccomp_load": [errno.ENOMEM, errno.ECANCELED],
    "seccomp_rule_add": MEMORY,
}

# Where a call fails again and again, what is lost may be much; but nothing may be wrong, and it must end.
OFTEN = {"malloc": [errno.ENOMEM], "openssl_malloc": [errno.ENOMEM], "calloc": [errno.ENOMEM],
         "accept4": [errno.EMFILE, errno.EINTR],
         "recv": [errno.EINTR], "splice": [SHORT, errno.EINTR], "send": [SHORT, errno.ENOBUFS], "sendmsg": [SHORT, errno.ENOBUFS],
         "recvmsg": [errno.EINTR], "sendmmsg": [errno.ENOBUFS], "epoll_wait": [errno.EINTR],
         "epoll_ctl": [errno.ENOMEM], "poll": [errno.EINTR], "order_recv": [errno.ENOBUFS, errno.EINTR],
         "order_send": [SHORT, errno.EINTR], "order_sendmsg": [SHORT], "order_poll_add": [errno.ECANCELED],
         "io_uring_submit_and_wait": [errno.EINTR, errno.EAGAIN],
         "io_uring_submit_and_wait_timeout": [errno.EINTR, errno.EAGAIN]}
# Odd, lest of calls that take turns always the same is hit.
EVERY = [3, 7]


class Walk:
    """All victims of one kind of play on one engine, found by a run in which nothing fails."""

    def __init__(self, kind, engine):
        self.play = Play(kind, engine)
        self.kind, self.engine = kind, engine
        # Twice, because two runs differ a little: what either has is there.
        runs = [self.play.run() for _ in range(2)]
        for run in runs:
            assert not run.problems, f"nothing fails, and yet: {run.problems}"
        calls = {}
        for run in runs:
            for way, count in run.calls.items():
                calls[way] = max(count, calls.get(way, 0))
        self.calm = runs[0]
        self.calm.calls = calls
        self.calm.descriptors = max(run.descriptors for run in runs)

    def names(self):
        return sorted({name for name, _ in self.calm.calls})

    def choose(self, gone):
        """Victims on ways that are not in `gone`, to which theirs are added.

        Each way once, and each error of a call once: the errors take turns on its ways.
        """
        turns, found = {}, []
        for (name, way), count in sorted(self.calm.calls.items()):
            times = ORDERS_FULL if FULL else ORDERS
            if not name.startswith("order_"):
                if (name, way) in gone and not FULL:
                    continue
                gone.add((name, way))
                times = MOST_TIMES if FULL else 1
                if name == "openssl_malloc":
                    times = OPENSSL_FULL if FULL else OPENSSL
            for nth in range(1, min(times, count) + 1):
                errors = self._errors_of(name)
                if not FULL:
                    turns[name] = turns.get(name, -1) + 1
                    errors = [errors[turns[name] % len(errors)]]
                found += [Victim(name, way, nth, error) for error in errors]
        for name, last in turns.items():
            found += [Victim(name, self._way_of(name), 1, error) for error in self._errors_of(name)[last + 1:]]
        return found

    def _errors_of(self, name):
        """Messages between two servers (SOCK_SEQPACKET) are never sent in part."""
        errors = ERRORS[name]
        return [error for error in errors if error != SHORT] if self.kind == "upgrade" else errors

    def _way_of(self, name):
        return next(way for called, way in sorted(self.calm.calls) if called == name)

    def all_victims(self, names=None):
        """Each way with each error."""
        return [Victim(name, way, 1, error) for name, way in sorted(self.calm.calls)
                if names is None or name in names for error in ERRORS[name]]

    def often(self):
        counts = collections.Counter()
        for (name, _), count in self.calm.calls.items():
            counts[name] += count
        return [Victim(name, error=error, every=every) for name in self.names()
                for error in OFTEN.get(name, []) for every in EVERY if counts[name] > 2 * every]

    def run(self, victims):
        """Runs them side by side; gives what failed, and how many were hit."""
        def one(victim):
            play = Play(self.kind, self.engine)
            play.calm = self.calm
            return victim, play.run(victim)

        failed, hits = [], 0
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            for victim, told in pool.map(one, victims):
                hits += told.hits > 0
                if told.problems:
                    failed.append((victim, told))
        return failed, hits
