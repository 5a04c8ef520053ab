"""meari serve, exactness: every byte comes back, in order, once, whatever the client does.

Promises 1, 2 and 4 of meari-serve(1): short sends, half-close, urgent data.
"""

import array
import contextlib
import fcntl
import itertools
import os
import select
import signal
import socket

import pytest

from crowd import Crowd, Peer
from meari import (ANSWER_S, Server, connect, exchange, random_bytes, receive_all,
                   receive_exactly, reset, send_with_descriptors)
from procfs import SANITIZER, descriptor_count, state, wait_until

# The whole stream of the large tests, over all connections together. MEARI_STREAM_MIB for more.
STREAM_BYTES = int(os.environ.get("MEARI_STREAM_MIB", 16 if SANITIZER else 64)) << 20
SIOCATMARK = 0x8905
TLS = "tls://127.0.0.1:0"
STREAM = random_bytes(STREAM_BYTES, seed=862)


def serve(address, engine, *options, **more):
    if address.startswith("tls"):
        options = (*options, "--tls-self-signed")
    return Server(address, *options, engine=engine, **more)


def addresses(tmp_path):
    return {"tcp4": "tcp://127.0.0.1:0", "tcp6": "tcp://[::1]:0", "tls": TLS, "unix": f"unix:{tmp_path}/echo",
            "abstract": f"unix:@meari-test-{os.getpid()}"}


@pytest.fixture(params=["tcp4", "tcp6", "tls", "unix", "abstract"])
def address(request, tmp_path):
    return addresses(tmp_path)[request.param]


@pytest.fixture(params=["tcp4", "tls", "unix"])
def stream_address(request, tmp_path):
    return addresses(tmp_path)[request.param]


def slices(count):
    size = len(STREAM) // count
    return [memoryview(STREAM)[i * size:(i + 1) * size] for i in range(count)]


# --- promise 1: every byte, in order, once


@pytest.mark.parametrize("count", [1, 20, 200])
def test_readers_that_stop_for_two_seconds_then_half_close(stream_address, engine, count):
    """64 MiB over all connections; each stops reading in the middle, and then wants the rest."""
    with serve(stream_address, engine) as server:
        size = len(STREAM) // count
        with Crowd((server.connect() for _ in range(count)), slices(count),
                   pause=(size // 8, 2.0)) as crowd:
            crowd.run()
            assert all(peer.received == size for peer in crowd.peers)


def test_one_stream_without_a_stop(address, engine):
    with serve(address, engine) as server, server.connect() as peer:
        payload = STREAM[:8 << 20]
        assert exchange(peer, payload) == payload


@pytest.mark.parametrize("threads", [1, 4])
def test_streams_on_threads(stream_address, engine, threads):
    with serve(stream_address, engine, "--threads", threads) as server:
        with Crowd((server.connect() for _ in range(50)), slices(200)) as crowd:
            crowd.run()


@pytest.mark.parametrize("receive_buffer, send_buffer", [(1, None), (None, 1), (1, 1)])
def test_tiny_socket_buffers(stream_address, engine, receive_buffer, send_buffer):
    """Sends of the server come up short all the time."""
    with serve(stream_address, engine) as server:
        with server.connect(receive_buffer=receive_buffer, send_buffer=send_buffer) as peer:
            payload = STREAM[:300_000]
            assert exchange(peer, payload) == payload


def test_a_peer_that_reads_byte_by_byte(stream_address, engine):
    with serve(stream_address, engine) as server:
        with Crowd([server.connect()], [STREAM[:50_000]], read_size=1) as crowd:
            crowd.run()


def test_a_peer_that_sends_byte_by_byte(stream_address, engine):
    with serve(stream_address, engine) as server, server.connect() as peer:
        for byte in STREAM[:2000]:
            peer.sendall(bytes([byte]))
            assert peer.recv(2) == bytes([byte])


def test_many_small_writes_before_the_first_read(stream_address, engine):
    """Messages are not kept apart, but not one byte may be missing between them."""
    lines = [b"%d:%s\n" % (i, b"x" * (i % 97)) for i in range(3000)]
    with serve(stream_address, engine) as server, server.connect() as peer:
        for line in lines:
            peer.sendall(line)
        whole = b"".join(lines)
        assert receive_exactly(peer, len(whole)) == whole


@pytest.mark.parametrize("pending", ["1", "2", "3", "1000", "4096", "65537"])
def test_any_cap_on_pending_bytes_is_exact(stream_address, engine, pending):
    length = 20_000 if int(pending) < 1000 else 1 << 20
    with serve(stream_address, engine, "--pending", pending) as server:
        with Crowd([server.connect(receive_buffer=4096)], [STREAM[:length]],
                   pause=(length // 4, 0.2), read_size=3001) as crowd:
            crowd.run()


def test_least_total_is_exact_for_a_crowd(stream_address, engine):
    """Large buffers for 16 connections only: the others make do with small ones."""
    with serve(stream_address, engine, "--pending-total", "1M", "--threads", 1) as server:
        with Crowd((server.connect(receive_buffer=4096) for _ in range(100)), slices(800),
                   pause=(10_000, 0.5)) as crowd:
            crowd.run()


def test_no_mix_up_between_two_thousand_connections(engine):
    """All at once, each with bytes of its own, three times in turn."""
    count = 1000 if SANITIZER else 2000
    with serve("tcp://127.0.0.1:0", engine) as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(count)]
        for turn in range(3):
            for index, peer in enumerate(peers):
                peer.sendall(b"%d %d " % (turn, index) * 20)
            for index, peer in enumerate(peers):
                expected = b"%d %d " % (turn, index) * 20
                assert receive_exactly(peer, len(expected)) == expected


# --- promise 2: the end of the stream loses nothing


@pytest.mark.parametrize("length", [0, 1, 4095, 65536, 65537, 1_000_000])
def test_half_close_at_once(address, engine, length):
    """Data and FIN arrive together; all of it comes back, then the end."""
    payload = STREAM[:length]
    with serve(address, engine) as server:
        with Crowd([server.connect()], [payload]) as crowd:
            crowd.run()


def test_half_close_while_the_echo_is_stuck(stream_address, engine):
    """More than all buffers hold was sent, then the end; only then does the peer begin to read."""
    with serve(stream_address, engine, "--pending", "1M", "--threads", 1) as server:
        with server.connect(receive_buffer=4096) as peer:
            payload = STREAM[:700_000]
            peer.sendall(payload)  # the server takes all of it, but cannot give it back
            peer.shutdown(socket.SHUT_WR)
            with server.connect() as other:  # a sign that the server has had its turn
                other.sendall(b"turn")
                assert receive_exactly(other, 4) == b"turn"
            assert receive_all(peer) == payload


def test_peers_that_connect_and_close_without_a_byte(stream_address, engine):
    with serve(stream_address, engine, "--threads", 1) as server:
        before = descriptor_count(server.process.pid)
        for _ in range(500):
            server.connect().close()
        with server.connect() as last:
            last.sendall(b"still here")
            assert receive_exactly(last, 10) == b"still here"
        wait_until(lambda: descriptor_count(server.process.pid) == before, "descriptors are free")


def test_peers_that_half_close_and_never_read(stream_address, engine):
    """Nothing waits for them, and their connections end."""
    with serve(stream_address, engine, "--threads", 1) as server, contextlib.ExitStack() as stack:
        before = descriptor_count(server.process.pid)
        for _ in range(100):
            peer = stack.enter_context(server.connect())
            peer.sendall(b"x" * 1000)
            peer.shutdown(socket.SHUT_WR)
        wait_until(lambda: descriptor_count(server.process.pid) == before, "descriptors are free")


def test_end_of_stream_waits_behind_a_stopped_server(stream_address, engine):
    """Many sends and the end are all in the kernel when the server first looks."""
    with serve(stream_address, engine) as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(20)]
        server.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state(server.process.pid) == "T", "the server is stopped")
        for index, peer in enumerate(peers):
            for piece in (b"%d" % index, b"-", b"x" * 30_000, b"end"):
                peer.sendall(piece)
            peer.shutdown(socket.SHUT_WR)
        server.process.send_signal(signal.SIGCONT)
        for index, peer in enumerate(peers):
            assert receive_all(peer) == b"%d-" % index + b"x" * 30_000 + b"end"


# --- promise 4: urgent data


@pytest.fixture(params=["tcp4", "tcp6"])
def tcp_address(request, tmp_path):
    return addresses(tmp_path)[request.param]


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_urgent_byte_keeps_its_place(tcp_address, engine, stopped):
    with serve(tcp_address, engine) as server, server.connect() as peer:
        if stopped:  # so that all of it is there at once, and receives end at the mark
            server.process.send_signal(signal.SIGSTOP)
            wait_until(lambda: state(server.process.pid) == "T", "the server is stopped")
        for turn in range(20):
            peer.sendall(b"before%d" % turn)
            peer.send(b"!", socket.MSG_OOB)
            peer.sendall(b"after")
        peer.shutdown(socket.SHUT_WR)
        server.process.send_signal(signal.SIGCONT)
        assert receive_all(peer) == b"".join(b"before%d!after" % turn for turn in range(20))


def test_only_an_urgent_byte(tcp_address, engine):
    with serve(tcp_address, engine) as server, server.connect() as peer:
        peer.send(b"!", socket.MSG_OOB)
        assert receive_exactly(peer, 1) == b"!"


def at_mark(peer):
    answer = array.array("i", [0])
    fcntl.ioctl(peer, SIOCATMARK, answer)
    return answer[0] == 1


def test_urgent_comes_back_as_urgent(tcp_address, engine):
    with serve(tcp_address, engine, "--urgent", "urgent") as server, server.connect() as peer:
        # Often, because the mark may come at any moment between two calls of the server's.
        for turn in range(3000):
            peer.sendall(b"before")
            peer.send(b"!", socket.MSG_OOB)
            # Not in line here: the urgent byte is missing in the stream, and is had by MSG_OOB.
            assert receive_exactly(peer, 6) == b"before"
            _, _, urgent = select.select([], [], [peer], ANSWER_S)
            assert urgent, f"turn {turn}: nothing urgent has come"
            peer.settimeout(None)  # never waits; with a timeout Python would, for plain data
            assert peer.recv(1, socket.MSG_OOB) == b"!"
            peer.settimeout(ANSWER_S)
            peer.sendall(b"after")
            assert receive_exactly(peer, 5) == b"after"
        peer.shutdown(socket.SHUT_WR)
        assert receive_all(peer) == b""


def test_urgent_mark_is_where_it_was(tcp_address, engine):
    with serve(tcp_address, engine, "--urgent", "urgent") as server, server.connect() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        peer.sendall(b"before")
        peer.send(b"!", socket.MSG_OOB)
        assert receive_exactly(peer, 6) == b"before"
        wait_until(lambda: at_mark(peer), "the mark is here")
        assert peer.recv(1) == b"!"
        peer.sendall(b"after")
        assert receive_exactly(peer, 5) == b"after"
        assert not at_mark(peer)


@pytest.mark.parametrize("how", ["inline", "urgent"])
def test_without_urgent_data_the_option_changes_nothing(stream_address, engine, how):
    with serve(stream_address, engine, "--urgent", how) as server:
        with Crowd((server.connect(receive_buffer=4096) for _ in range(5)), slices(64),
                   pause=(1000, 0.3)) as crowd:
            crowd.run()


def test_urgent_bytes_behind_a_stuck_echo(tcp_address, engine):
    """The urgent byte waits in the queue like the others, and no byte is lost around it."""
    with serve(tcp_address, engine, "--urgent", "urgent", "--pending", "1M") as server:
        with server.connect(receive_buffer=4096) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            payload = b""
            for turn in range(10):
                plain = STREAM[turn * 30_000:(turn + 1) * 30_000]
                peer.sendall(plain)
                peer.send(b"!", socket.MSG_OOB)
                payload += plain + b"!"
            peer.shutdown(socket.SHUT_WR)
            assert receive_all(peer) == payload


@pytest.mark.parametrize("how", ["inline", "urgent"])
def test_urgent_byte_of_a_unix_stream_is_a_plain_byte(tmp_path, engine, how):
    """Linux has MSG_OOB on unix sockets since 5.15; there is no urgent mark to give back."""
    with serve(f"unix:{tmp_path}/echo", engine, "--urgent", how) as server:
        with server.connect() as peer:
            try:
                peer.send(b"!", socket.MSG_OOB)
            except OSError as error:
                pytest.skip(f"no MSG_OOB on unix sockets: {error}")
            assert receive_exactly(peer, 1) == b"!"
            for piece in itertools.islice(itertools.cycle([b"ab", b"cdefg"]), 20):
                peer.sendall(piece)
                peer.send(b"!", socket.MSG_OOB)
            peer.shutdown(socket.SHUT_WR)
            assert receive_all(peer) == b"ab!cdefg!" * 10


# --- descriptors passed over a unix socket


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_urgent_byte_keeps_its_place(tcp_address, engine, stopped):
    with serve(tcp_address, engine) as server, server.connect() as peer:
        if stopped:  # so that all of it is there at once, and receives end at the mark
            server.process.send_signal(signal.SIGSTOP)
            wait_until(lambda: state(server.process.pid) == "T", "the server is stopped")
        for turn in range(20):
            peer.sendall(b"before%d" % turn)
            peer.send(b"!", socket.MSG_OOB)
            peer.sendall(b"after")
        peer.shutdown(socket.SHUT_WR)
        server.process.send_signal(signal.SIGCONT)
        assert receive_all(peer) == b"".join(b"before%d!after" % turn for turn in range(20))


def test_only_an_urgent_byte(tcp_address, engine):
    with serve(tcp_address, engine) as server, server.connect() as peer:
        peer.send(b"!", socket.MSG_OOB)
        assert receive_exactly(peer, 1) == b"!"


def at_mark(peer):
    answer = array.array("i", [0])
    fcntl.ioctl(peer, SIOCATMARK, answer)
    return answer[0] == 1


def test_urgent_comes_back_as_urgent(tcp_address, engine):
    with serve(tcp_address, engine, "--urgent", "urgent") as server, server.connect() as peer:
        # Often, because the mark may come at any moment between two calls of the server's.
        for turn in range(3000):
            peer.sendall(b"before")
            peer.send(b"!", socket.MSG_OOB)
            # Not in line here: the urgent byte is missing in the stream, and is had by MSG_OOB.
            assert receive_exactly(peer, 6) == b"before"
            _, _, urgent = select.select([], [], [peer], ANSWER_S)
            assert urgent, f"turn {turn}: nothing urgent has come"
            peer.settimeout(None)  # never waits; with a timeout Python would, for plain data
            assert peer.recv(1, socket.MSG_OOB) == b"!"
            peer.settimeout(ANSWER_S)
            peer.sendall(b"after")
            assert receive_exactly(peer, 5) == b"after"
        peer.shutdown(socket.SHUT_WR)
        assert receive_all(peer) == b""


def test_urgent_mark_is_where_it_was(tcp_address, engine):
    with serve(tcp_address, engine, "--urgent", "urgent") as server, server.connect() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        peer.sendall(b"before")
        peer.send(b"!", socket.MSG_OOB)
        assert receive_exactly(peer, 6) == b"before"
        wait_until(lambda: at_mark(peer), "the mark is here")
        assert peer.recv(1) == b"!"
        peer.sendall(b"after")
        assert receive_exactly(peer, 5) == b"after"
        assert not at_mark(peer)


@pytest.mark.parametrize("how", ["inline", "urgent"])
def test_without_urgent_data_the_option_changes_nothing(stream_address, engine, how):
    with serve(stream_address, engine, "--urgent", how) as server:
        with Crowd((server.connect(receive_buffer=4096) for _ in range(5)), slices(64),
                   pause=(1000, 0.3)) as crowd:
            crowd.run()


def test_urgent_bytes_behind_a_stuck_echo(tcp_address, engine):
    """The urgent byte waits in the queue like the others, and no byte is lost around it."""
    with serve(tcp_address, engine, "--urgent", "urgent", "--pending", "1M") as server:
        with server.connect(receive_buffer=4096) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            payload = b""
            for turn in range(10):
                plain = STREAM[turn * 30_000:(turn + 1) * 30_000]
                peer.sendall(plain)
                peer.send(b"!", socket.MSG_OOB)
                payload += plain + b"!"
            peer.shutdown(socket.SHUT_WR)
            assert receive_all(peer) == payload


@pytest.mark.parametrize("how", ["inline", "urgent"])
def test_urgent_byte_of_a_unix_stream_is_a_plain_byte(tmp_path, engine, how):
    """Linux has MSG_OOB on unix sockets since 5.15; there is no urgent mark to give back."""
    with serve(f"unix:{tmp_path}/echo", engine, "--urgent", how) as server:
        with server.connect() as peer:
            try:
                peer.send(b"!", socket.MSG_OOB)
            except OSError as error:
                pytest.skip(f"no MSG_OOB on unix sockets: {error}")
            assert receive_exactly(peer, 1) == b"!"
            for piece in itertools.islice(itertools.cycle([b"ab", b"cdefg"]), 20):
                peer.sendall(piece)
                peer.send(b"!", socket.MSG_OOB)
            peer.shutdown(socket.SHUT_WR)
            assert receive_all(peer) == b"ab!cdefg!" * 10


# --- descriptors passed over a unix socket


def pass_descriptor(peer, payload, descriptor):
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
    peer.sendmsg([payload], [rights])


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_passed_descriptors_are_closed_and_the_bytes_come_back(tmp_path, engine, stopped):
    with serve(f"unix:{tmp_path}/echo", engine, "--threads", 1) as server, server.connect() as peer:
        peer.sendall(b"ready")
        assert receive_exactly(peer, 5) == b"ready"
        before = descriptor_count(server.process.pid)
        ours, theirs = os.pipe()
        if stopped:
            server.process.send_signal(signal.SIGSTOP)
            wait_until(lambda: state(server.process.pid) == "T", "the server is stopped")
        for turn in range(20):
            peer.sendall(b"plain%d," % turn)
            send_with_descriptors(peer, b"with%d," % turn, [theirs])
            peer.sendall(b"behind,")
        os.close(theirs)
        server.process.send_signal(signal.SIGCONT)
        expected = b"".join(b"plain%d,with%d,behind," % (turn, turn) for turn in range(20))
        assert receive_exactly(peer, len(expected)) == expected
        # The end of the pipe: nobody has its other end any more, the server neither.
        assert os.read(ours, 1) == b""
        os.close(ours)
        assert descriptor_count(server.process.pid) == before


def test_descriptor_is_the_last_thing_before_the_end(tmp_path, engine):
    with serve(f"unix:{tmp_path}/echo", engine) as server, server.connect() as peer:
        ours, theirs = os.pipe()
        send_with_descriptors(peer, b"last", [theirs])
        os.close(theirs)
        peer.shutdown(socket.SHUT_WR)
        assert receive_all(peer) == b"last"
        assert os.read(ours, 1) == b""
        os.close(ours)


# --- peers that go away in the middle do not damage the others' bytes


def test_exact_while_others_die(stream_address, engine):
    is_tcp = stream_address.startswith("tcp")
    with serve(stream_address, engine, "--threads", 1) as server:
        with Crowd((server.connect(receive_buffer=8192) for _ in range(10)), slices(40),
                   pause=(100_000, 1.0)) as crowd:
            dying = [Peer(server.connect(), STREAM[:4 << 20], deaf=True) for _ in range(50)]
            for peer in dying:
                while peer.send_some():
                    pass
            for peer in dying:
                reset(peer.sock) if is_tcp else peer.sock.close()
            crowd.run()
        assert connect(server.addresses[0]).close() is None
