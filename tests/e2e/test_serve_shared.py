"""meari serve on sockets that others hold, too: O_NONBLOCK belongs to the open file description (fcntl(2)),
and who else has it may clear it at any time. systemd does so when it starts another unit on the socket.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import threading
import time

import pytest

from meari import ANSWER_S, Server, receive_exactly
from procfs import cpu_share_while_idle
from test_serve_manager import activated, listening

END_S = 8  # without a drain: far more than it takes, far less than for ever


def make_blocking(shared):
    flags = fcntl.fcntl(shared, fcntl.F_GETFL)
    fcntl.fcntl(shared, fcntl.F_SETFL, flags & ~os.O_NONBLOCK)


def is_blocking(shared):
    return not fcntl.fcntl(shared, fcntl.F_GETFL) & os.O_NONBLOCK


def echo(peer, payload=b"are you there?"):
    peer.sendall(payload)
    return receive_exactly(peer, len(payload)) == payload


@pytest.fixture(params=["tcp", "udp", "unix", "unixgram"])
def shared(request, tmp_path):
    kind = socket.SOCK_STREAM if request.param in ("tcp", "unix") else socket.SOCK_DGRAM
    family, name = (socket.AF_INET, ("127.0.0.1", 0)) if request.param in ("tcp", "udp") else \
        (socket.AF_UNIX, str(tmp_path / "s"))
    with listening(kind, family, name) as sock:
        yield sock


@pytest.mark.parametrize("threads", [1, 2])
def test_a_holder_that_clears_o_nonblock_stops_nobody(engine, shared, threads):
    with activated([shared], "x", "--threads", threads, "--drain", "0", engine=engine) as server, \
            contextlib.ExitStack() as stack:
        before = stack.enter_context(server.connect())
        assert echo(before)
        make_blocking(shared)
        for turn in range(5):
            assert echo(before, b"before %d" % turn)
            with server.connect() as after:
                assert echo(after, b"after %d" % turn)
            assert echo(before, b"again %d" % turn)
        make_blocking(shared)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < END_S


def test_it_is_mended_and_told_once(engine, tmp_path):
    for family, name in (socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, str(tmp_path / "s")):
        with listening(family=family, name=name) as shared, \
                activated([shared], "x", "--threads", 2, "--drain", "0", engine=engine) as server:
            for _ in range(3):
                make_blocking(shared)
                deadline = time.monotonic() + ANSWER_S
                while is_blocking(shared):
                    assert time.monotonic() < deadline
                    with server.connect() as peer:
                        assert echo(peer)
            assert f"another process that shares '{server.addresses[0]}' made it blocking" in server.stderr
            assert server.stop() == 0
            assert server.stderr.count("made it blocking") == 1


def test_a_holder_that_never_rests(engine):
    """Cleared again and again, while others come and go: slow perhaps, but served, and it ends."""
    with listening() as shared, \
            activated([shared], "x", "--threads", 2, "--drain", "0", engine=engine) as server, \
            server.connect() as before:
        resting = threading.Event()

        def clear():
            while not resting.is_set():
                make_blocking(shared)

        clearing = threading.Thread(target=clear)
        clearing.start()
        try:
            for turn in range(20):
                assert echo(before)
                with server.connect() as peer:
                    assert echo(peer)
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < END_S
        finally:
            resting.set()
            clearing.join()


def test_the_control_socket_of_upgrades(engine, tmp_path):
    """An heir may hold it: accepting there does not stop the main thread, which hears of signals."""
    path = tmp_path / "control"
    with Server("tcp://127.0.0.1:0", "--upgrade", path, "--drain", "0", engine=engine) as server:
        held = control_of(server.process.pid, path)
        if held is None:
            pytest.skip("no pidfd_getfd here")
        with held:
            make_blocking(held)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
                caller.connect(str(path))
            server.process.send_signal(signal.SIGUSR1)
            server.wait_stderr("connections_open=0")
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < END_S


def control_of(pid, path):
    """The server's listening control socket, held by us as well: pidfd_getfd(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            fd = libc.syscall(438, pidfd, int(name), 0)
            if fd < 0:
                continue
            try:
                one = socket.socket(fileno=fd)
            except OSError:
                os.close(fd)
                continue
            if one.getsockname() == str(path) and \
                    one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return one
            one.close()
    finally:
        os.close(pidfd)
    return None


def shut_down(shared):
    """Of a datagram socket the kernel says that it is not connected, and does it all the same."""
    with contextlib.suppress(OSError):
        shared.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_holder_that_shuts_it_down_makes_nobody_spin(engine, shared, threads):
    with activated([shared], "x", "tcp://127.0.0.1:0", "--threads", threads, engine=engine) as server:
        with server.connect(0) as before, server.connect(1) as other:
            assert echo(before) and echo(other)
            shut_down(shared)
            server.wait_stderr(f"another process has shut down '{server.addresses[0]}'")
            assert cpu_share_while_idle(server.process.pid) < 0.2
            assert echo(other)
            if shared.type == socket.SOCK_STREAM:
                assert echo(before)
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0
        assert server.stderr.count("has shut down") == 1
