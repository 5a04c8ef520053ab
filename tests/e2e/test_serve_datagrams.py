"""meari serve, promise 7: one datagram in, the same datagram out, to where it came from, from the
address that it was sent to; and never into a loop of two services.
"""

import contextlib
import os
import select
import signal
import socket
import struct

import pytest

from meari import ANSWER_S, Server, endpoint, random_bytes, send_with_descriptors
from procfs import (SANITIZER, counters_of, cpu_share_while_idle, descriptor_count, resident_bytes,
                    state, thread_count, wait_until)

BYTES = random_bytes(70_000, seed=7)


def udp(family=socket.AF_INET, bound=None):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(ANSWER_S)
    if bound is not None:
        sock.bind(bound)
    return sock


def ask(sock, payload, where):
    """Sends one datagram and gives the answer and its sender."""
    sock.sendto(payload, where)
    answer, sender = sock.recvfrom(1 << 20)
    return answer, sender[:2]


@pytest.fixture(params=["udp4", "udp6", "dual-v4", "dual-v6"])
def meeting(request, engine):
    """A server, a client's socket and where it sends to."""
    scheme, family, host = {
        "udp4": ("udp://127.0.0.1:0", socket.AF_INET, "127.0.0.1"),
        "udp6": ("udp://[::1]:0", socket.AF_INET6, "::1"),
        "dual-v4": ("udp://*:0", socket.AF_INET, "127.0.0.1"),
        "dual-v6": ("udp://*:0", socket.AF_INET6, "::1"),
    }[request.param]
    with Server(scheme, engine=engine) as server, udp(family) as sock:
        yield server, sock, (host, server.port())


@pytest.mark.parametrize("length", [0, 1, 2, 1023, 1024, 1025, 1472, 1473, 9000, 65_506, 65_507])
def test_every_length_comes_back_whole(meeting, length):
    _, sock, where = meeting
    assert ask(sock, BYTES[:length], where) == (BYTES[:length], where)


def test_largest_datagram_of_ipv6(engine):
    with Server("udp://[::1]:0", engine=engine) as server, udp(socket.AF_INET6) as sock:
        answer, _ = ask(sock, BYTES[:65_527], ("::1", server.port()))
        assert answer == BYTES[:65_527]


def test_boundaries_are_kept(meeting):
    """A burst: as many answers as questions, each whole, in order."""
    _, sock, where = meeting
    sock.connect(where)
    for turn in range(50):
        questions = [BYTES[turn + i:turn + i + (i * 37) % 1200] for i in range(20)]
        for question in questions:
            sock.send(question)
        assert [sock.recv(65536) for _ in questions] == questions


def test_connected_client_gets_its_answer(meeting):
    """A connected socket takes datagrams from the address asked alone (udp(7))."""
    _, sock, where = meeting
    sock.connect(where)
    sock.send(b"hello")
    assert sock.recv(100) == b"hello"


@pytest.mark.parametrize("address", ["udp://*:0", "udp4://*:0", "udp://0.0.0.0:0"])
@pytest.mark.parametrize("threads", [1, 2])
def test_answer_comes_from_the_address_asked(engine, address, threads):
    with Server(address, "--threads", threads, engine=engine) as server, udp() as sock:
        for host in ("127.0.0.9", "127.1.2.3", "127.0.0.1"):
            where = (host, server.port())
            assert ask(sock, host.encode(), where) == (host.encode(), where)


def test_clients_do_not_get_each_others_answers(engine):
    with Server("udp://*:0", engine=engine) as server, contextlib.ExitStack() as stack:
        socks = [stack.enter_context(udp()) for _ in range(200)]
        for turn in range(3):
            for index, sock in enumerate(socks):
                sock.sendto(b"%d %d" % (turn, index), ("127.0.0.1", server.port()))
            for index, sock in enumerate(socks):
                assert sock.recv(100) == b"%d %d" % (turn, index)


def test_a_client_that_has_gone_does_not_disturb(engine):
    """Its port is closed: the kernel answers ICMP, and a later call of the server reports it."""
    with Server("udp://127.0.0.1:0", "--threads", 1, engine=engine) as server, udp() as other:
        where = ("127.0.0.1", server.port())
        for turn in range(100):
            with udp() as gone:
                gone.sendto(b"bye", where)
            assert ask(other, b"%d" % turn, where)[0] == b"%d" % turn


LOOP_PORTS = [7, 9, 11, 13, 15, 17, 18, 19, 37, 53, 69, 111, 123, 137, 138, 161, 389, 464, 500, 520,
              1900, 5353, 11211]


@pytest.mark.parametrize("address", ["udp://127.0.0.1:0", "udp://*:0", "udp://[::1]:0"])
def test_no_answer_to_ports_of_services(engine, address):
    """Datagrams from such ports are forged, or would be answered for ever (CVE-1999-0103)."""
    family, host = (socket.AF_INET6, "::1") if "::1" in address else (socket.AF_INET, "127.0.0.1")
    with Server(address, engine=engine) as server, contextlib.ExitStack() as stack:
        where = (host, server.port())
        services = []
        for port in LOOP_PORTS:
            with contextlib.suppress(OSError):  # not permitted, or somebody else's here
                services.append(stack.enter_context(udp(family, (host, port))))
        if not services:
            pytest.skip("no port of the list may be bound here (below 1024 needs privileges)")
        for service in services:
            service.sendto(b"loop", where)
        wait_until(lambda: counters_of(server)["datagrams_refused"] == len(services),
                   "all are refused")
        assert counters_of(server)["datagrams_sent"] == 0
        assert not select.select(services, [], [], 0)[0]
        told = server.stderr.count("not answered a datagram from port ")
        assert 1 <= told <= thread_count(server.process.pid), "now and then, and not each"
        with udp(family) as plain:
            assert ask(plain, b"plain", where)[0] == b"plain"


def test_no_answer_to_the_servers_own_ports(engine):
    """Whoever sends from 127.0.0.2 and a port that the server itself has may be a server, too."""
    with Server("udp://127.0.0.1:0", "udp://127.0.0.1:0", "--threads", 1, engine=engine) as server:
        for mine in (0, 1):
            with udp(bound=("127.0.0.2", server.port(mine))) as alike:
                for theirs in (0, 1):
                    alike.sendto(b"like you", ("127.0.0.1", server.port(theirs)))
                wait_until(lambda: counters_of(server)["datagrams_refused"] == 2 * mine + 2,
                           "both are refused")
                assert not select.select([alike], [], [], 0)[0]


# --- forged senders


def forged_datagram(source, destination, payload):
    """An IPv4 packet with a sender of our choice; needs CAP_NET_RAW, and stays on loopback."""
    length = 8 + len(payload)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 1, 0, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton(source[0]), socket.inet_aton(destination[0]))
    return header + struct.pack("!HHHH", source[1], destination[1], length, 0) + payload


@pytest.fixture
def raw():
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        pytest.skip("forging a sender needs CAP_NET_RAW")
    with sock:
        yield sock


@pytest.mark.parametrize("address", ["udp://127.0.0.1:0", "udp://*:0"])
def test_a_datagram_forged_as_our_own_does_not_go_round(raw, engine, address):
    """From the server, to the server: one would keep it busy until the end of time."""
    with Server(address, "--threads", 1, engine=engine) as server, udp() as other:
        where = ("127.0.0.1", server.port())
        raw.sendto(forged_datagram(where, where, b"round and round"), where)
        for _ in range(3):
            assert ask(other, b"hello", where)[0] == b"hello"
        assert cpu_share_while_idle(server.process.pid, 0.5) < 0.1


def test_two_servers_on_one_port_do_not_play_ping_pong(raw, engine):
    """The default port is the same on every machine, so a forged datagram can join two of them."""
    with Server("udp://127.0.0.1:0", "--threads", 1, engine=engine) as one:
        with Server(f"udp://127.0.0.2:{one.port()}", "--threads", 1, engine=engine) as two:
            first, second = ("127.0.0.1", one.port()), ("127.0.0.2", two.port())
            raw.sendto(forged_datagram(first, second, b"to and fro"), second)
            with udp() as other:
                for where in (first, second):
                    assert ask(other, b"hello", where)[0] == b"hello"
            assert cpu_share_while_idle(one.process.pid, 0.5) < 0.1


# --- memory


@pytest.mark.skipif(SANITIZER is not None, reason="a sanitizer's memory is not the program's")
def test_idle_sockets_share_the_memory_of_a_batch(engine):
    """Also after each has been used: what a batch needs is the thread's, not the socket's."""
    used = {}
    for count in (1, 101):
        with Server(*["udp://127.0.0.1:0"] * count, "--threads", 1, engine=engine) as server, \
                udp() as sock:
            for index in range(count):
                assert ask(sock, BYTES[:60_000], ("127.0.0.1", server.port(index)))
            used[count] = resident_bytes(server.process.pid)
    assert used[101] - used[1] < 100 * 8192


# --- what is waiting at the end


def test_datagrams_before_the_signal_are_answered(engine):
    with Server("udp://127.0.0.1:0", engine=engine) as server, udp() as sock:
        sock.connect(("127.0.0.1", server.port()))
        server.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state(server.process.pid) == "T", "the server is stopped")
        for index in range(20):
            sock.send(b"%d" % index)
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        assert [sock.recv(10) for _ in range(20)] == [b"%d" % index for index in range(20)]
        assert server.wait() == 0


# --- unix datagrams


@pytest.fixture
def unixgram(tmp_path, engine):
    """A server, and a way to make clients that are bound and connected to it."""
    with Server(f"unixgram:{tmp_path}/echo", engine=engine) as server, \
            contextlib.ExitStack() as stack:
        yield server, lambda: stack.enter_context(server.connect())


@pytest.mark.parametrize("length", [0, 1, 4096, 65_536, 200_000])
def test_unix_datagrams(unixgram, length):
    _, client = unixgram
    peer = client()
    payload = random_bytes(length)
    peer.send(payload)
    assert peer.recv(1 << 20) == payload


def test_largest_unix_datagram(unixgram):
    """512 KiB, or what the kernel lets a sender have: twice net.core.wmem_max (socket(7))."""
    _, client = unixgram
    peer = client()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    most = peer.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - 1024
    payload = random_bytes(min(most, 512 << 10))
    peer.send(payload)
    assert peer.recv(1 << 20) == payload


def test_unix_datagram_that_is_too_large_is_not_cut(unixgram):
    """Half an echo would be a false one: it is not answered, and counted as lost."""
    server, client = unixgram
    peer = client()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    try:
        peer.send(bytes((512 << 10) + 1))
    except OSError:
        pytest.skip("net.core.wmem_max allows no datagram of that size here")
    peer.send(b"small")
    assert peer.recv(1 << 20) == b"small"
    assert counters_of(server)["datagrams_lost"] == 1


def test_unix_datagrams_keep_their_boundaries(unixgram):
    _, client = unixgram
    peer = client()
    for turn in range(300):
        peer.send(b"%d" % turn)
        assert peer.recv(100) == b"%d" % turn


def test_unix_datagram_of_nobody_is_not_answered(unixgram):
    server, client = unixgram
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nobody:
        nobody.connect(endpoint(server.addresses[0])[2])  # not bound: has no address
        nobody.send(b"who am I?")
    peer = client()
    peer.send(b"I am")
    assert peer.recv(10) == b"I am"
    assert counters_of(server)["datagrams_refused"] == 1


def test_unix_datagram_peer_that_does_not_read_stops_nobody(unixgram, tmp_path):
    """Its queue is full: what does not fit is lost, as in UDP, and counted."""
    server, client = unixgram
    other = client()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        # Not connected: then its queue has the kernel's limit (net.unix.max_dgram_qlen).
        deaf.bind("")
        deaf.setblocking(False)
        for turn in range(100):
            deaf.sendto(b"%d" % turn, f"{tmp_path}/echo")
            other.send(b"%d" % turn)
            assert other.recv(10) == b"%d" % turn
        counters = counters_of(server)
        received = []
        with contextlib.suppress(BlockingIOError):
            while True:
                received.append(deaf.recv(10))
    assert received and received == [b"%d" % turn for turn in range(len(received))]
    assert counters["datagrams_received"] == 200
    assert counters["datagrams_sent"] == 100 + len(received)
    assert counters["datagrams_lost"] == 100 - len(received) > 0


def test_descriptors_passed_in_unix_datagrams_are_closed(unixgram):
    server, client = unixgram
    peer = client()
    peer.send(b"first")  # then all that the engine opens for itself is open
    assert peer.recv(10) == b"first"
    before = descriptor_count(server.process.pid)
    ours, theirs = os.pipe()
    for turn in range(20):
        send_with_descriptors(peer, b"with%d" % turn, [theirs])
        assert peer.recv(100) == b"with%d" % turn
    os.close(theirs)
    assert os.read(ours, 1) == b""
    os.close(ours)
    assert descriptor_count(server.process.pid) == before


def test_many_threads_keep_the_order_of_unix_datagrams(tmp_path, engine):
    with Server(f"unixgram:{tmp_path}/echo", "--threads", 4, engine=engine) as server:
        with server.connect() as peer:
            for _ in range(100 if SANITIZER else 500):
                for index in range(5):
                    peer.send(b"%d" % index)
                assert [peer.recv(10) for _ in range(5)] == [b"%d" % i for i in range(5)]
