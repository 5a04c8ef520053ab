"""meari serve, promise 7: which UDP peers are answered. Senders are forged, in a network of the test's own."""

import socket
import time

import pytest

from meari import ANSWER_S, Server
from procfs import counters_of, wait_until
from test_serve_datagrams import ask, forged_datagram, raw, udp  # noqa: F401 (raw is a fixture)
from test_serve_manager import activated
from wire import OWN, OWN6, Wire, payload_of, udp_packet

CLIENT = ("192.0.2.9", 40000)
CLIENT6 = ("2001:db8::9", 40000)


@pytest.fixture
def wired(engine):
    """A server in a network of its own, and a way in for datagrams with any sender."""
    with Wire() as wire, Server("udp://*:5000", "--threads", 1, engine=engine,
                                prefix=wire.prefix) as server:
        yield wire, server


def refused(wire, server, *packets):
    """None is answered, neither to the wire nor to anybody inside."""
    before = counters_of(server)
    for packet in packets:
        wire.send(packet)
    # What comes last is answered, so the others have been looked at.
    wire.send(udp_packet(CLIENT, (OWN, 5000), b"last"))
    assert payload_of(wire.receive()) == b"last"
    after = counters_of(server)
    assert after["datagrams_sent"] - before["datagrams_sent"] == 1
    return after["datagrams_refused"] - before["datagrams_refused"]


def test_clients_are_answered(wired):
    wire, _ = wired
    for source, target in (CLIENT, OWN), (CLIENT6, OWN6):
        wire.send(udp_packet(source, (target, 5000), b"hello"))
        assert payload_of(wire.receive()) == b"hello"


def test_the_unspecified_address_is_nobody(wired):
    """Answered, it would be delivered to ::1, to services that trust it."""
    wire, server = wired
    assert refused(wire, server, udp_packet(("::", 40000), (OWN6, 5000), b"x"),
                   udp_packet(("::", 5001), (OWN6, 5000), b"x")) == 2
    assert "not answered udp://[::]:40000: that is not the address of one host" in server.stderr


def test_our_own_address_from_outside_is_forged(wired):
    """The kernel drops such IPv4 packets, not those of IPv6."""
    wire, server = wired
    assert refused(wire, server, udp_packet((OWN6, 40000), (OWN6, 5000), b"x")) == 1
    assert f"not answered udp://[{OWN6}]:40000: that is this machine" in server.stderr


def test_an_address_that_came_later_is_ours_too(wired):
    wire, server = wired
    late = "2001:db8::77"
    wire.send(udp_packet((late, 40000), (OWN6, 5000), b"not yet ours"))
    assert payload_of(wire.receive()) == b"not yet ours"
    wire.do(f"ip address add {late}/64 dev wire nodad")
    deadline = time.monotonic() + ANSWER_S
    while counters_of(server)["datagrams_refused"] == 0:  # the kernel tells; read once a second
        wire.send(udp_packet((late, 40000), (OWN6, 5000), b"ours"))
        assert time.monotonic() < deadline


def test_groups_are_no_senders(wired):
    wire, server = wired
    refused(wire, server, udp_packet(("ff02::1", 40000), (OWN6, 5000), b"x"),
            udp_packet(("192.0.2.255", 40000), (OWN, 5000), b"x"),
            udp_packet(("224.0.0.1", 40000), (OWN, 5000), b"x"),
            udp_packet(("255.255.255.255", 40000), (OWN, 5000), b"x"))


def test_ports_where_servers_are_get_so_many_answers_a_second(wired):
    """A loop with another echo server, as it looks from here: what we send comes back at once, from its port."""
    wire, server = wired
    peer, count, began = ("192.0.2.9", 5001), 0, time.monotonic()
    wire.send(udp_packet(peer, (OWN, 5000), b"round and round"))
    while time.monotonic() - began < 1:
        # One is always on its way: what is not answered is sent again, as another loop would.
        for _ in range(20):
            wire.send(udp_packet(peer, (OWN, 5000), b"round and round"))
        # Clients are not slowed by it.
        wire.send(udp_packet(CLIENT, (OWN, 5000), b"client"))
        while payload_of(wire.receive()) != b"client":
            count += 1
    elapsed = time.monotonic() - began
    assert count <= 1000 * (elapsed + 1)
    assert count >= 500
    assert "not always answered udp://192.0.2.9:5001: a server may be on that port" in server.stderr
    assert server.stderr.count("a server may be on that port") == 1


def test_the_rate_is_an_option(engine):
    with Wire() as wire, Server("udp://*:5000", "--threads", 1, "--fixed-port-rate", 0,
                                engine=engine, prefix=wire.prefix) as server:
        wire.send(udp_packet(("192.0.2.9", 5001), (OWN, 5000), b"x"))
        wire.send(udp_packet(CLIENT, (OWN, 5000), b"client"))
        assert payload_of(wire.receive()) == b"client"
        assert counters_of(server)["datagrams_limited"] == 1


def test_two_servers_of_one_machine_do_not_loop(raw, engine):  # noqa: F811
    """By one forged datagram: each would take the other for a client."""
    with Server("udp://127.0.0.1:6001", "--threads", 1, engine=engine) as one, \
            Server("udp://127.0.0.1:6002", "--threads", 1, engine=engine) as two:
        first, second = ("127.0.0.1", 6001), ("127.0.0.1", 6002)
        raw.sendto(forged_datagram(first, second, b"to and fro"), second)
        raw.sendto(forged_datagram(second, first, b"to and fro"), first)
        wait_until(lambda: counters_of(one)["datagrams_refused"] == 1 ==
                   counters_of(two)["datagrams_refused"], "both have refused it")
        with udp() as other:
            for where in first, second:
                assert ask(other, b"hello", where)[0] == b"hello"
        assert counters_of(one)["datagrams_received"] == 2


# ---- what whoever handed the socket over has asked for ----


def all_controls(sock):
    """As Timestamping=ns, PassPacketInfo=yes and more of systemd."""
    for level, option in ((socket.SOL_SOCKET, 35), (socket.SOL_SOCKET, 40), (socket.IPPROTO_IP, 12),
                          (socket.IPPROTO_IP, 13), (socket.IPPROTO_IP, 20), (socket.IPPROTO_IPV6, 51),
                          (socket.IPPROTO_IPV6, 66), (socket.IPPROTO_IPV6, 74)):
        try:
            sock.setsockopt(level, option, 1)
        except OSError:
            pass  # not of that family


@pytest.mark.parametrize("both", [False, True])
def test_more_control_messages_than_we_asked_for(engine, both):
    family, name = (socket.AF_INET6, ("::", 0)) if both else (socket.AF_INET, ("0.0.0.0", 0))
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        if both:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(name)
        all_controls(sock)
        with activated([sock], "x", engine=engine) as server, udp() as peer:
            for host in "127.0.0.9", "127.0.0.1":
                where = (host, sock.getsockname()[1])
                assert ask(peer, host.encode(), where) == (host.encode(), where)
            # To everybody: the answer to that is not ours to give.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            peer.sendto(b"all", ("127.255.255.255", sock.getsockname()[1]))
            wait_until(lambda: counters_of(server)["datagrams_refused"] == 1, "it is refused")
            assert counters_of(server)["datagrams_sent"] == 2
