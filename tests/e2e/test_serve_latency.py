"""--busy-poll and --pin: what they do, and that an idle server costs nothing."""

import os
import socket

import meari
import pytest
from meari import Server, receive_exactly, run
from procfs import SANITIZER, cpu_share_while_idle, thread_names, wait_until

CPUS = sorted(os.sched_getaffinity(0))


def echo(peer, count=1):
    for _ in range(count):
        peer.sendall(b"once more")
        assert receive_exactly(peer, 9) == b"once more"


@pytest.mark.parametrize("busy_poll", ["auto", "0", "20ms"])
def test_idle_costs_nothing(engine, busy_poll):
    """Also after traffic, and with a connection that stays open."""
    with Server("tcp://127.0.0.1:0", "--threads", 1, "--busy-poll", busy_poll,
                engine=engine) as server:
        with server.connect() as peer:
            echo(peer, 200)
            assert cpu_share_while_idle(server.process.pid) < 0.1


def test_a_time_given_is_spent_looking(engine):
    with Server("tcp://127.0.0.1:0", "--threads", 1, "--busy-poll", "1m", engine=engine) as server:
        with server.connect() as peer:
            echo(peer)
            assert cpu_share_while_idle(server.process.pid) > 0.2


def test_looking_finds_everybody(engine):
    """While one connection is asked again and again, others are served and accepted."""
    with Server("tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--threads", 1, "--busy-poll", "1m",
                engine=engine) as server:
        with server.connect() as first:
            echo(first, 50)
            with server.connect() as second, \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
                echo(second, 50)
                datagrams.settimeout(meari.ANSWER_S)
                datagrams.sendto(b"and I", ("127.0.0.1", server.port(1)))
                assert datagrams.recv(100) == b"and I"
                echo(first, 50)
        assert server.stop() == 0


def test_looking_does_not_miss_the_end(engine):
    with Server("tcp://127.0.0.1:0", "--threads", 1, "--busy-poll", "1m", engine=engine) as server:
        with server.connect() as peer:
            echo(peer, 20)
            peer.shutdown(socket.SHUT_WR)
            assert peer.recv(1) == b""
        with server.connect() as peer:
            echo(peer, 20)
            meari.reset(peer)
        with server.connect() as peer:
            echo(peer)
        assert server.stop() == 0


@pytest.mark.parametrize("text", ["", "soon", "-1", "1 s", "auto1"])
def test_what_is_no_time_is_refused(text):
    result = run("serve", "--busy-poll", text)
    assert result.returncode == 2
    assert result.stderr.startswith(f"meari: --busy-poll '{text}' is neither 'auto' nor")
    assert result.stderr.count("\n") == 1


def worker_threads(pid):
    """The threads but the first, which serves nobody, and ThreadSanitizer's own, which is older than ours."""
    wait_until(lambda: {"signals", "outlet"} <= set(thread_names(pid).values()), "its helpers have their names")
    threads = sorted(thread for thread, name in thread_names(pid).items()
                     if thread != pid and name not in ("signals", "outlet"))
    return threads[1:] if SANITIZER == "thread" else threads


@pytest.mark.skipif(len(CPUS) < 2, reason="needs two processors")
def test_pinned_threads_have_processors_of_their_own(engine):
    with Server("tcp://127.0.0.1:0", "--pin", "--threads", 2, engine=engine) as server:
        found = [os.sched_getaffinity(thread) for thread in worker_threads(server.process.pid)]
        assert found == [{CPUS[0]}, {CPUS[1]}]


@pytest.mark.skipif(len(CPUS) < 2, reason="needs two processors")
def test_connections_go_to_the_thread_of_their_processor():
    """On loopback a connection comes in on the processor of whoever connects."""
    with Server("tcp://127.0.0.1:0", "--pin", "--threads", 2, "--busy-poll", 0,
                engine="epoll") as server:
        for index, cpu in enumerate(CPUS[:2]):
            threads = worker_threads(server.process.pid)
            before = [worked_ns(server.process.pid, one) for one in threads]
            os.sched_setaffinity(0, {cpu})
            try:
                for _ in range(20):
                    with server.connect() as peer:
                        echo(peer, 10)
            finally:
                os.sched_setaffinity(0, CPUS)
            worked = [worked_ns(server.process.pid, one) - then
                      for one, then in zip(threads, before)]
            assert worked[index] > 4 * worked[1 - index]  # whose start may fall into this time


def worked_ns(pid, thread):
    """For how long it has had a processor."""
    with open(f"/proc/{pid}/task/{thread}/schedstat") as status:
        return int(status.read().split()[0])
