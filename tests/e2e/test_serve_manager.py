"""meari serve under a service manager: sockets handed over, and telling how it goes.

No systemd is needed: the protocols are those of sd_listen_fds(3) and sd_notify(3), spoken from here.
"""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from callers import Callers
from meari import ANSWER_S, MEARI, SANITIZER, Server, environment, receive_exactly, run

ACTIVATE = str(pathlib.Path(__file__).with_name("activate.py"))


@contextlib.contextmanager
def handed_over(sockets, names):
    """The arguments of Server (prefix, pass_fds) that hand over these sockets."""
    high = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 100) for one in sockets]
    try:
        yield {"prefix": (sys.executable, "-I", "-S", ACTIVATE, ",".join(map(str, high)), names),
               "pass_fds": high}
    finally:
        for fd in high:
            os.close(fd)


@contextlib.contextmanager
def activated(sockets, names, *arguments, **options):
    with handed_over(sockets, names) as how, Server(*arguments, **how, **options) as server:
        yield server


def listening(kind=socket.SOCK_STREAM, family=socket.AF_INET, name=("127.0.0.1", 0)):
    opened = socket.socket(family, kind)
    opened.bind(name)
    if kind == socket.SOCK_STREAM:
        opened.listen(4096)
    return opened


class Manager:
    """A socket for NOTIFY_SOCKET: env for the server, and what it says, one message at a time."""

    def __init__(self, tmp_path, **more):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(tmp_path / "notify"))
        self.socket.settimeout(ANSWER_S)
        self.env = environment(NOTIFY_SOCKET=tmp_path / "notify", **more)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.socket.close()

    def next(self):
        return self.socket.recv(4096).decode().splitlines()


def echo(server, index, payload=b"over what was handed over"):
    with server.connect(index) as peer:
        peer.sendall(payload)
        return receive_exactly(peer, len(payload)) == payload


# ---- sockets ----


@pytest.mark.parametrize("threads", (1, 3))
def test_streams_and_datagrams(engine, tmp_path, threads):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(each) for each in (
            listening(), listening(socket.SOCK_DGRAM),
            listening(family=socket.AF_UNIX, name=str(tmp_path / "s")),
            listening(socket.SOCK_DGRAM, socket.AF_UNIX, str(tmp_path / "d")),
            listening(family=socket.AF_UNIX, name="\0meari-test-%d" % os.getpid()))]
        server = stack.enter_context(
            activated(sockets, "a:b:c:d:e", "--threads", threads, engine=engine))
        assert server.addresses == [
            "tcp://127.0.0.1:%d" % sockets[0].getsockname()[1],
            "udp://127.0.0.1:%d" % sockets[1].getsockname()[1],
            f"unix:{tmp_path}/s", f"unixgram:{tmp_path}/d", "unix:@meari-test-%d" % os.getpid()]
        for index in range(len(sockets)):
            for _ in range(2 * threads):
                assert echo(server, index)
        assert server.stop() == 0
        # They are the manager's: neither closed for good nor removed.
        assert (tmp_path / "s").is_socket() and (tmp_path / "d").is_socket()


def test_both_families_and_the_address_that_was_asked(engine):
    both = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    both.bind(("::", 0))
    with both, activated([both], "x", engine=engine) as server:
        for host in ("127.0.0.1", "127.0.0.2", "::1"):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as peer:
                peer.settimeout(ANSWER_S)
                peer.sendto(b"who", (host, server.port()))
                answer, sender = peer.recvfrom(100)
                assert answer == b"who" and sender[0] == host


def test_with_an_address_of_its_own(engine):
    with listening() as given, activated([given], "x", "tcp://127.0.0.1:0", engine=engine) as server:
        assert len(server.addresses) == 2 and server.port(0) == given.getsockname()[1]
        assert echo(server, 0) and echo(server, 1)


def test_names_choose():
    with listening() as one, listening() as other, \
            activated([one, other], "one:other", "--activated", "other") as server:
        assert server.addresses == ["tcp://127.0.0.1:%d" % other.getsockname()[1]]
        assert echo(server, 0)


def refused(sockets, names, *arguments, changes=None):
    """What the server says of sockets that it does not take; `changes` in what they are announced with."""
    wrong = ["/usr/bin/env", *(f"{name}={value}" for name, value in (changes or {}).items())]
    with handed_over(sockets, names) as how:
        done = subprocess.run(
            [*how["prefix"], *wrong, MEARI, "serve", *arguments], pass_fds=how["pass_fds"],
            env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            timeout=ANSWER_S)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    return done.stderr


def test_what_is_no_listening_socket_is_refused():
    with socket.socket() as unbound, listening() as good:
        assert "cannot serve on the socket 'odd' that was handed over (descriptor 4): it does " \
            "not listen" in refused([good, unbound], "fine:odd")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unbound:
        assert "not bound to an address" in refused([unbound], "x")
    with listening() as listener, socket.create_connection(listener.getsockname()) as connected:
        assert "it is connected" in refused([connected], "x")
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        assert "neither a TCP, UDP" in refused([one], "x")
    with open(MEARI, "rb") as file:
        assert "Socket operation on non-socket" in refused([file], "x")


def test_a_name_that_was_not_handed_over_is_refused():
    with listening() as given:
        assert "no socket named 'ecko' was handed over" in refused(
            [given], "echo", "--activated", "ecko")
    done = run("serve", "--activated", "echo", "tcp://127.0.0.1:0")
    assert done.returncode == 1 and "no socket named 'echo'" in done.stderr


def test_explain_shows_them():
    with listening() as given, handed_over([given], "x") as how:
        shown = subprocess.run([*how["prefix"], MEARI, "serve", "--explain"], stdout=subprocess.PIPE,
                               pass_fds=how["pass_fds"], env=environment(), text=True, check=True)
        assert "listen               yes  tcp://127.0.0.1:%d (handed over by the service manager)" \
            % given.getsockname()[1] in shown.stdout


def test_what_is_for_somebody_else_is_left_alone():
    env = environment(LISTEN_PID=1, LISTEN_FDS=1)
    with Server("tcp://127.0.0.1:0", env=env) as server:
        assert len(server.addresses) == 1 and echo(server, 0)


@pytest.mark.parametrize("changes, said", [
    ({"LISTEN_FDS": "-1"}, "LISTEN_FDS is malformed: '-1'"),
    ({"LISTEN_FDS": "99999999999"}, "LISTEN_FDS is malformed: '99999999999'"),
    ({"LISTEN_FDS": "2"}, "LISTEN_FDS is 2, but descriptor 4 is not open"),
    # What the server opens itself would get the number of the one that is not open.
    ({"LISTEN_FDS": "2", "NOTIFY_SOCKET": "@meari-no-manager"}, "LISTEN_FDS is 2, but descriptor 4 is not open"),
    ({"LISTEN_FDNAMES": "a:b"}, "LISTEN_FDNAMES is malformed: 'a:b'"),
    ({"LISTEN_FDNAMES": "a\x1b[31m"}, "LISTEN_FDNAMES is malformed: 'a\\x1b[31m'"),
    ({"LISTEN_PID": "init"}, "LISTEN_PID is malformed: 'init'"),
])
def test_a_malformed_environment_is_refused(changes, said):
    """Not ignored: the server would listen on port 5000 of every address instead."""
    with listening() as given:
        assert said in refused([given], "x", changes=changes)


def test_ten_restarts_lose_nobody(engine):
    with listening() as given:
        callers = Callers(given.getsockname())
        callers.start()
        try:
            for _ in range(10):
                before = callers.answered
                with activated([given], "x", "--threads", 2, engine=engine) as server:
                    callers.wait_for(before + 20)
                    assert server.stop() == 0
        finally:
            # Whoever called while nobody served still has an answer coming.
            with activated([given], "x", engine=engine):
                callers.stop()
    assert callers.failures == []
    assert callers.answered >= 200


# ---- telling ----


def test_ready_and_stopping(engine, tmp_path):
    with Manager(tmp_path) as manager:
        with Server("tcp://127.0.0.1:0", engine=engine, env=manager.env) as server:
            assert manager.next() == ["READY=1"]
            assert echo(server, 0)
            server.process.send_signal(signal.SIGTERM)
            assert manager.next() == ["STOPPING=1"]
            assert server.wait() == 0


def test_reloading(tmp_path):
    listed = tmp_path / "list"
    listed.write_text("127.0.0.0/8\n")
    with Manager(tmp_path) as manager:
        with Server("tcp://127.0.0.1:0", "--allow", f"@{listed}", env=manager.env) as server:
            assert manager.next() == ["READY=1"]
            for text, states in (
                    ("127.0.0.0/8\n", ["READY=1"]),
                    # Also when it fails, it is over; and `systemctl status` says why.
                    ("no block\n", [f"STATUS='{listed}', line 1: 'no block' is not a block of addresses: "
                                    "'n' is not a decimal digit (column 1)", "READY=1"]),
                    ("127.0.0.0/8\n", ["STATUS=", "READY=1"])):
                listed.write_text(text)
                earliest = time.monotonic_ns() // 1000
                server.process.send_signal(signal.SIGHUP)
                reloading, at = manager.next()
                assert reloading == "RELOADING=1" and at.startswith("MONOTONIC_USEC=")
                assert earliest <= int(at.split("=")[1]) <= time.monotonic_ns() // 1000
                for state in states:
                    assert manager.next() == [state]


def test_reload_without_lists_is_no_end(tmp_path):
    with Manager(tmp_path) as manager:
        with Server("tcp://127.0.0.1:0", env=manager.env) as server:
            assert manager.next() == ["READY=1"]
            server.process.send_signal(signal.SIGHUP)
            assert manager.next()[0] == "RELOADING=1"
            assert manager.next() == ["READY=1"]
            assert echo(server, 0) and server.stop() == 0


def test_watchdog(engine, tmp_path):
    with Manager(tmp_path, WATCHDOG_USEC=200_000) as manager:
        with Server("tcp://127.0.0.1:0", "--threads", 2, engine=engine, env=manager.env):
            assert manager.next() == ["READY=1"]
            for _ in range(3):
                assert manager.next() == ["WATCHDOG=1"]


PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


def is_worker(pid, tid):
    """Not the main thread nor its helpers, and none of the kernel's that io_uring may have."""
    comm = pathlib.Path(f"/proc/{pid}/task/{tid}/comm").read_text()
    return tid != pid and not comm.startswith(("iou-", "signals", "outlet"))


@pytest.mark.skipif(SANITIZER is not None, reason="a thread stopped by ptrace stops a sanitizer's own, too")
def test_watchdog_tells_a_stuck_thread(engine, tmp_path):
    libc = ctypes.CDLL(None, use_errno=True)
    with Manager(tmp_path, WATCHDOG_USEC=200_000) as manager:
        with Server("tcp://127.0.0.1:0", "--threads", 2, engine=engine, env=manager.env) as server:
            pid = server.process.pid
            stuck = next(tid for tid in map(int, os.listdir(f"/proc/{pid}/task"))
                         if is_worker(pid, tid))
            if libc.ptrace(PTRACE_SEIZE, stuck, None, None) < 0:
                pytest.skip(f"cannot stop a thread here: {os.strerror(ctypes.get_errno())}")
            assert libc.ptrace(PTRACE_INTERRUPT, stuck, None, None) == 0
            assert os.waitpid(stuck, 0x40000000)[0] == stuck  # __WALL: it has stopped
            try:
                manager.socket.settimeout(1)  # five times as long as the manager would wait
                with pytest.raises(TimeoutError):
                    while manager.next() in (["READY=1"], ["WATCHDOG=1"]):
                        pass
            finally:
                libc.ptrace(PTRACE_DETACH, stuck, None, None)


def test_no_watchdog_unless_asked(tmp_path):
    with Manager(tmp_path) as manager:
        with Server("tcp://127.0.0.1:0", env=manager.env) as server:
            assert manager.next() == ["READY=1"]
            assert server.stop() == 0
            assert manager.next() == ["STOPPING=1"]


def test_a_manager_that_has_gone_is_nobodys_loss(tmp_path):
    env = environment(NOTIFY_SOCKET=tmp_path / "nobody")
    with Server("tcp://127.0.0.1:0", env=env) as server:
        assert echo(server, 0) and server.stop() == 0
        assert server.stderr.count(f"manager at '{tmp_path}/nobody'") == 1


def test_a_manager_that_does_not_read_holds_up_nothing(engine, tmp_path):
    with Manager(tmp_path, WATCHDOG_USEC=200_000) as manager:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.connect(str(tmp_path / "notify"))
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.send(b"filling its queue")
        with Server("tcp://127.0.0.1:0", engine=engine, env=manager.env) as server:
            server.wait_stderr("it does not read its messages")
            for _ in range(3):
                server.process.send_signal(signal.SIGHUP)
                server.wait_stderr("there are no lists to read again")
            assert echo(server, 0)
            # What it has missed it is told as soon as it reads.
            while "READY=1" not in (said := manager.next()):
                assert said[0] in ("filling its queue", "RELOADING=1", "WATCHDOG=1")
            server.process.send_signal(signal.SIGTERM)
            assert server.wait() == 0 and server.stderr.count("does not read") == 1


def test_a_manager_elsewhere_is_not_supported():
    """Of a virtual machine: said once, and SIGHUP still does not end the server."""
    with Server("tcp://127.0.0.1:0", env=environment(NOTIFY_SOCKET="vsock:2:9999")) as server:
        assert "at 'vsock:2:9999': vsock is not supported" in server.stderr
        server.process.send_signal(signal.SIGHUP)
        server.wait_stderr("there are no lists to read again")
        assert echo(server, 0) and server.stop() == 0
        assert server.stderr.count("is not supported") == 1


# ---- upgrades (test_serve_upgrade.py has all about them but this) ----


def test_an_upgrade_names_the_new_main_process(engine, tmp_path):
    """As ExecReload= does it: the old one is the unit's main process, until the new one says so."""
    with Manager(tmp_path) as manager:
        arguments = ("--upgrade", tmp_path / "u", "--threads", 1)
        with Server(*arguments, "tcp://127.0.0.1:0", engine=engine, env=manager.env) as old:
            assert manager.next() == ["READY=1"]
            with Server(*arguments, old.addresses[0], engine=engine, env=manager.env) as new:
                assert manager.next() == [f"MAINPID={new.process.pid}", "READY=1"]
                assert old.wait() == 0 and echo(new, 0)
                assert new.stop() == 0
                assert manager.next() == ["STOPPING=1"]  # of the new one alone


def test_a_failed_upgrade_says_nothing_to_the_manager(tmp_path):
    with Manager(tmp_path) as manager:
        with Server("--upgrade", tmp_path / "u", "tcp://127.0.0.1:0", env=manager.env) as old:
            assert manager.next() == ["READY=1"]
            failed = run("serve", "--upgrade", tmp_path / "u", old.addresses[0], "--user", "no-such",
                         env=manager.env)
            assert failed.returncode == 1
            assert old.stop() == 0
            assert manager.next() == ["STOPPING=1"]


def test_an_upgrade_takes_over_the_watchdog(tmp_path):
    """systemd tells only the first main process that it watches."""
    with Manager(tmp_path) as manager:
        watched = {**manager.env, "WATCHDOG_USEC": "200000"}
        with Server("--upgrade", tmp_path / "u", "tcp://127.0.0.1:0", "--drain", "60s",
                    env=watched) as old:
            assert manager.next() == ["READY=1"]
            with old.connect() as stays:  # the old one has still somebody to serve
                stays.sendall(b"x")
                assert receive_exactly(stays, 1) == b"x"
                with Server("--upgrade", tmp_path / "u", old.addresses[0], env=manager.env) as new:
                    while (said := manager.next()) == ["WATCHDOG=1"]:
                        pass
                    assert said == [f"MAINPID={new.process.pid}", "READY=1"]
                    for _ in range(3):
                        assert manager.next() == ["WATCHDOG=1"]
                    assert old.process.poll() is None
                    stays.close()
                    assert old.wait() == 0


def test_an_upgrade_takes_over_what_was_handed_over(engine, tmp_path):
    """The manager hands its sockets to the first only, and the command line names none."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(each) for each in (
            listening(), listening(socket.SOCK_DGRAM),
            listening(family=socket.AF_UNIX, name=str(tmp_path / "s")))]
        arguments = ("--upgrade", tmp_path / "u", "--activated", "a", "--threads", 2)
        server = stack.enter_context(activated(sockets, "a:a:a", *arguments, engine=engine))
        addresses = server.addresses
        for _ in range(2):
            new = stack.enter_context(Server(*arguments, engine=engine))
            assert server.wait() == 0
            assert new.addresses == addresses
            assert all(echo(new, index) for index in range(3))
            server = new
        assert server.stop() == 0
        assert (tmp_path / "s").is_socket()  # the manager's


def test_a_restart_with_sockets_of_the_manager_may_upgrade_too(engine, tmp_path):
    """Both hand over the same socket: it is served, and what else the old one had is taken over."""
    with listening() as given:
        arguments = ("--upgrade", tmp_path / "u", "udp://127.0.0.1:0")
        with activated([given], "a", *arguments, engine=engine) as old:
            with activated([given], "a", *arguments, engine=engine) as new:
                assert old.wait() == 0
                assert new.addresses == old.addresses
                assert echo(new, 0) and echo(new, 1)
