"""meari serve and datagrams on a network that is not loopback: groups, marks, and a way out that is shut."""

import contextlib
import re
import signal
import sys

import pytest

from meari import Server, random_bytes
from procfs import counters_of, state, wait_until
from wire import OWN, OWN6, Wire, ends_of, payload_of, tos_of, udp_packet

PEER, PEER6 = "192.0.2.9", "2001:db8::9"


@pytest.fixture
def wire():
    with Wire() as one:
        yield one


@contextlib.contextmanager
def stopped(server):
    """What is sent meanwhile is there before the server looks: it comes as one batch."""
    server.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: state(server.process.pid) == "T", "the server is stopped")
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def ask(wire, server, payload, source=(PEER, 4000), own=OWN, tos=0):
    wire.send(udp_packet(source, (own, server.port()), payload, tos))
    answer = wire.receive()
    assert ends_of(answer) == [(own, server.port()), source]
    assert payload_of(answer) == payload
    return answer


BROADCASTS = ["192.0.2.255", "255.255.255.255"]


@pytest.mark.parametrize("address, own, peer, groups", [
    ("udp4://*:0", OWN, PEER, [*BROADCASTS, "224.0.0.1"]),
    ("udp://*:0", OWN, PEER, BROADCASTS),  # the kernel gives it no multicast of IPv4
    ("udp://*:0", OWN6, PEER6, ["ff02::1"]),
    ("udp6://*:0", OWN6, PEER6, ["ff02::1"])])
def test_what_was_sent_to_a_group_is_not_answered(wire, engine, address, own, peer, groups):
    """All who hear it would answer at once, and a forged sender would hear them all."""
    with Server(address, "--threads", 1, engine=engine, prefix=wire.prefix) as server:
        for group in groups:
            wire.send(udp_packet((peer, 4000), (group, server.port()), b"everybody?"))
        ask(wire, server, b"you", (peer, 4000), own)
        wire.expect_nothing()
        counters = counters_of(server)
        assert counters["datagrams_refused"] == len(groups)
        assert server.stderr.count("not answered a datagram to a group: ") == 1
        assert counters["datagrams_received"] == len(groups) + 1


@pytest.mark.parametrize("own, peer", [(OWN, PEER), (OWN6, PEER6)])
@pytest.mark.parametrize("tos", [0x01, 0x02, 0x03, 0xb8, 0xff])
def test_answers_carry_no_mark_of_the_question(wire, engine, own, peer, tos):
    """ECT would be a promise to slow down, which an echo does not keep (RFC 3168)."""
    with Server("udp://*:0", "--threads", 1, engine=engine, prefix=wire.prefix) as server:
        assert tos_of(ask(wire, server, b"marked", (peer, 4000), own, tos)) == 0


def test_an_answer_that_has_no_way_takes_no_other_with_it(wire, engine):
    wire.do("ip route add unreachable 198.51.100.0/24")
    with Server("udp4://*:0", "--threads", 1, engine=engine, prefix=wire.prefix) as server:
        with stopped(server):
            for index, host in enumerate([PEER, "198.51.100.1", PEER, "198.51.100.1",
                                          "198.51.100.1", "192.0.2.10"]):
                wire.send(udp_packet((host, 4000), (OWN, server.port()), b"%d" % index))
        assert [payload_of(wire.receive()) for _ in range(3)] == [b"0", b"2", b"5"]
        wire.expect_nothing()
        counters = counters_of(server)
        assert counters["datagrams_sent"] == 3
        assert counters["datagrams_lost"] == 3


@pytest.mark.parametrize("own, peer", [(OWN, PEER), (OWN6, PEER6)])
def test_a_way_too_narrow_for_a_train_loses_nothing(wire, engine, own, peer):
    """1,400 bytes do not fit 1,280: each goes by itself, in fragments, and smaller ones do as ever."""
    wire.do("ip link set wire mtu 1280")
    with Server("udp://*:0", "--threads", 1, engine=engine, prefix=wire.prefix) as server:
        for _ in range(2):
            with stopped(server):
                for _ in range(10):
                    wire.send(udp_packet((peer, 4000), (own, server.port()), bytes(1400)))
            wait_until(lambda: counters_of(server)["datagrams_sent"] % 10 == 0, "all are sent")
        counters = counters_of(server)
        assert counters["datagrams_sent"] == 20
        assert counters["datagrams_lost"] == 0


@contextlib.contextmanager
def shut(wire, server):
    """The interface takes next to nothing, and the server has found that out."""
    try:
        wire.do("tc qdisc add dev wire root tbf rate 8bit burst 2000 limit 100000000")
    except AssertionError as why:
        pytest.skip(f"no queue that can be shut: {why}")
    asked = 0
    while not re.search(r"^sendmmsg\(.*= -1 EAGAIN", server.stderr, re.MULTILINE):
        assert asked < 100_000
        for _ in range(100):
            wire.send(udp_packet((PEER, 4000), (OWN, server.port()), QUESTION))
        asked += 100
    yield
    wire.do("tc qdisc del dev wire root")  # what it held is gone, what waited for it is not


QUESTION = random_bytes(1000)
# One line: asks once on loopback.
ASK = ("import socket, sys; sock = socket.socket(type=getattr(socket, sys.argv[2])); "
       "sock.settimeout(20); sock.connect((\"127.0.0.1\", int(sys.argv[1]))); "
       "sock.send(b\"hello\"); assert sock.recv(10) == b\"hello\"")


def test_answers_wait_while_the_way_is_shut(wire, engine):
    """Nothing is received meanwhile, so what waits is bounded; and all of it leaves later."""
    with Server("udp4://*:0", "--threads", 1, "--trace", engine=engine,
                prefix=wire.prefix) as server:
        with shut(wire, server):
            counters = counters_of(server)
            before = server.stderr.count("mmsg(")
            for _ in range(100):
                wire.send(udp_packet((PEER, 4000), (OWN, server.port()), QUESTION))
            assert counters_of(server) == counters
            assert server.stderr.count("mmsg(") == before  # no call is made in vain
            waiting = counters["datagrams_received"] - counters["datagrams_sent"]
            assert waiting > 0
            assert counters["datagrams_lost"] == 0
        for _ in range(waiting):
            assert payload_of(wire.receive()) == QUESTION
        wait_until(lambda: (now := counters_of(server))["datagrams_sent"] ==
                   now["datagrams_received"] > counters["datagrams_received"], "all have left")
        assert counters_of(server)["datagrams_lost"] == 0
        assert server.stop() == 0


def test_a_socket_that_waits_stops_no_other(wire, engine):
    with Server("udp4://*:0", "tcp://*:0", "udp4://127.0.0.1:0", "--threads", 1, "--trace",
                engine=engine, prefix=wire.prefix) as server:
        with shut(wire, server):
            for index in (1, 2):
                kind = "SOCK_STREAM" if index == 1 else "SOCK_DGRAM"
                wire.do(f"{sys.executable} -c '{ASK}' {server.port(index)} {kind}")




def test_the_end_does_not_wait_for_a_way_that_is_shut(wire, engine):
    with Server("udp4://*:0", "--threads", 1, "--trace", engine=engine,
                prefix=wire.prefix) as server:
        with shut(wire, server):
            assert server.stop() == 0
