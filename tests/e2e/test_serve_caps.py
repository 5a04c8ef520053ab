"""meari serve with limits: who may come, how many, how fast, for how long, and how much of it.

Every limit is met at its cap: what is just allowed is served, and what is one more is not.
"""

import contextlib
import json
import resource
import signal
import socket
import threading
import time

import pytest

from meari import Server, random_bytes, receive_all, receive_exactly, run
from procfs import cpu_share_while_idle, wait_until

TCP = "tcp://127.0.0.1:0"


def echoes(peer, payload=b"are you there?"):
    peer.sendall(payload)
    return receive_exactly(peer, len(payload)) == payload


def is_refused(connect):
    """A connection that is made and reset before it is served."""
    try:
        with connect() as peer:
            peer.sendall(b"?")
            peer.recv(1)
            return False
    except ConnectionError:
        return True


def counters(server):
    """The counters as they are now, by name."""
    told = len(events(server, "counters"))
    server.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: len(events(server, "counters")) > told, "the counters")
    return events(server, "counters")[-1]


def events(server, name):
    whole = server.stderr[:server.stderr.rfind("\n") + 1]
    return [line for line in map(json.loads, whole.splitlines()) if line["event"] == name]


@contextlib.contextmanager
def serving(*arguments, engine, **options):
    arguments = [*arguments, "--log-format", "json", "--drain", "0"]
    with Server(*arguments, engine=engine, **options) as server:
        yield server


# --- connections


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_connections_up_to_the_cap(engine, threads, scheme, tmp_path):
    address = TCP if scheme == "tcp" else f"unix:{tmp_path}/echo"
    with serving(address, "--max-connections", 5, "--threads", threads, engine=engine) as server, \
            contextlib.ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(5)]
        assert all(map(echoes, peers))
        for _ in range(3):
            if scheme == "tcp":
                assert is_refused(server.connect)
            else:
                with server.connect() as one_more, contextlib.suppress(ConnectionError):
                    assert receive_all(one_more) == b""
        assert all(map(echoes, peers)), "who is connected notices nothing"
        peers[0].shutdown(socket.SHUT_WR)
        assert receive_all(peers[0]) == b""
        wait_until(lambda: counters(server)["connections_open"] == 4, "a place to be free")
        assert echoes(stack.enter_context(server.connect()))
        told = counters(server)
        assert told["refused_by_count"] == 3 and told["connections_accepted"] == 6
        # Told once a thread, and not for each.
        assert 1 <= len(events(server, "limit_refused")) <= threads
        assert events(server, "limit_refused")[0]["limit"] == "max-connections"
        assert server.stop() == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_connections_of_one_source_up_to_the_cap(engine, threads):
    with serving("tcp://*:0", "--max-per-source", 3, "--threads", threads,
                 engine=engine) as server, contextlib.ExitStack() as stack:
        def connect(source):
            return socket.create_connection(("127.0.0.1", server.port()), 20, (source, 0))

        for source in ("127.0.0.1", "127.0.0.2"):
            peers = [stack.enter_context(connect(source)) for _ in range(3)]
            assert all(map(echoes, peers))
            assert is_refused(lambda: connect(source))
        peers[0].shutdown(socket.SHUT_WR)
        assert receive_all(peers[0]) == b""
        wait_until(lambda: counters(server)["connections_open"] == 5, "a place to be free")
        assert echoes(stack.enter_context(connect("127.0.0.2")))
        assert is_refused(lambda: connect("127.0.0.1"))
        assert counters(server)["refused_by_source"] == 3
        assert server.stop() == 0


def test_an_ipv6_source_is_a_prefix(engine):
    """Of ::1 alone there is one address here: with a prefix of any length it is one source."""
    for bits in (64, 128):
        with serving("tcp://[::1]:0", "--max-per-source", 1, "--source-prefix", bits,
                     engine=engine) as server, server.connect() as peer:
            assert echoes(peer)
            assert is_refused(server.connect)


def test_new_connections_at_a_rate(engine):
    with serving(TCP, "--connect-rate", 5, "--threads", 1, engine=engine) as server:
        start = time.monotonic()
        served = refused = 0
        while served < 10:
            if is_refused(server.connect):
                refused += 1
            else:
                served += 1
        took = time.monotonic() - start
        # Five at once, and then one every 200 ms.
        assert took > 0.9
        assert refused > 0 and counters(server)["refused_by_rate"] == refused
        refusals = events(server, "limit_refused")
        assert len(refusals) == 1 + int(took / 10)


def test_memory_bounds_the_connections(engine):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2500:
        pytest.skip("needs 2,500 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))
    with serving(TCP, "--max-memory", "8M", "--threads", 1, engine=engine) as server, \
            contextlib.ExitStack() as stack:
        # Half for the pool; 4 KiB and 512 bytes for each connection out of the other half.
        peers = [stack.enter_context(server.connect()) for _ in range((4 << 20) // 4608)]
        assert all(map(echoes, peers))
        assert is_refused(server.connect)
        told = counters(server)
        assert told["refused_by_memory"] == 1 and told["connections_open"] == len(peers)


def test_too_little_memory_is_said():
    result = run("serve", TCP, "--max-memory", "2M", "--threads", 2)
    assert result.returncode == 1
    assert result.stderr == "meari: --max-memory is too little for 2 threads: each needs 1 MiB, " \
                            "and connections some more\n"


# --- time


def test_silence_ends_a_connection(engine):
    with serving(TCP, "--idle-timeout", "400ms", engine=engine) as server, \
            server.connect() as silent, server.connect() as busy:
        start = time.monotonic()
        while True:
            assert echoes(busy)
            silent.settimeout(0.05)
            try:
                assert silent.recv(1) == b"", "a silent connection is closed in order"
                break
            except TimeoutError:
                pass
        assert 0.35 < time.monotonic() - start < 10
        assert echoes(busy)
        told = counters(server)
        assert told["ended_idle"] == 1 and told["connections_cut"] == 1
        assert told["connections_open"] == 1
        (event,) = events(server, "limit_ended")
        assert event["limit"] == "idle-timeout"
        assert event["peer"] == "tcp://127.0.0.1:{}".format(silent.getsockname()[1])
        assert server.stop() == 0


def test_a_peer_that_does_not_read_is_reset_after_a_silence(engine):
    with serving(TCP, "--idle-timeout", "500ms", "--threads", 1, engine=engine) as server, \
            server.connect(receive_buffer=4096) as deaf:
        deaf.settimeout(20)
        with pytest.raises(ConnectionError):
            while True:  # it takes some megabytes, and then nothing moves
                deaf.sendall(random_bytes(1 << 16))
        wait_until(lambda: counters(server)["ended_idle"] == 1, "the silence to be noticed")


def test_age_ends_a_connection_however_busy(engine):
    with serving(TCP, "--max-lifetime", "500ms", "--idle-timeout", "300ms",
                 engine=engine) as server, server.connect() as peer:
        start = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while echoes(peer):
                pass
        assert 0.45 < time.monotonic() - start < 10
        told = counters(server)
        assert told["ended_old"] == 1 and told["ended_idle"] == 0
        assert told["connections_open"] == 0


def test_the_timers_of_idle_connections_cost_nothing(engine):
    with serving(TCP, "--idle-timeout", "1h", "--max-lifetime", "2h", "--max-rate", "1M",
                 engine=engine) as server, contextlib.ExitStack() as stack:
        for _ in range(50):
            assert echoes(stack.enter_context(server.connect()))
        assert cpu_share_while_idle(server.process.pid) < 0.01


# --- bytes


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_bytes_of_a_connection_at_a_rate(engine, scheme, tmp_path):
    address = TCP if scheme == "tcp" else f"unix:{tmp_path}/echo"
    payload = random_bytes(600 << 10, seed=5)
    with serving(address, "--max-rate", "512K", "--threads", 1, engine=engine) as server, \
            server.connect() as peer, server.connect() as other:
        start = time.monotonic()
        sender = threading.Thread(
            target=lambda: (peer.sendall(payload), peer.shutdown(socket.SHUT_WR)), daemon=True)
        sender.start()
        received = bytearray(receive_exactly(peer, 300 << 10))
        assert echoes(other), "a rate is each connection's own"
        received += receive_all(peer)
        took = time.monotonic() - start
        sender.join(20)
        assert received == payload, "exact, if slow"
        # A twentieth of a second's worth may go at once.
        assert took > (600 / 512 - 0.06) * 0.98
        assert took < 600 / 512 + 5
        assert counters(server)["rate_pauses"] > 0
        slowed = events(server, "limit_slowed")
        assert 1 <= len(slowed) <= 1 + int(took / 10), "told now and then"
        assert slowed[0]["limit"] == "max-rate" and slowed[0]["untold"] == 0
        assert slowed[0]["peer"] is None


def test_a_byte_a_second(engine):
    with serving(TCP, "--max-rate", "2", engine=engine) as server, server.connect() as peer:
        start = time.monotonic()
        assert echoes(peer, b"xyz")
        assert 0.9 < time.monotonic() - start < 10


# --- who may come


def test_only_who_is_allowed(engine):
    with serving(TCP, "--allow", "127.0.0.2", "--allow", "127.0.1.0/24", "--threads", 1,
                 engine=engine) as server:
        def connect(source):
            return socket.create_connection(("127.0.0.1", server.port()), 20, (source, 0))

        for source in ("127.0.0.2", "127.0.1.0", "127.0.1.255"):
            with connect(source) as peer:
                assert echoes(peer)
        for source in ("127.0.0.1", "127.0.0.3", "127.0.2.0"):
            assert is_refused(lambda: connect(source))
        assert counters(server)["refused_by_access"] == 3
        (event,) = events(server, "limit_refused")  # one line for the three
        assert event["limit"] == "access" and event["peer"].startswith("tcp://127.0.0.1:")


def test_denied_is_denied_also_over_a_dual_stack_socket(engine):
    with serving("tcp://*:0", "--deny", "127.0.0.2", "--allow", "127.0.0.0/8",
                 engine=engine) as server:
        with socket.create_connection(("127.0.0.1", server.port()), 20, ("127.0.0.1", 0)) as peer:
            assert echoes(peer)
        assert is_refused(lambda: socket.create_connection(
            ("127.0.0.1", server.port()), 20, ("127.0.0.2", 0)))


@pytest.mark.parametrize("threads", [1, 2])
def test_lists_are_read_again_and_who_is_still_allowed_notices_nothing(engine, threads, tmp_path):
    allowed = tmp_path / "allowed"
    allowed.write_text("127.0.0.1\n127.0.0.2 # for now\n")
    with serving(TCP, "--allow", f"@{allowed}", "--threads", threads,
                 engine=engine) as server, contextlib.ExitStack() as stack:
        def connect(source):
            return stack.enter_context(
                socket.create_connection(("127.0.0.1", server.port()), 20, (source, 0)))

        stay = [connect("127.0.0.1") for _ in range(6)]
        go = [connect("127.0.0.2") for _ in range(6)]
        assert all(map(echoes, stay + go))
        payload = random_bytes(1 << 20)
        stay[0].sendall(payload[:1000])

        allowed.write_text("127.0.0.1\n127.0.0.3\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_stderr('"reloaded"')
        for peer in go:
            with contextlib.suppress(ConnectionError):
                assert peer.recv(1) == b""
        assert receive_exactly(stay[0], 1000) == payload[:1000]
        assert all(map(echoes, stay))
        assert echoes(connect("127.0.0.3"))
        assert is_refused(lambda: socket.create_connection(
            ("127.0.0.1", server.port()), 20, ("127.0.0.2", 0)))
        told = counters(server)
        assert told["ended_by_access"] == 6 and told["connections_cut"] == 6

        # What cannot be read changes nothing.
        allowed.write_text("127.0.0.1/8\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_stderr('"reload_failed"')
        assert "line 1: '127.0.0.1/8' is not a block of addresses" in server.stderr
        assert all(map(echoes, stay))
        assert echoes(connect("127.0.0.3"))
        assert server.stop() == 0


def test_without_lists_a_hangup_ends_the_server_as_ever(engine):
    with Server(TCP, engine=engine) as server:
        assert server.stop(signal.SIGHUP) == -signal.SIGHUP


@pytest.mark.parametrize("arguments, what", [
    (("--allow", "10.0.0.1/8"), "--allow '10.0.0.1/8' is not a block of addresses: bits behind "
                                "the prefix are set (its network is 10.0.0.0/8) (column 1)"),
    (("--deny", "1.2.3.0/33"), "--deny '1.2.3.0/33' is not a block of addresses: the prefix's "
                               "length is a number from 0 to 32 (column 9)"),
    (("--deny", "@"), "--deny '@' names no file"),
    (("--max-connections", "0"), "--max-connections '0' is not a number from 1 to 1000000000"),
    (("--source-prefix", "129"), "--source-prefix '129' is not a number from 1 to 128"),
    (("--idle-timeout", "0"), "--idle-timeout '0' is not a time, such as 500ms or 5s"),
    (("--max-rate", "0"), "--max-rate '0' is not a size from 1 B to 64.0 GiB"),
    (("--max-memory", "1M"), "--max-memory '1M' is not a size from 2.0 MiB to 1024.0 TiB"),
])
def test_a_limit_that_is_none(arguments, what):
    result = run("serve", *arguments)
    assert result.returncode == 2
    assert what in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("content, what", [
    (None, "cannot read '{}': No such file or directory"),
    ("1.2.3.4\nfoo\n", "'{}', line 2: 'foo' is not a block of addresses: "),
    ("# only\n\t 300.0.0.1 # too much\n",
     "'{}', line 2: '300.0.0.1' is not a block of addresses: octet 300 is above 255 (column 3)"),
])
def test_a_file_that_cannot_be_had(tmp_path, content, what):
    path = tmp_path / "list"
    if content is not None:
        path.write_text(content)
    result = run("serve", TCP, "--deny", f"@{path}")
    assert result.returncode == 1
    assert what.format(path) in result.stderr and result.stderr.count("\n") == 1


# --- datagrams


def ask(peer, payload):
    peer.send(payload)
    try:
        return peer.recv(65536) == payload
    except TimeoutError:
        return False


@pytest.mark.parametrize("address", ["udp://127.0.0.1:0", "udp://*:0"])
def test_datagrams_only_of_who_may(engine, address):
    with serving(address, "--deny", "127.0.0.2", engine=engine) as server:
        for source, answered in (("127.0.0.1", True), ("127.0.0.2", False), ("127.0.0.3", True)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.bind((source, 0))
                peer.connect(("127.0.0.1", server.port()))
                peer.settimeout(20 if answered else 0.3)
                assert ask(peer, b"may I?") is answered
        told = counters(server)
        assert told["refused_by_access"] == 1 and told["datagrams_sent"] == 2
        assert told["datagrams_received"] == 3


@pytest.mark.parametrize("threads", [1, 2])
def test_datagrams_of_one_source_at_a_rate(engine, threads):
    with serving("udp://127.0.0.1:0", "--datagram-rate", 20, "--threads", threads,
                 engine=engine) as server:
        answered, ended = 0, time.monotonic() + 1
        with contextlib.ExitStack() as stack:
            peers = []
            for _ in range(4):  # of four ports, and one source
                peer = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                peer.connect(("127.0.0.1", server.port()))
                peer.settimeout(0.01)
                peers.append(peer)
            while time.monotonic() < ended:
                for peer in peers:
                    answered += ask(peer, b"x")
        # A second's worth at once, and one second; a loaded machine may give more time.
        assert 25 <= answered <= 20 + 20 * (time.monotonic() - ended + 1) + 1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.2", 0))
            other.connect(("127.0.0.1", server.port()))
            other.settimeout(20)
            assert ask(other, b"a source of my own")
        told = counters(server)
        assert told["datagrams_limited"] > 10
        assert told["datagrams_limited"] + told["datagrams_sent"] == told["datagrams_received"]
        assert len([event for event in events(server, "limit_refused")
                    if event["limit"] == "datagram-rate"]) <= threads


# --- without limits


def test_what_is_not_asked_for_is_not_there(engine):
    """An echo with no limit makes the calls that it always made: nobody asks who the peer is."""
    with Server(TCP, "--trace", "--threads", 1, engine=engine) as server:
        with server.connect() as peer:
            assert echoes(peer)
            peer.shutdown(socket.SHUT_WR)
            assert receive_all(peer) == b""
        server.stop()
        assert "getpeername" not in server.stderr
