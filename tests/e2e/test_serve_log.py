"""meari serve: what it tells, in its log, by --ready-fd, on SIGUSR1 and with --trace."""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess

import pytest

from meari import (ANSWER_S, MEARI, Server, ServerError, connect, environment, exchange,
                   random_bytes, receive_exactly, run)
from procfs import counters_of, wait_until

STREAM = random_bytes(1000, seed=2)
# Of limits, which test_serve_caps.py reaches.
LIMIT_COUNTERS = ["refused_by_access", "refused_by_count", "refused_by_memory", "refused_by_source",
                  "refused_by_rate", "ended_idle", "ended_old", "ended_by_access", "rate_pauses",
                  "datagrams_limited", "refused_by_proxy", "proxy_headers",
                  "bytes_dropped", "handshakes_full", "handshakes_resumed", "handshakes_failed", "streams_truncated"]
FAULT_COUNTERS = ["faults_" + kind for kind in (
    "delay", "stall", "accept_delay", "throttle", "chop", "dribble", "close", "half_close", "reset",
    "refuse", "corrupt", "drop", "truncate", "duplicate", "reorder")]


def echo(peer, payload=b"are you there?"):
    peer.sendall(payload)
    assert receive_exactly(peer, len(payload)) == payload


def test_ready_fd_tells_each_address_and_ends(engine):
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        [MEARI, "serve", "tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--ready-fd", str(theirs),
         "--engine", engine], pass_fds=(theirs,), env=environment(), stderr=subprocess.PIPE)
    os.close(theirs)
    try:
        with os.fdopen(ours) as pipe:
            lines = pipe.read().splitlines()  # ends: the server has closed it
        assert [line.split(":")[0] for line in lines] == ["tcp", "udp"]
        with connect(lines[0]) as peer:
            echo(peer)
    finally:
        process.terminate()
        process.communicate(timeout=ANSWER_S)
    assert process.returncode == 0


def test_ready_fd_that_nobody_reads_does_not_matter(engine):
    """SIGPIPE, once more."""
    ours, theirs = os.pipe()
    os.close(ours)
    process = subprocess.Popen(
        [MEARI, "serve", "tcp://127.0.0.1:0", "--ready-fd", str(theirs), "--engine", engine],
        pass_fds=(theirs,), env=environment(), stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    try:
        line = process.stderr.readline()
        with connect(re.search(r"tcp://\S+:\d+", line)[0]) as peer:
            echo(peer)
    finally:
        process.terminate()
        process.communicate(timeout=ANSWER_S)
    assert process.returncode == 0


def test_the_first_line_says_where_and_how(engine):
    with Server("tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--threads", 2, engine=engine) as server:
        assert server.wait_stderr("\n") == \
            f"meari: echoing on {', '.join(server.addresses)} (engine {engine}, 2 threads)\n"


def test_engine_auto_works():
    with Server("tcp://127.0.0.1:0", "--engine", "auto") as server, server.connect() as peer:
        echo(peer)


def test_without_v_connections_are_not_told(engine):
    with Server("tcp://127.0.0.1:0", engine=engine) as server:
        with server.connect() as peer:
            echo(peer)
        assert server.stop() == 0
        assert not re.search("accepted|closed", server.stderr)


def test_v_tells_who_came_and_how_it_ended(engine):
    with Server("tcp://127.0.0.1:0", "-v", engine=engine) as server:
        with server.connect() as peer:
            name = "tcp://127.0.0.1:%d" % peer.getsockname()[1]
            echo(peer)
        text = server.wait_stderr("closed")
        assert re.search(rf"^meari: accepted {name} \(descriptor \d+\)$", text, re.MULTILINE)
        assert re.search(rf"^meari: closed {name}: finished, 14 B in [\d.]+[num]?s$", text,
                         re.MULTILINE)
        peer = server.connect()
        echo(peer)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        server.wait_stderr("Connection reset by peer, 14 B in ")


def test_v_tells_who_a_unix_peer_is(engine, tmp_path):
    with Server(f"unix:{tmp_path}/echo", "-v", engine=engine) as server:
        with server.connect() as peer:
            echo(peer)
        text = server.wait_stderr("closed unix:")
        assert f"accepted unix:pid={os.getpid()},uid={os.getuid()} (descriptor " in text


@pytest.mark.parametrize("threads", [1, 3])
def test_sigusr1_tells_the_counters(engine, threads):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--threads",
                                            threads, "--urgent", "urgent", engine=engine))
        assert set(counters_of(server).values()) == {0}
        for _ in range(10):
            with server.connect() as peer:
                assert exchange(peer, STREAM) == STREAM
        for _ in range(5):
            peer = server.connect()
            echo(peer)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()
        last = stack.enter_context(server.connect())
        last.send(b"!", socket.MSG_OOB)
        with server.connect(1) as peer:
            for _ in range(7):
                peer.send(b"datagram")
                assert peer.recv(10) == b"datagram"
        wait_until(lambda: counters_of(server)["bytes_sent"] == 10_071, "all is sent")
        wait_until(lambda: counters_of(server)["connections_lost"] == 5, "five are lost")
        assert counters_of(server) == {
            "connections_open": 1, "connections_accepted": 16, "connections_finished": 10,
            "connections_lost": 5, "connections_cut": 0, "accept_pauses": 0,
            "bytes_received": 10_071, "bytes_sent": 10_071, "urgent_bytes": 1,
            "datagrams_received": 7, "datagrams_sent": 7, "datagrams_refused": 0,
            "datagrams_lost": 0} | dict.fromkeys(LIMIT_COUNTERS + FAULT_COUNTERS, 0)


def test_counters_are_told_while_draining(engine):
    with Server("tcp://127.0.0.1:0", "--drain", "1h", engine=engine) as server:
        with server.connect() as peer:
            echo(peer)
            server.process.send_signal(signal.SIGTERM)
            server.wait_stderr("ending:")
            assert counters_of(server)["connections_open"] == 1
        assert server.wait() == 0


def test_json_log(engine):
    with Server("tcp://127.0.0.1:0", "--log-format", "json", "-v", "--drain", "1h", engine=engine,
                ) as server:
        with server.connect() as peer:
            echo(peer)
            server.process.send_signal(signal.SIGUSR1)
            server.wait_stderr('"counters"')
            server.process.send_signal(signal.SIGTERM)
            server.wait_stderr('"draining"')
        assert server.wait() == 0
        events = [json.loads(line) for line in server.stderr.splitlines()]
        assert [event["event"] for event in events] == \
            ["started", "opened", "counters", "draining", "closed", "stopped"]
        for event in events:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["time"])
            assert event["level"] in ("info", "debug") and event["message"]
        started, opened, counters, draining, closed, stopped = events
        assert started["addresses"] == server.addresses
        assert started["engine"] == engine and started["pid"] == server.process.pid
        assert opened["peer"] == closed["peer"] and opened["peer"].startswith("tcp://127.0.0.1:")
        assert opened["fd"] == closed["fd"] > 2
        assert counters["connections_open"] == 1 and counters["bytes_sent"] == 14
        assert draining["connections_open"] == 1 and draining["drain_ns"] == 3600 * 10**9
        assert closed["reason"] == "finished" and closed["error"] is None
        assert closed["received_bytes"] == 14 and closed["duration_ns"] > 0
        assert stopped["connections_cut"] == 0 and stopped["connections_accepted"] == 1


def test_json_log_of_a_pause(engine):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(
            "tcp://127.0.0.1:0", "--log-format", "json", "--threads", 1, engine=engine,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))))
        for _ in range(40):
            stack.enter_context(server.connect())
        server.wait_stderr("ulimit")
        event = json.loads(server.stderr.splitlines()[1])
        assert (event["event"], event["level"]) == ("accept_paused", "warning")
        assert (event["error"], event["untold"]) == ("EMFILE", 0)


def test_json_log_of_a_failure():
    result = run("serve", "--log-format", "json", "tcp://192.0.2.1:0")
    assert result.returncode == 1
    event = json.loads(result.stderr)
    assert event["level"] == "error" and "192.0.2.1" in event["message"]


def test_json_log_of_odd_names(engine, tmp_path):
    """Whatever bytes a path holds, each line stays one JSON object."""
    path = os.fsencode(tmp_path) + b"/\xff\xfe\"quote\n"
    with Server("--log-format", "json", "-v", "unix:" + os.fsdecode(path), engine=engine) as server:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.bind(path + b"-peer")
            peer.connect(path)
            echo(peer)
        server.wait_stderr('"closed"')
        assert server.stop() == 0
        events = [json.loads(line) for line in server.stderr.splitlines()]
        assert [event["event"] for event in events] == ["started", "opened", "closed", "stopped"]


def test_trace_shows_the_calls(engine):
    with Server("tcp://127.0.0.1:0", "--trace", "--threads", 1, engine=engine) as server:
        with server.connect() as peer:
            name = "127.0.0.1:%d" % peer.getsockname()[1]
            echo(peer, b"hello!!\n")
        text = server.wait_stderr("close(")
        assert "listen(" in text and "bind(" in text
        accepted = re.search(rf"^accept\(\d+, {name}, 16\) = (\d+)$", text, re.MULTILINE)
        fd = accepted[1]
        assert re.search(rf'^recv\({fd}, "hello!!\\n", \d+, (0|MSG_DONTWAIT)\) = 8$', text, re.MULTILINE)
        assert re.search(rf'^send\({fd}, "hello!!\\n", 8, MSG_NOSIGNAL(\|MSG_DONTWAIT)?\) = 8$',
                         text, re.MULTILINE)
        assert f'recv({fd}, "", ' in text
        assert f"close({fd}) = 0" in text


def busy_poll_of(*options):
    """Whether a server with these options would look for more before it sleeps: yes or no."""
    shown = subprocess.run([MEARI, "serve", "--explain", *options, "tcp://127.0.0.1:0"],
                           env=environment(), capture_output=True, text=True, check=True)
    return re.search(r"^busy-poll +(yes|no) ", shown.stdout, re.MULTILINE)[1]


def test_trace_does_not_poll_unless_asked():
    """Else a server that rests for a moment writes a line for each look, thousands a second."""
    assert busy_poll_of() == "yes"
    assert busy_poll_of("--trace") == "no"
    assert busy_poll_of("--busy-poll", "auto", "--trace") == "no"
    assert busy_poll_of("--busy-poll", "50us", "--trace") == "yes"


def test_trace_shows_every_option_by_name():
    """Hints are socket calls, too; and nothing is a bare number, not even what was handed down."""
    with Server("tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--trace", "--threads", 1, "--pin",
                "--busy-poll", "50us") as server:
        assert server.stop() == 0
        options = re.findall(r"^[gs]etsockopt\(\d+, (.*)\) = ", server.stderr, re.MULTILINE)
    assert {"SO_INCOMING_CPU", "SO_BUSY_POLL", "SO_REUSEADDR"} <= {option.split(", ")[1] for option in options}
    assert [one for one in options if not re.match(r"(SOL|IPPROTO)_\w+, [A-Z0-9_]+, ", one)] == []


def test_trace_of_datagrams(engine):
    with Server("udp://127.0.0.1:0", "--trace", "--threads", 1, engine=engine) as server:
        with server.connect() as peer:
            peer.send(b"hello")
            assert peer.recv(10) == b"hello"
            name = "127.0.0.1:%d" % peer.getsockname()[1]
        text = server.wait_stderr("sendmmsg(")
        assert f'{{name={name}, iov="hello"}}' in text


def test_standard_error_that_is_gone_does_not_matter(engine):
    """Nobody is left to be told; the echo goes on."""
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        [MEARI, "serve", "-v", "tcp://127.0.0.1:0", "--ready-fd", str(theirs), "--engine", engine],
        pass_fds=(theirs,), env=environment(), stderr=subprocess.PIPE)
    os.close(theirs)
    try:
        with os.fdopen(ours) as pipe:
            address = pipe.read().strip()
        process.stderr.close()
        for _ in range(10):
            with connect(address) as peer:
                echo(peer)
    finally:
        process.terminate()
    assert process.wait(ANSWER_S) == 0


def test_an_early_end_is_told_with_the_reason(engine):
    with pytest.raises(ServerError, match="Cannot assign requested address"):
        with Server("tcp://192.0.2.1:0", engine=engine):
            pass
