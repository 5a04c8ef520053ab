"""meari serve, descriptors that a peer passes (SCM_RIGHTS): closing them may take as long as the peer likes.

A TCP socket with unsent data and SO_LINGER waits in its last close(2), whoever makes it: the kernel closes what was
passed and not taken in the thread that received the bytes. Linux 6.16 refuses it to the sender (SO_PASSRIGHTS).
"""

import array
import contextlib
import os
import signal
import socket
import struct
import time

import pytest

from meari import ANSWER_S, Server, connect, receive_exactly
from procfs import state, wait_until
from test_serve_manager import activated, listening

SO_PASSRIGHTS = 83
LINGER_S = 3


def kernel_can_refuse():
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 1)
        except OSError:
            return False
    return True


pytestmark = pytest.mark.skipif(not kernel_can_refuse(), reason="the kernel has no SO_PASSRIGHTS (Linux 6.16)")


@contextlib.contextmanager
def lingering():
    """A socket whose last close waits LINGER_S: its peer does not read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
        with one, peer:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    one.send(bytes(1 << 16))
            one.setblocking(True)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER_S))
            yield one


def pass_on(peer, one):
    """True: it is on its way, and nobody else has it."""
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [one.fileno()]))
    try:
        peer.sendmsg([b"with"], [rights])
    except PermissionError:
        return False
    finally:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER_S))
    os.close(one.detach())
    return True


def expect_others_served(server, peer, stream):
    with server.connect(-1) as other:
        with lingering() as one:
            # Stopped, so that the server has the last copy when it comes to it.
            server.process.send_signal(signal.SIGSTOP)
            wait_until(lambda: state(server.process.pid) == "T", "the server is stopped")
            pass_on(peer, one)
            server.process.send_signal(signal.SIGCONT)
            began = time.monotonic()
            other.sendall(b"me, too")
            assert receive_exactly(other, 7) == b"me, too"
            assert time.monotonic() - began < LINGER_S / 2
            # Our own copy, which was refused, need not wait either.
            if one.fileno() >= 0:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
    peer.send(b"afterwards")
    back = receive_exactly(peer, 10) if stream else peer.recv(100)
    assert back in (b"afterwards", b"withafterw")


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_a_passed_socket_that_lingers_stops_nobody(tmp_path, engine, scheme):
    with Server(f"{scheme}:{tmp_path}/echo", "tcp://127.0.0.1:0", "--threads", 1, engine=engine) as server, \
            server.connect() as peer:
        peer.send(b"ready")
        assert peer.recv(10) == b"ready"
        expect_others_served(server, peer, scheme == "unix")


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_the_same_on_a_socket_of_the_service_manager(tmp_path, engine, scheme):
    kind = socket.SOCK_STREAM if scheme == "unix" else socket.SOCK_DGRAM
    with listening(kind, socket.AF_UNIX, str(tmp_path / "echo")) as given, contextlib.ExitStack() as peers:
        # The first one is accepted later: that the listener refuses is nothing that it inherits.
        waiting = [peers.enter_context(connect(f"{scheme}:{tmp_path}/echo"))]
        with activated([given], "x", "tcp://127.0.0.1:0", "--threads", 1, engine=engine) as server:
            for peer in (*waiting, peers.enter_context(connect(f"{scheme}:{tmp_path}/echo"))):
                peer.send(b"ready")
                assert peer.recv(10) == b"ready"
                expect_others_served(server, peer, scheme == "unix")


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_passing_is_refused_from_the_first_moment(tmp_path, engine, scheme):
    """Also while a connection still waits to be accepted."""
    ours, theirs = os.pipe()
    with Server(f"{scheme}:{tmp_path}/echo", engine=engine) as server, server.connect() as peer:
        with pytest.raises(PermissionError):
            socket.send_fds(peer, [b"with"], [theirs])
        peer.send(b"without")
        assert peer.recv(100) == b"without"
    os.close(theirs)
    os.close(ours)


def test_an_upgrade_takes_no_descriptors_from_others(tmp_path):
    """The main thread receives there, and what it takes it must close."""
    with Server("tcp://127.0.0.1:0", "--upgrade", f"unix:@meari-rights-{os.getpid()}") as server:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
            peer.settimeout(ANSWER_S)
            peer.connect(f"\0meari-rights-{os.getpid()}")
            with pytest.raises(PermissionError):
                socket.send_fds(peer, [b"meari-upgrade 1 ask\n"], [0])
        assert server.stop() == 0
