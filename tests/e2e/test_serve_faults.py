"""meari serve --fault: each fault as a client sees it, counted as often as it was seen.

Times have a lower bound only: a machine that is busy may be late, never early.
"""

import contextlib
import json
import re
import resource
import signal
import socket
import time

import pytest

from meari import ROOT, Server, receive_all, receive_exactly, run
from procfs import SANITIZER, cpu_seconds, cpu_share_while_idle, thread_count, wait_until
from test_serve_log import counters_of

PAYLOAD = bytes(range(256)) * 16


@pytest.fixture(params=["tcp", "unix"])
def stream_address(request, tmp_path):
    return "tcp://127.0.0.1:0" if request.param == "tcp" else f"unix:{tmp_path}/echo"


def serve(address, *specs, engine, options=()):
    faults = [word for spec in specs for word in ("--fault", spec)]
    return Server(address, "--threads", 1, *faults, *options, engine=engine)


def done(server, kind):
    return counters_of(server)[f"faults_{kind}"]


def ended_after(peer, payload):
    """What comes back before the end, in order or by a reset."""
    received = bytearray()
    try:
        if payload:
            peer.sendall(payload)
        while chunk := peer.recv(65536):
            received += chunk
    except (ConnectionResetError, BrokenPipeError):
        return bytes(received), "reset"
    return bytes(received), "end"


# --- streams


@pytest.mark.parametrize("spec, least_s", [
    ("delay=60ms", 0.06), ("delay=uniform:50ms:70ms", 0.05), ("delay=pareto:50ms:20", 0.05),
    ("delay=table:0=50ms/100=60ms", 0.05), ("delay=normal:60ms:0", 0.06)])
def test_delay_holds_every_message(stream_address, engine, spec, least_s):
    with serve(stream_address, spec, engine=engine) as server, server.connect() as peer:
        for _ in range(3):
            start = time.monotonic()
            peer.sendall(PAYLOAD)
            assert receive_exactly(peer, len(PAYLOAD)) == PAYLOAD
            assert time.monotonic() - start >= least_s
        peer.shutdown(socket.SHUT_WR)
        assert receive_all(peer) == b""
        assert done(server, "delay") >= 3
        wait_until(lambda: counters_of(server)["connections_finished"] == 1, "it is finished")


def test_delay_keeps_every_byte_of_a_long_stream(stream_address, engine):
    with serve(stream_address, "delay=uniform:0ms:5ms,p=50%", engine=engine) as server:
        result = run("talk", "--verify", server.addresses[0], input="meari " * 300_000)
        assert result.returncode == 0, result.stderr


def test_delayed_connections_take_no_time_of_each_other(engine):
    """200 that wait 100 ms each wait together."""
    with serve("tcp://127.0.0.1:0", "delay=100ms", engine=engine) as server:
        peers = [server.connect() for _ in range(200)]
        start = time.monotonic()
        for peer in peers:
            peer.sendall(b"hello")
        for peer in peers:
            assert receive_exactly(peer, 5) == b"hello"
        assert 0.1 <= time.monotonic() - start < 10
        assert done(server, "delay") == 200
        for peer in peers:
            peer.close()


def open_files_for(count):
    """As many as the test needs here, and the server, which takes after us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        pytest.skip(f"needs {count + 200} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))


CROWD = 10_000


def delayed_crowd(stack, server):
    """So many connections with a message each."""
    peers = []
    for _ in range(CROWD):
        peers.append(stack.enter_context(server.connect()))
        peers[-1].sendall(b"hello")
    wait_until(lambda: done(server, "delay") == CROWD, "every message is there", timeout_s=60)
    return peers


@pytest.mark.parametrize("where", ["--fault", "address"])
def test_ten_thousand_that_wait_cost_no_thread_and_no_spin(engine, where):
    """Threads are counted; the processor's time is that of one second in which nothing happens."""
    open_files_for(CROWD)
    address, options = "tcp://127.0.0.1:0", ["--fault", "delay=1h"]
    if where == "address":
        address, options = address + "?fault=delay=1h", []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            Server(address, "--threads", 2, "--drain", "0", *options, engine=engine))
        before = thread_count(server.process.pid)
        delayed_crowd(stack, server)
        assert thread_count(server.process.pid) <= before + (engine == "uring")  # the ring's own
        assert cpu_share_while_idle(server.process.pid) < 0.03
        assert server.stop() == 0


def test_ten_thousand_that_have_waited_are_answered(engine):
    """Their deadlines are different ones; waking for each costs what an answer costs, and no more."""
    open_files_for(CROWD)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", "--fault", "delay=uniform:1s:3s",
                                            "--threads", 2, engine=engine))
        before = thread_count(server.process.pid)
        peers = delayed_crowd(stack, server)
        for peer in peers:
            assert receive_exactly(peer, 5) == b"hello"
        assert thread_count(server.process.pid) <= before + (engine == "uring")
        # A server that spins takes 6 s of two processors for the 3 s; this one a fraction of one.
        assert cpu_seconds(server.process.pid) < (40 if SANITIZER else 3)


def test_delay_of_some_connections_and_of_some_messages(engine):
    def pattern(spec):
        """For each of 10 connections, which of 4 messages are delayed."""
        with serve("tcp://127.0.0.1:0", spec, engine=engine) as server:
            told = []
            for _ in range(10):
                with server.connect() as peer:
                    row = []
                    for _ in range(4):
                        before = done(server, "delay")
                        peer.sendall(b"hello")
                        assert receive_exactly(peer, 5) == b"hello"
                        row.append(done(server, "delay") - before)
                    told.append(tuple(row))
            return told

    by_connection = pattern("delay=1ms,p=40%,per=connection,seed=3")
    assert set(by_connection) == {(0,) * 4, (1,) * 4}
    by_message = pattern("delay=1ms,p=40%,seed=3")
    assert len(set(by_message)) > 3
    assert pattern("delay=1ms,p=40%,per=message,seed=3") == by_message, "the same seed, the same again"


def test_each_message_may_be_the_last(engine):
    def lengths(spec):
        with serve("tcp://127.0.0.1:0", spec, engine=engine) as server:
            told = []
            for _ in range(8):
                with server.connect() as peer:
                    count = 0
                    with contextlib.suppress(ConnectionError):
                        while count < 200:
                            peer.sendall(b"x")
                            if peer.recv(1) != b"x":
                                break
                            count += 1
                    told.append(count)
            assert done(server, spec.split(",")[0]) == 8
            return told

    closed = lengths("close,per=message,p=20%,seed=1")
    assert len(set(closed)) > 2 and all(0 < count < 200 for count in closed)
    assert lengths("close,per=message,p=20%,seed=1") == closed
    assert all(count >= 10 for count in lengths("reset,per=message,p=20%,after=10"))


def test_each_message_may_stall(engine):
    with serve("tcp://127.0.0.1:0", "stall,for=40ms,per=message,p=50%", engine=engine) as server:
        with server.connect() as peer:
            start = time.monotonic()
            for _ in range(20):
                peer.sendall(b"x")
                assert receive_exactly(peer, 1) == b"x"
            took = time.monotonic() - start
        stalls = done(server, "stall")
        assert 2 < stalls < 18
        assert took >= 0.04 * (stalls - 1)  # the last may be behind the last message


def test_each_message_may_be_corrupt(engine):
    with serve("tcp://127.0.0.1:0", "corrupt=1,per=message,p=50%", engine=engine) as server:
        with server.connect() as peer:
            wrong = 0
            for _ in range(40):
                peer.sendall(b"hello")
                bits = sum((a ^ b).bit_count() for a, b in zip(receive_exactly(peer, 5), b"hello"))
                assert bits <= 1
                wrong += bits
            assert 5 < wrong < 35 and done(server, "corrupt") == wrong


@pytest.mark.parametrize("after", [0, 1, 1000])
def test_close_after(stream_address, engine, after):
    with serve(stream_address, f"close,after={after}", engine=engine) as server:
        with server.connect() as peer:
            received, how = ended_after(peer, PAYLOAD[:after])
            assert received == PAYLOAD[:after]
            assert how == "end"
        wait_until(lambda: counters_of(server)["connections_cut"] == 1, "it is cut")
        assert done(server, "close") == 1


@pytest.mark.parametrize("after", [1, 1000])
def test_close_in_the_middle(stream_address, engine, after):
    """What comes behind the place is not read, so the kernel may make a reset of it."""
    with serve(stream_address, f"close,after={after}", engine=engine) as server:
        with server.connect() as peer:
            received, how = ended_after(peer, PAYLOAD)
            assert received == PAYLOAD[:len(received)] and len(received) <= after
            assert how == "reset" or len(received) == after
        wait_until(lambda: counters_of(server)["connections_cut"] == 1, "it is cut")
        assert counters_of(server)["bytes_received"] == after


@pytest.mark.parametrize("after", [1, 1000])
def test_reset_after(engine, after):
    with serve("tcp://127.0.0.1:0", f"reset,after={after}", engine=engine) as server:
        with server.connect() as peer:
            assert ended_after(peer, PAYLOAD) == (PAYLOAD[:after], "reset")
        assert done(server, "reset") == 1


def test_close_while_something_is_delayed(stream_address, engine):
    with serve(stream_address, "delay=30ms", "close,after=100", engine=engine) as server:
        with server.connect() as peer:
            assert ended_after(peer, PAYLOAD[:100]) == (PAYLOAD[:100], "end")


def test_half_close(stream_address, engine):
    with serve(stream_address, "half-close,after=10", engine=engine) as server:
        with server.connect() as peer:
            peer.sendall(PAYLOAD)
            assert receive_all(peer) == PAYLOAD[:10]
            peer.sendall(PAYLOAD)  # it is still there, and takes them
            wait_until(lambda: counters_of(server)["bytes_received"] == 2 * len(PAYLOAD),
                       "all is taken")
            peer.shutdown(socket.SHUT_WR)
            wait_until(lambda: counters_of(server)["connections_finished"] == 1, "it is finished")
        assert done(server, "half_close") == 1


def test_stall_for_a_time(stream_address, engine):
    with serve(stream_address, "stall,after=5,for=80ms", engine=engine) as server:
        with server.connect() as peer:
            peer.sendall(b"hello")
            assert receive_exactly(peer, 5) == b"hello"
            start = time.monotonic()
            peer.sendall(b"world")
            assert receive_exactly(peer, 5) == b"world"
            assert time.monotonic() - start >= 0.05
        assert done(server, "stall") == 1


def test_stall_for_ever(engine):
    with serve("tcp://127.0.0.1:0", "stall,after=5", engine=engine) as server:
        with server.connect() as peer:
            peer.sendall(b"helloworld")
            assert receive_exactly(peer, 5) == b"hello"
            assert counters_of(server)["bytes_received"] == 5
            assert counters_of(server)["connections_open"] == 1


def test_accept_delay(stream_address, engine):
    with serve(stream_address, "accept-delay=80ms", engine=engine) as server:
        start = time.monotonic()
        with server.connect() as peer:
            peer.sendall(b"hello")
            assert receive_exactly(peer, 5) == b"hello"
        assert time.monotonic() - start >= 0.08
        assert done(server, "accept_delay") == 1


@pytest.mark.parametrize("spec, size", [("dribble", 1), ("chop=100", 100)])
def test_writes_are_small(engine, spec, size):
    """--trace shows each of them, where sending is a call."""
    with serve("tcp://127.0.0.1:0", spec, engine=engine, options=["--trace"]) as server:
        with server.connect() as peer:
            peer.sendall(PAYLOAD[:1000])
            assert receive_exactly(peer, 1000) == PAYLOAD[:1000]
        wait_until(lambda: counters_of(server)["connections_finished"] == 1, "it is finished")
        received = [int(n) for n in re.findall(r"recv\(.*\) = (\d+)$", server.stderr, re.MULTILINE)]
        assert all(n <= size for n in received) and sum(received) == 1000
        assert done(server, spec.split("=")[0]) == 1


def test_throttle(stream_address, engine):
    with serve(stream_address, "throttle=20K", engine=engine) as server:
        with server.connect() as peer:
            start = time.monotonic()
            peer.sendall(PAYLOAD * 2)
            assert receive_exactly(peer, 2 * len(PAYLOAD)) == PAYLOAD * 2
            assert time.monotonic() - start >= 0.3  # 8 KiB at 20 KiB/s, but for the first slice
        assert done(server, "throttle") == 1


def corrupt_places(engine, address, spec):
    with serve(address, spec, engine=engine) as server, server.connect() as peer:
        peer.sendall(PAYLOAD)
        received = receive_exactly(peer, len(PAYLOAD))
        places = [i for i in range(len(PAYLOAD)) if received[i] != PAYLOAD[i]]
        assert all((received[i] ^ PAYLOAD[i]).bit_count() == 1 for i in places)
        assert done(server, "corrupt") == len(places)
        return places


def test_corrupt_is_counted_and_repeatable(stream_address, engine):
    first = corrupt_places(engine, stream_address, "corrupt=200,seed=5")
    assert first == corrupt_places(engine, stream_address, "corrupt=200,seed=5")
    assert first != corrupt_places(engine, stream_address, "corrupt=200,seed=6")
    assert 3 < len(first) < 80


def refused(engine, spec):
    with serve("tcp://127.0.0.1:0", spec, engine=engine) as server:
        fates = []
        for _ in range(30):
            try:
                with server.connect() as peer:
                    peer.sendall(b"x")
                    fates.append(peer.recv(1) == b"x")
            except (ConnectionResetError, BrokenPipeError):
                fates.append(False)
        assert done(server, "refuse") == fates.count(False)
        return fates


def test_refuse_some_of_them_and_the_same_again(engine):
    first = refused(engine, "refuse,p=40%,seed=2")
    assert 2 < first.count(False) < 25
    assert refused(engine, "refuse,p=40%,seed=2") == first


# --- datagrams


def test_drop_and_count(engine):
    """What stays away is what was counted; the last ones are waited for, not a time."""
    with serve("udp://127.0.0.1:0", "drop,p=0.4,seed=1", engine=engine) as server:
        with server.connect() as peer:
            for i in range(100):
                peer.send(b"%d" % i)
            wait_until(lambda: counters_of(server)["datagrams_received"] == 100, "all have come")
            dropped = done(server, "drop")
            wait_until(lambda: counters_of(server)["datagrams_sent"] == 100 - dropped,
                       "the others have left")
            answers = {peer.recv(100) for _ in range(100 - dropped)}
            assert len(answers) == 100 - dropped
            assert 20 < dropped < 65
            with pytest.raises(BlockingIOError):
                peer.setblocking(False)
                peer.recv(100)


def test_truncate_and_corrupt_datagrams(engine):
    with serve("udp://127.0.0.1:0", "truncate=3", "corrupt=1,p=50%", engine=engine) as server:
        with server.connect() as peer:
            wrong = 0
            for _ in range(40):
                peer.send(b"hello")
                answer = peer.recv(100)
                assert len(answer) == 3
                wrong += answer != b"hel"
            assert done(server, "truncate") == 40
            assert done(server, "corrupt") == wrong
            assert 5 < wrong < 35


@pytest.mark.parametrize("scheme", ["udp", "unixgram"])
def test_duplicate_and_count(engine, scheme, tmp_path):
    address = "udp://127.0.0.1:0" if scheme == "udp" else f"unixgram:{tmp_path}/echo"
    with serve(address, "duplicate,p=50%", engine=engine) as server:
        with server.connect() as peer:
            for i in range(200):
                peer.send(b"%d" % i)
                assert peer.recv(100) == b"%d" % i
                if counters_of(server)["faults_duplicate"] > 0:
                    break
            assert peer.recv(100) == b"%d" % i
            counters = counters_of(server)
            assert counters["datagrams_sent"] == counters["datagrams_received"] + 1


def test_delayed_datagrams_wait_together(engine):
    with serve("udp://127.0.0.1:0", "delay=80ms", engine=engine) as server:
        with server.connect() as peer:
            start = time.monotonic()
            for i in range(50):
                peer.send(b"%d" % i)
            assert [peer.recv(100) for _ in range(50)] == [b"%d" % i for i in range(50)]
            assert 0.08 <= time.monotonic() - start < 2
            assert done(server, "delay") == counters_of(server)["datagrams_sent"] == 50


def test_reorder_and_count(engine):
    """Who comes behind one that was sent after it has been held, and no other."""
    with serve("udp://127.0.0.1:0", "reorder=1s,p=20%,seed=3", engine=engine) as server:
        with server.connect() as peer:
            for i in range(100):
                peer.send(b"%d" % i)
            answers = [int(peer.recv(100)) for _ in range(100)]
            held = done(server, "reorder")
            assert 5 < held < 45
            assert sorted(answers) == list(range(100))
            on_time, late = answers[:-held], answers[-held:]
            assert on_time == sorted(on_time) and late == sorted(late)


def test_it_ends_while_datagrams_are_delayed(engine):
    with serve("udp://127.0.0.1:0", "delay=1h", engine=engine) as server:
        with server.connect() as peer:
            peer.send(b"hello")
            wait_until(lambda: done(server, "delay") == 1, "it is there")
            assert server.stop() == 0


# --- what it tells


# Each kind, an address that it is of, and how often a peer that sends 10 bytes once meets it.
KINDS = [("delay=1ms", "tcp", 1), ("stall,after=3,for=1ms", "tcp", 1), ("accept-delay=1ms", "tcp", 1),
         ("throttle=100K", "tcp", 1), ("chop=3", "tcp", 1), ("dribble", "tcp", 1),
         ("close,after=3", "tcp", 1), ("half-close,after=3", "tcp", 1), ("reset,after=3", "tcp", 1),
         ("refuse", "tcp", 1), ("corrupt=1", "tcp", 10), ("corrupt=1", "udp", 1), ("drop", "udp", 1),
         ("truncate=5", "udp", 1), ("duplicate", "udp", 1), ("delay=1ms", "udp", 1),
         ("reorder=1ms", "udp", 1)]


@pytest.mark.parametrize("spec, scheme, count", KINDS)
def test_every_kind_is_counted_and_logged(engine, spec, scheme, count):
    with Server(f"{scheme}://127.0.0.1:0", "--threads", 1, "--fault", spec, "-v", "--log-format", "json",
                engine=engine) as server:
        def told(name):
            whole = server.stderr[:server.stderr.rfind("\n") + 1]
            return [e for e in map(json.loads, whole.splitlines()) if e["event"] == name]

        with contextlib.suppress(ConnectionError), server.connect() as peer:
            peer.sendall(b"0123456789")
            if scheme == "tcp":
                peer.shutdown(socket.SHUT_WR)
                receive_all(peer)
        server.wait_stderr('"event":"fault"')
        if scheme == "tcp":
            server.wait_stderr("closed")
        kind = re.match("[a-z-]+", spec)[0]
        assert [e["fault"] for e in told("fault")] == [kind] * count
        assert {e["address"] for e in told("fault")} == {server.addresses[0]}
        server.process.send_signal(signal.SIGUSR1)
        server.wait_stderr("counters: ")
        (counters,) = told("counters")
        done = {key: value for key, value in counters.items() if key.startswith("faults_") and value}
        assert done == {"faults_" + kind.replace("-", "_"): count}
        (of_listener,) = told("fault_counters")
        assert of_listener["address"] == server.addresses[0]
        assert done.items() <= of_listener.items()


def test_all_kinds_are_tried():
    """Those that the man page names."""
    page = (ROOT / "docs/man/meari-serve.1").read_text()
    section = page[page.index(".Sh FAULTS"):page.index("Every fault knows these keys")]
    names = {name for line in re.findall(r"^\.It Li (.*)$", section, re.MULTILINE)
             for name in re.findall(r"(?:^|, )([a-z-]+)", line)}
    assert names == {re.match("[a-z-]+", spec)[0] for spec, _, _ in KINDS}


def test_v_logs_each_fault(engine):
    with serve("tcp://127.0.0.1:0", "reset,after=3", engine=engine,
               options=["-v", "--log-format", "json"]) as server:
        with server.connect() as peer:
            ended_after(peer, b"hello")
        server.wait_stderr('"closed"')
        events = [json.loads(line) for line in server.stderr.splitlines()]
        faults = [e for e in events if e["event"] == "fault"]
        assert [(e["fault"], e["connection"], e["after_bytes"]) for e in faults] == [("reset", 0, 3)]


def test_it_says_that_it_is_faulty(engine):
    with serve("tcp://127.0.0.1:0", "delay=20ms", "drop", engine=engine) as server:
        address = server.addresses[0]
        server.wait_stderr(f"meari: injecting faults: delay=20ms on '{address}'\n")
        server.wait_stderr("meari: the fault 'drop' is for datagrams, and no address serves datagrams\n")


@pytest.mark.parametrize("guard", ((), ("--idle-timeout", "1h")), ids=("alone", "guarded"))
def test_what_is_delayed_and_never_sent_ends_with_a_reset(engine, guard):
    """The time for draining is over: an end in order would say that this was all."""
    with serve("tcp://127.0.0.1:0", "delay=1h", engine=engine,
               options=["--drain", "100ms", *guard]) as server:
        with server.connect() as held, server.connect() as idle:
            held.sendall(b"hello")
            wait_until(lambda: counters_of(server)["bytes_received"] == 5, "it has them")
            server.process.send_signal(signal.SIGTERM)
            assert ended_after(held, b"") == (b"", "reset")
            assert ended_after(idle, b"") == (b"", "end")
        server.wait_stderr("2 connections were cut")


def test_with_a_limit_around_it(engine):
    with serve("tcp://127.0.0.1:0", "delay=1h", engine=engine,
               options=["--idle-timeout", "100ms", "-v"]) as server:
        with server.connect() as peer:
            assert ended_after(peer, b"hello") == (b"", "reset")
        server.wait_stderr("5 B in ")
        assert counters_of(server)["ended_idle"] == 1


def test_it_ends_while_bytes_are_delayed(stream_address, engine):
    with serve(stream_address, "delay=1h", engine=engine, options=["--drain", "0"]) as server:
        with server.connect() as peer:
            peer.sendall(b"hello")
            wait_until(lambda: done(server, "delay") == 1, "they are there")
            assert server.stop() == 0


@pytest.mark.parametrize("spec, column", [("delay=soon", 7), ("delays=1s", 1), ("drop,p=2", 8)])
def test_what_is_wrong_with_a_fault_is_told_with_its_column(spec, column):
    result = run("serve", "--fault", spec)
    assert result.returncode == 2
    assert f"--fault '{spec}'" in result.stderr and f"(column {column})" in result.stderr


def test_there_may_be_sixteen():
    result = run("serve", *["--fault", "drop"] * 17)
    assert result.returncode == 2
    assert "more than 16" in result.stderr
