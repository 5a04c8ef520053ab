"""meari serve ADDRESS?fault=...: what comes in there is spoilt, and nothing else."""

import json
import re
import signal
import socket

import pytest

from meari import Server, receive_all, receive_exactly, run
from procfs import counters_of, wait_until

TCP = "tcp://127.0.0.1:0"
UDP = "udp://127.0.0.1:0"


def echoes(server, index, payload=b"hello"):
    with server.connect(index) as peer:
        peer.sendall(payload)
        return receive_exactly(peer, len(payload)) == payload


def fate(server, index):
    """Whether a connection, or a datagram, is served."""
    try:
        with server.connect(index) as peer:
            peer.sendall(b"x")
            return peer.recv(1) == b"x"
    except (ConnectionError, TimeoutError):
        return False


def done_on(server):
    """What was done on each listener, by its address, as it is told on SIGUSR1."""
    counters_of(server)
    told = re.findall(r"^meari: faults on (\S+): (.*)$", server.stderr, re.MULTILINE)
    return {address: {key: int(value) for key, value in (pair.split("=") for pair in text.split())}
            for address, text in told}  # the last of each


def test_only_what_comes_in_there(engine, tmp_path):
    addresses = [f"{TCP}?fault=close,after=3&fault=delay=1ms", TCP, f"unix:{tmp_path}/a",
                 f"unix:{tmp_path}/b?fault=reset", f"{UDP}?fault=drop", UDP,
                 f"unixgram:{tmp_path}/c?fault=truncate=2"]
    with Server(*addresses, "--threads", 2, engine=engine) as server:
        assert server.addresses[2:4] == [f"unix:{tmp_path}/a", f"unix:{tmp_path}/b"]
        for index in (1, 2, 5):
            assert echoes(server, index)
        with server.connect(0) as peer:
            peer.sendall(b"hel")
            assert receive_all(peer) == b"hel"
        with server.connect(3) as peer:
            assert peer.recv(1) == b""  # a Unix stream has no reset
        with server.connect(4) as peer:
            peer.send(b"hello")
            wait_until(lambda: counters_of(server)["faults_drop"] == 1, "it is dropped")
        with server.connect(6) as peer:
            peer.send(b"hello")
            assert peer.recv(10) == b"he"
        wait_until(lambda: counters_of(server)["connections_open"] == 0, "all are gone")
        told = counters_of(server)
        assert {key: value for key, value in told.items() if key.startswith("faults_") and value} == {
            "faults_close": 1, "faults_delay": 1, "faults_reset": 1, "faults_drop": 1,
            "faults_truncate": 1}
        assert done_on(server) == {
            server.addresses[0]: {"faults_close": 1, "faults_delay": 1},
            server.addresses[3]: {"faults_reset": 1},
            server.addresses[4]: {"faults_drop": 1},
            server.addresses[6]: {"faults_truncate": 1}}
        assert told["connections_finished"] == 2 and told["connections_cut"] == 2
        assert server.stop() == 0
    assert re.findall(r"meari: injecting faults: (.*) on '(.*)'\n", server.stderr) == [
        ("close,after=3; delay=1ms", server.addresses[0]), ("reset", server.addresses[3]),
        ("drop", server.addresses[4]), ("truncate=2", server.addresses[6])]


def test_the_same_connections_whatever_comes_in_elsewhere(engine):
    """Three listeners with the same faults: each has its own numbers."""
    address = f"{TCP}?fault=refuse,p=40%,seed=2"
    with Server(address, address, TCP, "--threads", 1, engine=engine) as server:
        disturbed = []
        for turn in range(30):
            disturbed.append(fate(server, 0))
            for index in (1, 2):
                if turn % 3 == index:
                    fate(server, index)
        told = done_on(server)
        assert told[server.addresses[0]] == {"faults_refuse": disturbed.count(False)}
        assert server.addresses[2] not in told
    with Server(TCP, address, "--threads", 1, engine=engine) as server:
        assert [fate(server, 1) for _ in range(30)] == disturbed
    assert 2 < disturbed.count(False) < 25


def answered(server, others):
    """Which of 60 datagrams to the first listener are answered, while some go to others."""
    with server.connect(0) as peer, server.connect(1) as other:
        for i in range(60):
            peer.send(b"%d" % i)
            if others and i % 3 == 0:
                other.send(b"elsewhere")
        sent = 60 + (20 if others else 0)
        wait_until(lambda: counters_of(server)["datagrams_received"] == sent, "all have come")
        told = counters_of(server)
        assert told["datagrams_sent"] == sent - told["faults_drop"]
        peer.setblocking(False)
        numbers = set()
        while True:
            try:
                numbers.add(int(peer.recv(100)))
            except BlockingIOError:
                return numbers


def test_the_same_datagrams_whatever_comes_in_elsewhere(engine):
    sets = []
    for others, seed in ((True, 2), (False, 2), (False, 3)):
        address = f"{UDP}?fault=drop,p=40%,seed={seed}"
        with Server(address, address, "--threads", 1, engine=engine) as server:
            sets.append(answered(server, others))
    assert sets[0] == sets[1] != sets[2]
    assert 20 < len(sets[0]) < 55


def test_beside_those_of_all(engine):
    """--fault holds for all, also where it stands behind the address."""
    with Server(f"{TCP}?fault=close,after=3", TCP, UDP, "--fault", "corrupt=1",
                "--log-format", "json", "-v", "--threads", 1, engine=engine) as server:
        for index in range(3):
            with server.connect(index) as peer:
                peer.sendall(b"abc")
                received = receive_exactly(peer, 3) if index < 2 else peer.recv(10)
                wrong = sum((a ^ b).bit_count() for a, b in zip(received, b"abc"))
                assert wrong == (3 if index < 2 else 1)
        server.process.send_signal(signal.SIGUSR1)
        server.wait_stderr('"counters"')
        assert server.stop() == 0
        events = [json.loads(line) for line in server.stderr.splitlines()]
    first, second, third = server.addresses
    faulty = [(e["faults"], e["address"]) for e in events if e["event"] == "faulty"]
    assert faulty == [(["corrupt=1", "close,after=3"], first), (["corrupt=1"], second),
                      (["corrupt=1"], third)]
    deeds = [(e["fault"], e["address"], e.get("connection"), e.get("datagram"))
             for e in events if e["event"] == "fault"]
    assert deeds == [("corrupt", first, 0, None)] * 3 + [("close", first, 0, None)] + \
        [("corrupt", second, 0, None)] * 3 + [("corrupt", third, None, 0)]
    counted = {e["address"]: e for e in events if e["event"] == "fault_counters"}
    assert counted[first]["faults_corrupt"] == 3 and counted[first]["faults_close"] == 1
    assert counted[second]["faults_corrupt"] == 3 and "faults_close" not in counted[second]
    assert counted[third]["faults_corrupt"] == 1


@pytest.mark.usefixtures("localhost")
def test_each_address_of_a_name_has_them(engine):
    with Server("localhost:0?fault=refuse", TCP, "--threads", 2, engine=engine) as server:
        assert not fate(server, 0)
        assert [fate(server, i) for i in range(len(server.addresses))][-1]


def test_limits_are_around_them(engine):
    with Server(f"{TCP}?fault=delay=1h", TCP, "--idle-timeout", "300ms", "--max-rate", "1M", "-v",
                "--threads", 1, engine=engine) as server:
        with server.connect(0) as delayed, server.connect(1) as plain:
            delayed.sendall(b"hello")
            plain.sendall(b"hello")
            assert receive_exactly(plain, 5) == b"hello"
            with pytest.raises(ConnectionResetError):
                delayed.recv(1)
            assert receive_all(plain) == b""
        wait_until(lambda: server.stderr.count(", 5 B in ") == 2, "both are told")
        assert counters_of(server)["ended_idle"] == 2


def test_in_a_file(engine, tmp_path):
    path = tmp_path / "serve.conf"
    path.write_text(f"address = {TCP}?fault=close,after=2\naddress {TCP}\n")
    with Server("--config", path, engine=engine) as server:
        with server.connect(0) as peer:
            peer.sendall(b"he")
            assert receive_all(peer) == b"he"
        assert echoes(server, 1)
    path.write_text(f"# a comment\n  address = {TCP}?fault=close,after=x\n")
    result = run("serve", "--config", path)
    assert result.returncode == 2
    assert f"'{path}', line 2, column 13: '{TCP}?fault=close,after=x' has a fault that is none: " \
        in result.stderr, result.stderr
    assert result.stderr.count("\n") == 1


def test_explain_knows_them():
    result = run("serve", "--explain", "tcp://127.0.0.1:7?fault=delay=20ms&fault=reset", "udp://*:7",
                 "--fault", "drop")
    assert result.returncode == 0
    assert re.findall(r"^faults +yes +(.*)$", result.stdout, re.MULTILINE) == [
        "injecting faults: delay=20ms; reset on 'tcp://127.0.0.1:7'",
        "injecting faults: drop on 'udp://*:7'"]
    assert "faults" not in run("serve", "--explain", "tcp://127.0.0.1:7").stdout
    assert re.search(r"^listen +yes +tcp://127\.0\.0\.1:7$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("written, name", [
    ("what?", "what?"), ("a?b", "a?b"), ("a?faults=1", "a?faults=1"),
    (r"a\x3ffault=reset", "a?fault=reset"), (r"a?b\x3ffault=reset&fault=drop", "a?b?fault=reset&fault=drop")])
def test_a_path_may_have_a_question_mark(engine, tmp_path, written, name):
    with Server(f"unix:{tmp_path}/{written}", engine=engine) as server:
        assert (tmp_path / name).is_socket()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(tmp_path / name))
            peer.sendall(b"hello")
            assert receive_exactly(peer, 5) == b"hello"
        assert "injecting" not in server.stderr


@pytest.mark.parametrize("address, column, why", [
    ("tcp://*:7?fault=dely=1ms", 17, "there is no fault of this name; did you mean 'delay'?"),
    ("tcp://*:7?fault=delay=20", 23, "a time needs a unit, such as 20ms or 2s"),
    ("udp://*:7?fault=drop,p=1%,p=2%", 27, "this key has been given before"),
    ("tcp://*:7?fault=reset&fault=delay=soon", 35, "a time is expected here"),
    ("tcp://*:7?fault=reset&delay=1ms", 23, "'fault=' or 'proxy=' is expected here"),
    ("tcp://*:7?fault=", 17, "there is no fault of this name"),
    ("tcp://*:7?fault=drop", 17, "this fault is for datagrams, and this address serves streams"),
    ("unixgram:x?fault=delay=1ms&fault=reset", 34, "this fault is for streams, and this address serves datagrams"),
    ("udp://*:7?" + "&".join(["fault=drop"] * 17), 193, "an address may have at most 16 faults"),
    ("tcp://*:port?fault=reset", 9, "port 'port' is neither a number nor a known service"),
])
def test_what_is_wrong_is_told_with_its_column_in_the_whole(address, column, why):
    result = run("serve", address)
    assert result.returncode == 2
    assert result.stderr.startswith(f"meari: '{address}' ")
    assert why in result.stderr and f"(column {column})" in result.stderr
    assert result.stderr.count("\n") == 1


def test_sixteen_and_sixteen(engine):
    """As many of its own as of --fault, together on one connection."""
    own = "&".join(["fault=delay=1ms"] * 16)
    with Server(f"{TCP}?{own}", *["--fault", "delay=1ms"] * 16, engine=engine) as server:
        assert echoes(server, 0)
        assert counters_of(server)["faults_delay"] == 32


@pytest.mark.parametrize("verb", ["talk", "ping", "bench", "check"])
def test_other_verbs_have_no_faults(verb):
    result = run(verb, "tcp://127.0.0.1:7?fault=reset")
    assert result.returncode == 2 and "port '7?fault=reset'" in result.stderr
