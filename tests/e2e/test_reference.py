"""The reference itself: it does what it says, or what is measured by it would prove nothing."""

import collections
import random
import socket
import time

import pytest

import meari
from reference import Echo, Histogram, at_rank
from test_hdrlog import PEER, call


def tcp_client(echo):
    peer = socket.create_connection(("127.0.0.1", echo.port), timeout=meari.ANSWER_S)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def udp_client(echo):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(meari.ANSWER_S)
    peer.connect(("127.0.0.1", echo.port))
    return peer


def message(number):
    return number.to_bytes(16, "big") + random.Random(number).randbytes(48)


def test_streams_come_back_whole():
    data = random.Random(1).randbytes(64 * 500)
    with Echo("tcp", bytes=64) as echo, tcp_client(echo) as peer:
        peer.sendall(data)
        assert meari.receive_exactly(peer, len(data)) == data
    assert echo.told["messages"] == echo.told["good"] == 500


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_delays_are_those_of_the_cards(kind):
    """Each of 200 answers takes at least what its card says, and the cards are the ones given."""
    took = []
    with Echo(kind, delays="1000:80,5000:15,20000:5") as echo:
        with (tcp_client if kind == "tcp" else udp_client)(echo) as peer:
            for number in range(200):
                start = time.monotonic_ns()
                peer.sendall(message(number))
                assert meari.receive_exactly(peer, 64) == message(number)
                took.append(time.monotonic_ns() - start)
    took.sort()
    for index, least_us in ((0, 1000), (160, 5000), (190, 20000)):
        assert took[index] >= least_us * 1000
    assert len(echo.told["lateness_ns"]) == 200


def test_an_answer_with_a_longer_delay_does_not_hold_up_other_datagrams():
    with Echo("udp", delays="0:1,200000:1") as echo, udp_client(echo) as peer:
        peer.send(message(0))
        peer.send(message(1))
        start = time.monotonic_ns()
        peer.recv(100)
        peer.recv(100)
        assert time.monotonic_ns() - start > 100_000_000


def test_it_stops_once():
    with Echo("tcp", stop="10:300000") as echo, tcp_client(echo) as peer:
        slow = 0
        for number in range(50):
            start = time.monotonic_ns()
            peer.sendall(message(number))
            meari.receive_exactly(peer, 64)
            slow += time.monotonic_ns() - start > 250_000_000
    assert slow == 1
    assert 300_000_000 <= echo.told["stopped_ns"]


def receive_until_quiet(peer, seconds):
    """There is no sign that no more will come: a fault may be that none does."""
    came = []
    peer.settimeout(seconds)
    try:
        while True:
            came.append(peer.recv(100))
    except TimeoutError:
        return came


def test_faults_are_those_that_it_tells():
    sent, came = 3000, []
    faults = "drop:30,twice:20,behind:20,damage:10"
    with Echo("udp", faults=faults, seed=7) as echo, udp_client(echo) as peer:
        for number in range(sent):
            peer.send(message(number))
            if number % 100 == 99:  # so many fit into any socket
                came += receive_until_quiet(peer, 0.01)
        came += receive_until_quiet(peer, 0.5)
    told = echo.told
    numbers = [int.from_bytes(one[:16], "big") for one in came]
    counts = collections.Counter(numbers)
    assert told["messages"] == sent
    assert told["drop"] == 90 and told["twice"] == 60 and told["damage"] == 30
    assert told["behind"] > 50
    assert sent - len(counts) == told["drop"] + told["still_held"]
    assert sum(count - 1 for count in counts.values()) == told["twice"]
    assert sum(one != message(number) for one, number in zip(came, numbers)) == told["damage"]
    highest, reordered, seen = -1, 0, set()
    for number in numbers:
        reordered += number < highest and number not in seen
        highest = max(highest, number)
        seen.add(number)
    assert reordered == told["behind"]


def test_damage_in_a_stream():
    with Echo("tcp", faults="damage:100") as echo, tcp_client(echo) as peer:
        damaged = 0
        for number in range(1000):
            peer.sendall(message(number))
            back = meari.receive_exactly(peer, 64)
            damaged += back != message(number)
            assert back[:16] == message(number)[:16]
    assert damaged == echo.told["damage"] == 100


def test_histograms_read_by_this_code_are_those_that_were_written():
    draw = random.Random(3)
    values = sorted(int(10 ** draw.uniform(0, 12)) for _ in range(5000))
    lines = ["interval - 0 1000 1 3600000000000 3", *(f"value {value} 1" for value in values)]
    log = call(PEER, "write", input="\n".join(lines) + "\n")
    histogram = Histogram(log.splitlines()[-1].split(",")[-1])
    assert histogram.count == len(values)
    for percent in (0.1, 50, 90, 99, 99.9, 100):
        exact = at_rank(values, percent / 100)
        assert exact <= histogram.percentile(percent) <= exact * 1.001
    for lower, upper, count in histogram.steps:
        assert count == sum(lower <= value <= upper for value in values)
    assert histogram.count_above(10 ** 6) == sum(value > 10 ** 6 for value in values)
