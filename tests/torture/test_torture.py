"""Each allocation and each system call of the server fails once, and it goes on: see play.py for what that means.

    script/test asan-torture                          a victim for each way to a call
    MEARI_TORTURE_FULL=1 script/test asan-torture     each with each error, several times: 15 minutes
"""

import errno
import functools

import pytest

import meari
import procfs
from walk import ERRORS, FULL, Walk

# With a sanitizer there is no sandbox, and without one nobody sees a leak: so each has plays of its own.
KINDS = ["sealed", "upgrade"] if procfs.SANITIZER is None else ["plain", "rich", "handed", "upgrade", "web"]
# Where there is TLS: OpenSSL's allocations fail, too.
if "built without TLS" not in meari.run("serve", "--explain").stdout:
    KINDS.insert(1, "encrypted")
# The pages have an engine of their own, whatever that of the echo is.
PLAYS = [(kind, engine) for kind in KINDS for engine in (meari.ENGINES[:1] if kind == "web" else meari.ENGINES)]

FAMILIES = {
    "memory": {name for name, errors in ERRORS.items() if errors == [errno.ENOMEM]},
    "descriptors": {"socket", "socketpair", "accept4", "epoll_create1", "eventfd", "signalfd", "fcntl64", "open64",
                    "dup2", "close", "pipe2"},
    "files": {"__getdelim", "fgets", "fread", "__isoc99_fscanf", "fopen64", "fclose",
              "access", "flock", "readlink", "unlink", "lstat64", "realpath", "read", "write", "write_log"},
    "bytes": {"recv", "recvmsg", "recvmmsg", "send", "sendmsg", "sendmmsg", "shutdown", "splice"},
    "ring": {name for name in ERRORS if name.startswith(("io_uring", "order_"))},
}
FAMILIES["ring"] -= FAMILIES["memory"]
FAMILIES["others"] = ERRORS.keys() - set().union(*FAMILIES.values())

# What no play of this build comes to, and why.
NOT_REACHED = {
    "__isoc99_fscanf": "only in a control group with a limit", "fgets": "the same",
    "dup2": "only where standard error is closed",
    "epoll_pwait2": "only with pages that somebody looks at, which not every play has",
    "fchmod": "only with --upgrade", "getservbyname_r": "ports are numbers here",
    "if_indextoname": "only with zones", "if_nametoindex": "the same",
    "io_uring_register_sync_cancel": "only when the ring itself has failed",
    "setenv": "only in another language", "strndup": "only with faults in an address", "setrlimit64": "not where the limit is the highest already",
    "setgroups": "only as root for another user", "setresgid": "the same", "setresuid": "the same",
    "vfprintf": "the shim's own",
}
SANDBOX = {"open64", "prctl", "realpath", "strdup", "syscall", *(name for name in ERRORS if "seccomp" in name)}
BEYOND_SANDBOX = {"connect", "fread", "getaddrinfo", "getpwnam", "getpwuid", "getrandom", "getrusage", "getsockopt",
                  "ioctl", "pthread_attr_setaffinity_np", "recvmmsg", "sched_getaffinity", "sendmmsg"}


@functools.cache
def walks():
    """All plays; a way that one has gone is not gone again in the next, unless everything is asked for."""
    gone = set()
    made = {}
    for kind, engine in PLAYS:
        made[kind, engine] = walk = Walk(kind, engine)
        walk.victims = walk.choose(gone)
    return made


def text_of(failed):
    lines = []
    for victim, told in failed:
        lines.append(f"MEARI_TORTURE='{victim.order()}' ({errno.errorcode.get(victim.error, victim.error)}):")
        lines += ["    " + problem for problem in told.problems]
    return "\n".join(lines)


def run(walk, victims):
    failed, hits = walk.run(victims)
    print(f"{len(victims)} victims, {hits} of them hit")
    assert not failed, text_of(failed)
    # Threads take turns as they like: now and then one does not come by.
    assert hits >= 0.9 * len(victims) - 2, f"only {hits} of {len(victims)} were hit"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind, engine", PLAYS)
def test_once(kind, engine, family):
    walk = walks()[kind, engine]
    run(walk, [victim for victim in walk.victims if victim.name in FAMILIES[family]])


@pytest.mark.parametrize("kind, engine", [play for play in PLAYS if FULL or play[0] in ("plain", "sealed")])
def test_again_and_again(kind, engine):
    walk = walks()[kind, engine]
    run(walk, walk.often())


def test_all_is_reached():
    """What can be made to fail is called in one of the plays, so that it does."""
    reached = set().union(*(walk.names() for walk in walks().values()))
    assert not reached - ERRORS.keys(), "say in walk.py how these may fail"
    expected = ERRORS.keys() - NOT_REACHED.keys() - (BEYOND_SANDBOX if "sealed" in KINDS else SANDBOX)
    if "uring" not in meari.ENGINES:
        expected -= FAMILIES["ring"] | {name for name in ERRORS if "ring_" in name} | {"socketpair", "shutdown"}
    if "epoll" in meari.ENGINES:
        assert not expected - reached
