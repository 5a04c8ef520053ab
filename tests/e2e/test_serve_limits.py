"""meari serve at its limits: readers that do not read, peers that die, descriptors that run out.

Promises 3, 5 and 6 of meari-serve(1), and what an idle server costs.
"""

import contextlib
import os
import resource
import select
import socket
import subprocess

import pytest

from crowd import Crowd, Peer, stuff
from meari import (MEARI, Server, ServerError, environment, exchange, random_bytes,
                   receive_exactly, reset)
from procfs import (SANITIZER, cpu_seconds, cpu_share_while_idle, descriptor_count, resident_bytes,
                    thread_count, wait_until)

MIB = 1 << 20
STREAM = random_bytes(4 * MIB, seed=3)
# Freed memory is to be free: sanitizers keep it in quarantine otherwise.
FRUGAL = environment(ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")


@pytest.fixture(params=["tcp", "unix"])
def stream_address(request, tmp_path):
    return "tcp://127.0.0.1:0" if request.param == "tcp" else f"unix:{tmp_path}/echo"


def echo(peer, payload=b"are you there?"):
    peer.sendall(payload)
    assert receive_exactly(peer, len(payload)) == payload


def deaf_peers(stack, server, count, payload=STREAM):
    """Peers with small buffers that will send and never read, until a test lets them."""
    return [Peer(stack.enter_context(server.connect(receive_buffer=4096, send_buffer=65536)),
                 payload, deaf=True) for _ in range(count)]


def listen_again(peers):
    """They read after all: everything that they have sent comes back, and then the end."""
    crowd = Crowd([], [])
    crowd.peers = peers
    for peer in peers:
        peer.payload = peer.payload[:peer.sent]
        peer.deaf = False
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
    crowd.run()


# --- promise 3: a peer that does not read is not read from


def sent_by_a_deaf_peer(address, engine, pending):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(address, "--pending", pending, "--threads", 1,
                                            engine=engine))
        other = stack.enter_context(server.connect())
        peers = deaf_peers(stack, server, 1, STREAM * 4)
        sent = stuff(peers, lambda: echo(other))
        listen_again(peers)
        return sent


def test_a_peer_that_never_reads_is_stopped(stream_address, engine):
    """16 MiB would be swallowed otherwise; the kernel's own buffers take 3 or 4."""
    assert sent_by_a_deaf_peer(stream_address, engine, "256K") < 8 * MIB


@pytest.mark.skipif(SANITIZER == "thread", reason="too slow for what stands still to mean: full")
def test_the_cap_is_what_was_asked_for(tmp_path, engine):
    """The kernel's share of a unix stream is the same each time, so what differs is ours."""
    little, much = (sent_by_a_deaf_peer(f"unix:{tmp_path}/echo", engine, pending)
                    for pending in ("64K", "1M"))
    assert abs((much - little) - (960 << 10)) < 256 << 10


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_stays_bounded_while_hundreds_never_read(stream_address, engine, threads):
    if SANITIZER == "thread":
        pytest.skip("ThreadSanitizer's shadow memory is several times the program's")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(
            stream_address, "--pending", "256K", "--pending-total", "8M", "--threads", threads,
            engine=engine, env=FRUGAL))
        other = stack.enter_context(server.connect())
        other.settimeout(20)
        echo(other)
        before = resident_bytes(server.process.pid)
        # TCP's own buffers take 3 MiB of each, in the kernel: not too many of them.
        peers = deaf_peers(stack, server, 400 if stream_address.startswith("unix") else 120)
        sent = stuff(peers, lambda: echo(other))
        assert sent > 20 * MIB, "not enough was sent to show anything"
        grown = resident_bytes(server.process.pid) - before
        # The total, a small buffer and a slot for each, and what allocators keep.
        assert grown < (20 if SANITIZER else 14) * MIB, f"grown by {grown / MIB:.1f} MiB"


def test_readers_are_served_while_the_total_is_used_up(stream_address, engine):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(
            stream_address, "--pending-total", "1M", "--threads", 1, engine=engine))
        early = stack.enter_context(server.connect())
        echo(early)
        peers = deaf_peers(stack, server, 100)
        stuff(peers, lambda: echo(early))
        late = stack.enter_context(server.connect())
        for peer in (early, late):
            echo(peer, STREAM[:100])
        with Crowd((server.connect() for _ in range(5)), [STREAM[:MIB]] * 5) as crowd:
            crowd.run()
        echo(early)
        listen_again(peers)


def test_a_peer_that_never_reads_beside_one_that_does(stream_address, engine):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(stream_address, "--threads", 1, engine=engine))
        peers = deaf_peers(stack, server, 1)
        stuff(peers)
        with server.connect() as other:
            assert exchange(other, STREAM) == STREAM
        listen_again(peers)


def test_stuck_peers_cost_no_cpu(stream_address, engine):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(
            stream_address, "--pending-total", "1M", "--threads", 1, engine=engine))
        other = stack.enter_context(server.connect())
        peers = deaf_peers(stack, server, 50)
        stuff(peers, lambda: echo(other))
        assert cpu_share_while_idle(server.process.pid) < 0.1


def test_stuck_peers_with_half_close_cost_no_cpu(stream_address, engine):
    """Their end of stream has come, and cannot be told before the rest has left."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(
            stream_address, "--pending", "1M", "--threads", 1, engine=engine))
        other = stack.enter_context(server.connect())
        peers = deaf_peers(stack, server, 10, STREAM[:600_000])
        stuff(peers, lambda: echo(other))
        for peer in peers:
            peer.sock.shutdown(socket.SHUT_WR)
            peer.finished = True
        echo(other)
        assert cpu_share_while_idle(server.process.pid) < 0.1
        listen_again(peers)


def test_stuck_peers_that_reset_free_their_room(stream_address, engine):
    """What they held is others' again: the total is used up many times over."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(
            stream_address, "--pending-total", "1M", "--threads", 1, engine=engine))
        other = stack.enter_context(server.connect())
        echo(other)
        before = descriptor_count(server.process.pid)
        for _ in range(5):
            peers = deaf_peers(stack, server, 40, STREAM)
            stuff(peers, lambda: echo(other))
            for peer in peers:
                reset(peer.sock) if stream_address.startswith("tcp") else peer.sock.close()
            wait_until(lambda: descriptor_count(server.process.pid) == before, "they are gone")
        assert exchange(other, STREAM) == STREAM


# --- promise 5: who dies costs its own connection and nothing else


@pytest.mark.parametrize("threads", [1, 2])
def test_two_thousand_resets_while_fifty_echo_on(engine, threads):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(
            "tcp://127.0.0.1:0", "--threads", threads, engine=engine))
        before = descriptor_count(server.process.pid)
        others = [stack.enter_context(server.connect()) for _ in range(50)]
        for other in others:
            echo(other)
        for turn in range(2000):
            victim = server.connect(receive_buffer=4096)
            victim.setblocking(False)
            with contextlib.suppress(BlockingIOError):  # some in silence, some with a stuck echo
                victim.send(STREAM[:(0, 100, 10_000, 1_000_000)[turn % 4]])
            if turn % 3 == 0:
                with contextlib.suppress(BlockingIOError):
                    victim.recv(10)
            reset(victim)
            echo(others[turn % 50], b"turn %d" % turn)
        wait_until(lambda: descriptor_count(server.process.pid) == before + 50,
                   "only the fifty are left")
        for other in others:
            assert exchange(other, STREAM[:50_000]) == STREAM[:50_000]
            other.close()
        wait_until(lambda: descriptor_count(server.process.pid) == before, "no descriptor is lost")
        assert server.stop() == 0


@pytest.mark.parametrize("end", ["close", "shutdown"])
def test_broken_pipes_of_unix_peers(tmp_path, engine, end):
    """The peer goes with an echo on its way to it: EPIPE, and no signal."""
    with Server(f"unix:{tmp_path}/echo", "--threads", 1, engine=engine) as server:
        before = descriptor_count(server.process.pid)
        with server.connect() as other:
            for turn in range(500):
                with server.connect() as victim:
                    victim.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            victim.send(STREAM[:100_000])
                    if end == "shutdown":
                        victim.shutdown(socket.SHUT_RDWR)
                echo(other, b"turn %d" % turn)
        wait_until(lambda: descriptor_count(server.process.pid) == before, "no descriptor is lost")
        assert server.stop() == 0


def test_peer_that_shuts_its_reading_side(engine):
    """TCP does not tell it to the server; the peer's kernel just throws the echo away."""
    with Server("tcp://127.0.0.1:0", engine=engine) as server:
        with server.connect() as victim, server.connect() as other:
            victim.shutdown(socket.SHUT_RD)
            victim.sendall(STREAM[:100_000])
            echo(other)
        assert server.stop() == 0


# --- promise 6: out of descriptors


DESCRIPTOR_LIMIT = 64


def limit_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTOR_LIMIT, DESCRIPTOR_LIMIT))


@pytest.mark.parametrize("threads", [1, 2])
def test_out_of_descriptors(stream_address, engine, threads):
    """200 knock, about 50 get in; nobody notices but those who wait, and they get in later."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(stream_address, "--threads", threads, engine=engine,
                                            preexec_fn=limit_descriptors))
        pid = server.process.pid
        before = descriptor_count(pid)
        waiting = [stack.enter_context(server.connect()) for _ in range(200)]
        for index, peer in enumerate(waiting):
            peer.sendall(b"peer %3d" % index)
        server.wait_stderr("accepting pauses: Too many open files")
        wait_until(lambda: descriptor_count(pid) == DESCRIPTOR_LIMIT, "every descriptor is used")

        served = take_answered(waiting, DESCRIPTOR_LIMIT - before)
        assert len(waiting) == 200 - len(served)
        assert cpu_share_while_idle(pid) < 0.15, "it spins while it waits"
        for _, peer in served:
            echo(peer, b"still served")

        while waiting:
            for _, peer in served:
                peer.close()
            served = take_answered(waiting, min(len(served), len(waiting)))
        for _, peer in served:
            peer.close()
        wait_until(lambda: descriptor_count(pid) == before, "all descriptors are free")
        with server.connect() as last:
            echo(last)
        assert server.stderr.count("accepting pauses") <= 2 * threads, "one line for many pauses"
        assert server.stop() == 0


def take_answered(waiting, count):
    """Moves `count` peers that have been answered out of `waiting`; each got its own bytes."""
    numbers = {peer: index for index, peer in enumerate(waiting)}
    served = []
    while len(served) < count:
        readable, _, _ = select.select(waiting, [], [], 20)
        assert readable, f"only {len(served)} of {count} are served"
        for peer in readable:
            assert receive_exactly(peer, 8).startswith(b"peer ")
            waiting.remove(peer)
            served.append((numbers[peer], peer))
    return served


def test_accepting_resumes_though_no_connection_has_ended(engine):
    """The limit itself is moved from outside: the server tries again by itself."""
    def hard_limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", "--threads", 1, engine=engine,
                                            preexec_fn=hard_limit))
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (DESCRIPTOR_LIMIT, 200))
        peers = [stack.enter_context(server.connect()) for _ in range(100)]
        server.wait_stderr("accepting pauses")
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (200, 200))
        for peer in peers:
            echo(peer)


@pytest.mark.parametrize("limit", range(10, 20))
def test_who_is_ready_stays(engine, limit):
    """Wherever the start runs out of descriptors, it is noticed before anybody is told "ready"."""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    try:
        with Server("tcp://127.0.0.1:0", "--threads", 3, "--drain", "1h", engine=engine,
                    preexec_fn=few) as server:
            assert server.stop() == 0
    except ServerError as error:
        assert "ended early" in str(error) and "Too many open files" in str(error)


def test_too_few_descriptors_to_start(engine):
    def almost_none():
        resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))

    result = subprocess.run(
        [MEARI, "serve", *["tcp://127.0.0.1:0"] * 10, "--engine", engine], preexec_fn=almost_none,
        capture_output=True, text=True, env=environment(), timeout=20)
    assert result.returncode == 1
    assert result.stderr.startswith("meari: cannot ") and result.stderr.count("\n") == 1
    assert "Too many open files" in result.stderr


def test_the_limit_is_raised_to_what_the_administrator_allows(engine):
    def soft_limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 300))

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", engine=engine,
                                            preexec_fn=soft_limit))
        for peer in [stack.enter_context(server.connect()) for _ in range(200)]:
            echo(peer)


# --- crowds and silence


def test_idle_server_uses_no_cpu(stream_address, engine):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(stream_address, "udp://127.0.0.1:0", engine=engine))
        for _ in range(100):
            echo(stack.enter_context(server.connect()))
        assert cpu_share_while_idle(server.process.pid) < 0.03


def test_idle_connections_cost_little_memory(engine):
    if SANITIZER:
        pytest.skip("sanitizers have memory of their own for each allocation")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", "--threads", 1, engine=engine))
        echo(stack.enter_context(server.connect()), STREAM[:100_000])
        before = resident_bytes(server.process.pid)
        for _ in range(2000):
            echo(stack.enter_context(server.connect()))
        assert resident_bytes(server.process.pid) - before < 2000 * 300 + 256 * 1024


def test_descriptors_return_after_a_storm_of_connections(stream_address, engine):
    with Server(stream_address, engine=engine) as server:
        pid = server.process.pid
        before, used = descriptor_count(pid), cpu_seconds(pid)
        for _ in range(20):
            with contextlib.ExitStack() as stack:
                peers = [stack.enter_context(server.connect()) for _ in range(100)]
                for index, peer in enumerate(peers):
                    if index % 4:
                        echo(peer)
        wait_until(lambda: descriptor_count(pid) == before, "all descriptors are free")
        assert cpu_seconds(pid) - used < (20 if SANITIZER else 3)


@pytest.mark.parametrize("threads", [1, 3, 16])
def test_threads(engine, threads):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", "--threads", threads,
                                            engine=engine))
        # The main thread, the signals and the log; ThreadSanitizer brings one of its own.
        assert thread_count(server.process.pid) in (threads + 3, threads + 4)
        for _ in range(threads * 20):
            echo(stack.enter_context(server.connect()))


def test_one_connection_that_never_ends_its_sending_starves_nobody(engine):
    """A torrent takes its turns; small echoes get theirs in between."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", "--threads", 1, engine=engine))
        torrents = [stack.enter_context(server.connect()) for _ in range(8)]
        other = stack.enter_context(server.connect())
        for torrent in torrents:
            torrent.setblocking(False)
        for turn in range(200):
            for torrent in torrents:
                with contextlib.suppress(BlockingIOError):
                    torrent.send(STREAM[:MIB])
                with contextlib.suppress(BlockingIOError):
                    torrent.recv(MIB)
            echo(other, b"turn %d" % turn)
