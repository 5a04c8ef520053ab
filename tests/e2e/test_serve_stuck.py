"""meari serve beside those who do not do their part: a log that nobody reads, a --ready-fd that nobody
reads, a thread that hangs. It goes on serving, and it ends when it is told to.
"""

import json
import os
import re
import select
import signal
import subprocess
import time

import pytest

from meari import ANSWER_S, MEARI, Server, connect, environment, receive_exactly
from procfs import state, wait_until
from tracing import hanging_thread, needs_no_sanitizer, wait_for

END_S = 15


def echo(peer, payload=b"are you there?"):
    peer.sendall(payload)
    return receive_exactly(peer, len(payload)) == payload


class Unread:
    """A server whose standard error is a pipe that is full: nobody reads it unless .read() is called."""

    def __init__(self, *arguments, engine):
        self.arguments = [MEARI, "serve", *map(str, arguments), "--engine", engine]

    def __enter__(self):
        self.log, theirs = os.pipe()
        ready, tell = os.pipe()
        self.process = subprocess.Popen(
            [*self.arguments, "--ready-fd", str(tell)], pass_fds=(tell,), env=environment(),
            stdin=subprocess.DEVNULL, stderr=theirs)
        os.close(tell)
        with os.fdopen(ready) as pipe:
            self.addresses = pipe.read().splitlines()
        self.filler = theirs
        return self

    def fill(self):
        """By whoever shares it: not even one line fits now."""
        poll = select.poll()
        poll.register(self.filler, select.POLLOUT)
        while poll.poll(0):
            os.write(self.filler, b"." * 4095 + b"\n")

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for fd in (self.log, self.filler):
            if fd is not None:
                os.close(fd)

    def read(self):
        """What is there, to the end: the server must have ended, or be about to."""
        os.close(self.filler)
        self.filler = None
        parts = []
        while chunk := os.read(self.log, 1 << 16):
            parts.append(chunk)
        return b"".join(parts).decode()


@pytest.mark.parametrize("scheme", ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"])
def test_a_log_that_nobody_reads_stops_nobody(engine, scheme):
    with Unread(scheme, "-v", "--trace", "--threads", 2, "--drain", "0", engine=engine) as server, \
            connect(server.addresses[0]) as before:
        assert echo(before)
        server.fill()
        for turn in range(300):
            with connect(server.addresses[0]) as peer:
                assert echo(peer)
        assert echo(before)
        began = time.monotonic()
        server.process.terminate()
        assert server.process.wait(ANSWER_S) == 0
        assert time.monotonic() - began < END_S


def test_what_was_left_out_is_told(engine):
    """The reader is away for a while: what it missed is one gap, and the gap has a number."""
    with Unread("tcp://127.0.0.1:0", "-v", "--threads", 1, "--drain", "0", engine=engine) as server:
        server.fill()
        count = 12_000  # some 1.3 MB of lines
        for _ in range(count):
            with connect(server.addresses[0]) as peer:
                assert echo(peer)  # or a slow server has few of them to tell of when it ends
        server.process.terminate()
        text = server.read()
        assert server.process.wait(ANSWER_S) == 0
    lines = [line for line in text.splitlines() if not line.startswith(".")]
    left_out = re.findall(r"^meari: (\d+) lines were left out here: the log was not being read$", text, re.M)
    assert len(left_out) >= 1
    # Each connection is told twice, but for the last ones that may have been cut before they were accepted.
    told = sum("accepted" in line or "closed" in line for line in lines)
    assert 2 * count - 10 <= told + sum(map(int, left_out)) <= 2 * count + 10


def test_nothing_is_lost_with_a_reader(engine):
    with Server("tcp://127.0.0.1:0", "-v", "--threads", 2, engine=engine) as server:
        for _ in range(1000):
            with server.connect() as peer:
                assert echo(peer)
        assert server.stop() == 0
    lines = server.stderr.splitlines()
    assert sum("accepted" in line for line in lines) == 1000
    assert sum("closed" in line for line in lines) == 1000
    assert lines[0].startswith("meari: echoing on") and lines[-1].startswith("meari: ended;")


def test_a_json_log_tells_its_gaps_too(engine):
    with Unread("tcp://127.0.0.1:0", "-v", "--log-format", "json", "--threads", 1, "--drain", "0",
                engine=engine) as server:
        server.fill()
        for _ in range(6000):
            with connect(server.addresses[0]) as peer:
                assert echo(peer)
        server.process.terminate()
        text = server.read()
        assert server.process.wait(ANSWER_S) == 0
    events = [json.loads(line) for line in text.splitlines() if not line.startswith(".")]
    gaps = [event for event in events if event["event"] == "lines_left_out"]
    assert gaps and all(gap["lines"] > 0 and gap["level"] == "warning" for gap in gaps)


def test_the_log_is_full_from_the_start(engine):
    ours, theirs = os.pipe()
    ready, tell = os.pipe()
    poll = select.poll()
    poll.register(theirs, select.POLLOUT)
    while poll.poll(0):
        os.write(theirs, b"." * 4096)
    process = subprocess.Popen(
        [MEARI, "serve", "tcp://127.0.0.1:0", "--engine", engine, "--ready-fd", str(tell)],
        pass_fds=(tell,), env=environment(), stdin=subprocess.DEVNULL, stderr=theirs)
    os.close(tell)
    try:
        with os.fdopen(ready) as pipe:
            address = pipe.read().strip()
        with connect(address) as peer:
            assert echo(peer)
        process.terminate()
        assert process.wait(ANSWER_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def test_a_reader_that_shares_o_nonblock_misses_nothing(engine):
    """Standard error may be anybody's terminal or pipe: non-blocking is not an error."""
    with Unread("tcp://127.0.0.1:0", "-v", "--threads", 1, "--drain", "0", engine=engine) as server:
        os.set_blocking(server.filler, False)
        server.fill()
        for _ in range(500):
            with connect(server.addresses[0]) as peer:
                assert echo(peer)
        server.process.terminate()
        text = server.read()
        assert server.process.wait(ANSWER_S) == 0
    assert text.count("meari: accepted") == 500 and "left out" not in text


def test_ready_fd_that_nobody_reads_stops_nobody(engine, tmp_path):
    """More addresses than a pipe can hold: the server does not wait for its reader."""
    ready, tell = os.pipe()
    poll = select.poll()
    poll.register(tell, select.POLLOUT)
    while poll.poll(0):
        os.write(tell, b"." * 4096)
    path = tmp_path / "echo"
    process = subprocess.Popen(
        [MEARI, "serve", f"unix:{path}", "--engine", engine, "--ready-fd", str(tell)],
        pass_fds=(tell,), env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.close(tell)
    try:
        assert b"echoing on" in process.stderr.readline()
        with connect(f"unix:{path}") as peer:
            assert echo(peer)
        # The reader comes late, and finds everything.
        with os.fdopen(ready, "rb") as pipe:
            assert pipe.read().strip(b".").decode() == f"unix:{path}\n"
        process.terminate()
        assert process.wait(ANSWER_S) == 0
        assert not path.exists()
    finally:
        process.kill()
        process.communicate()


# ---- signals ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP])
def test_a_signal_as_soon_as_something_is_open(engine, tmp_path, number):
    """The socket's file is there, but nothing else yet: what was opened is closed in order."""
    deny = tmp_path / "deny"
    deny.write_text("192.0.2.0/24\n")
    path = tmp_path / "echo"
    process = subprocess.Popen(
        [MEARI, "serve", f"unix:{path}", "--deny", f"@{deny}", "--engine", engine],
        env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while not path.exists():
            assert process.poll() is None
        process.send_signal(number)
        if number in (signal.SIGUSR1, signal.SIGHUP):
            wanted = "counters:" if number == signal.SIGUSR1 else "read again"
            while wanted not in process.stderr.readline():
                assert process.poll() is None
            process.terminate()
        assert process.wait(ANSWER_S) == 0
        assert not path.exists()
    finally:
        process.kill()
        process.communicate()


@needs_no_sanitizer
def test_a_thread_that_hangs_does_not_keep_the_second_signal():
    """The process is dead then; it stays a zombie until the thread's tracer, which we are, has let go of it."""
    with Server("tcp://127.0.0.1:0", "--threads", 2, "--drain", "0", engine="epoll") as server, \
            hanging_thread(server.process.pid) as stuck:
        pid = server.process.pid
        server.process.send_signal(signal.SIGINT)
        server.process.terminate()  # two of one kind at once would be one
        server.wait_stderr("it did not end in time after signal 15; the process is ended now")
        wait_until(lambda: state(pid) == "Z", "it has ended")
        wait_for(stuck)
        assert server.wait() == 128 + signal.SIGTERM
