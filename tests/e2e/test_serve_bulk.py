"""meari serve, bulk: it moves through pipes inside the kernel and is not copied (--no-splice), and stays exact.

A pipe that is in use, or is kept, is among the descriptors of the server: so it is seen from outside. Which traps
splice(2) has is the affair of tests/engine/test_bulk.c; here is what the options do with it.
"""

import contextlib
import errno
import os
import select
import signal
import socket
import threading

import pytest

import seccomp
from meari import ANSWER_S, Server, exchange, random_bytes, receive_all, receive_exactly, reset
from procfs import wait_until
from test_serve_explain import explain
from test_serve_upgrade import upgraded

MIB = 1 << 20
STREAM = random_bytes(8 * MIB, seed=11)


@pytest.fixture(params=["tcp", "unix"])
def stream_address(request, tmp_path):
    return "tcp://127.0.0.1:0" if request.param == "tcp" else f"unix:{tmp_path}/echo"


def pipes(pid):
    """How many descriptors of the process are ends of pipes, other than the three that it was started with."""
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found += int(name) > 2 and os.readlink(f"/proc/{pid}/fd/{name}").startswith("pipe:")
    return found


def serve(address, engine, *options):
    return Server(address, "--threads", 1, *options, engine=engine)


def converse(server, index=0):
    """An exact conversation in bulk; how many ends of pipes the server had by then, which it keeps while it lasts."""
    with server.connect(index) as peer:
        sender = threading.Thread(target=peer.sendall, args=(STREAM,), daemon=True)
        sender.start()
        assert receive_exactly(peer, len(STREAM)) == STREAM
        sender.join(ANSWER_S)
        found = pipes(server.process.pid)
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
    return found


def stuff(peer):
    """Sends without reading until nothing goes any more; how much that was."""
    sent = 0
    peer.setblocking(False)
    while sent < len(STREAM):
        try:
            sent += peer.send(STREAM[sent:sent + (1 << 18)])
        except BlockingIOError:
            _, writable, _ = select.select([], [peer], [], 0.2)
            if not writable:
                break
    peer.settimeout(ANSWER_S)
    return sent


def test_bulk_moves_by_a_pipe_within_the_sandbox(stream_address, engine):
    with serve(stream_address, engine) as server:
        assert pipes(server.process.pid) == 0
        assert converse(server) in (2, 4, 6, 8)
        wait_until(lambda: pipes(server.process.pid) == 0, "it keeps no pipe for others")
        assert server.stop() == 0


@pytest.mark.parametrize("options", [
    ["--no-splice"], ["--trace"], ["--urgent", "urgent"], ["--fault", "chop=64K"], ["--pending-total", "1M"]])
def test_what_is_looked_at_is_copied(engine, options):
    with serve("tcp://127.0.0.1:0", engine, *options) as server:
        assert converse(server) == 0


def test_a_fault_of_one_address_is_none_of_the_other(engine):
    with serve("tcp://127.0.0.1:0?fault=corrupt=1M", engine, "tcp://127.0.0.1:0") as server:
        with server.connect(0) as peer:
            received = exchange(peer, STREAM)
        assert len(received) == len(STREAM) and received != STREAM
        assert pipes(server.process.pid) == 0
        assert converse(server, 1) > 0


def test_limits_of_a_connections_life_hold_in_bulk(engine):
    """The rate is kept (it must last as long as its bytes take), and what is idle ends."""
    with serve("tcp://127.0.0.1:0", engine, "--max-rate", "32M", "--idle-timeout", "1s") as server:
        assert converse(server) > 0
        with server.connect() as peer:
            peer.settimeout(ANSWER_S)
            assert peer.recv(1) == b""


def test_a_peer_that_stops_reading_is_idle_and_is_cut(engine):
    """With bytes in a pipe: it ends with a reset, since its stream is not complete, and the pipe is gone."""
    with serve("tcp://127.0.0.1:0", engine, "--idle-timeout", "1s") as server:
        with server.connect(receive_buffer=65536) as peer:
            stuff(peer)
            errors = select.poll()
            errors.register(peer, 0)  # nothing but them
            assert errors.poll(ANSWER_S * 1000)
            with pytest.raises(ConnectionResetError):
                while peer.recv(MIB):
                    pass
        assert converse(server) > 0


def test_peers_that_die_in_bulk_cost_their_own_connection_only(stream_address, engine):
    with serve(stream_address, engine) as server:
        for _ in range(20):
            with server.connect() as peer:
                stuff(peer)
                reset(peer)
        converse(server)
        wait_until(lambda: pipes(server.process.pid) == 0, "the pipes of the dead are closed")
        assert server.stop() == 0


def test_a_drain_waits_for_bulk(engine):
    with serve("tcp://127.0.0.1:0", engine, "--drain", "60s") as server:
        with server.connect(receive_buffer=65536) as peer:
            sent = stuff(peer)
            server.process.send_signal(signal.SIGTERM)
            peer.shutdown(socket.SHUT_WR)
            assert receive_all(peer) == STREAM[:sent]
        assert server.wait() == 0


def test_an_upgrade_in_the_middle_of_bulk(engine, tmp_path):
    common = ("--upgrade", tmp_path / "upgrade", "--threads", 1, "--drain", "60s")
    with Server(*common, "tcp://127.0.0.1:0", engine=engine) as old:
        with old.connect() as peer:
            sender = threading.Thread(target=peer.sendall, args=(STREAM,), daemon=True)
            sender.start()
            first = receive_exactly(peer, MIB)
            with upgraded(old, *common, old.addresses[0], engine=engine) as new:
                converse(new)
                assert first + receive_exactly(peer, len(STREAM) - MIB) == STREAM
                sender.join(ANSWER_S)
                assert pipes(old.process.pid) > 0
                peer.close()
                assert old.wait() == 0


def test_where_a_container_forbids_it_bulk_is_copied(engine):
    forbid = seccomp.refuse("splice", errno.EPERM)
    (used, reason), = explain(preexec_fn=forbid)[0]["splice"]
    assert not used and "Operation not permitted" in reason, reason
    with Server("tcp://127.0.0.1:0", "--threads", 1, engine=engine, preexec_fn=forbid) as server:
        converse(server)
        converse(server)


def test_explain_says_whether_and_why():
    (used, reason), = explain()[0]["splice"]
    assert used and "not copied" in reason, reason
    for options, why in [(["--no-splice"], "--no-splice"), (["--trace"], "--trace"),
                         (["--urgent", "urgent"], "--urgent"), (["--pending-total", "1M"], "--pending-total")]:
        (used, reason), = explain(*options)[0]["splice"]
        assert not used and why in reason, reason


def test_a_config_may_say_so(engine, tmp_path):
    config = tmp_path / "config"
    config.write_text("no-splice\n")
    with serve("tcp://127.0.0.1:0", engine, "--config", config) as server:
        assert converse(server) == 0
