"""meari talk, each way in with each way out: every byte once, whether it was copied or passed on in the kernel."""

import contextlib
import fcntl
import os
import pty
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import termios
import threading
import tty

import pytest

from meari import ANSWER_S, MEARI, SANITIZER, Server, environment, random_bytes
from talk_peers import Peer, echo, reset

LENGTH = 3_000_017
TERMINAL_LENGTH = 3_000  # a terminal that nobody empties holds some 4 KiB
PIPE_MOST = 256 << 10  # what talk enlarges a pipe to


def feed(write, data, close):
    def run():
        with contextlib.suppress(OSError):
            write(data)
        close()

    threading.Thread(target=run, daemon=True).start()


@contextlib.contextmanager
def source(kind, data, tmp_path):
    """A descriptor to read `data` from."""
    if kind == "pipe":
        end, other = os.pipe()
        file = open(other, "wb", buffering=0)
        feed(lambda all_of_it: [file.write(all_of_it[i:i + 7001]) for i in range(0, len(all_of_it), 7001)], data,
             file.close)
    elif kind == "file":
        (tmp_path / "in").write_bytes(data)
        end = os.open(tmp_path / "in", os.O_RDONLY)
    elif kind == "null":
        end = os.open("/dev/null", os.O_RDONLY)
    elif kind == "socket":
        left, right = socket.socketpair()
        end = left.detach()
        feed(right.sendall, data, right.close)
    else:
        master, end = pty.openpty()
        attributes = termios.tcgetattr(end)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(end, termios.TCSANOW, attributes)
        feed(lambda all_of_it: os.write(master, all_of_it + b"\n\x04"), data, lambda: None)
    try:
        yield end
    finally:
        os.close(end)
        if kind == "terminal":
            os.close(master)


class Copy:
    """A descriptor to write to; `taken()` is what came out of it, after the end."""

    def __init__(self, kind, tmp_path):
        self.kind, self.path = kind, tmp_path / "out"
        self.got, self.thread = bytearray(), None
        if kind in ("file", "append"):
            self.path.write_bytes(b"before" if kind == "append" else b"")
            self.fd = os.open(self.path, os.O_WRONLY | (os.O_APPEND if kind == "append" else 0))
        elif kind == "null":
            self.fd = os.open("/dev/null", os.O_WRONLY)
        else:
            if kind == "pipe":
                self.other, self.fd = os.pipe()
            elif kind == "socket":
                self.other, self.fd = (one.detach() for one in socket.socketpair())
            else:
                self.other, self.fd = pty.openpty()
                tty.setraw(self.fd)
            self.thread = threading.Thread(target=self._read, daemon=True)
            self.thread.start()

    def _read(self):
        with contextlib.suppress(OSError):  # EIO: the terminal's other side is closed
            while data := os.read(self.other, 1 << 16):
                self.got += data

    def taken(self):
        os.close(self.fd)
        if self.thread is not None:
            self.thread.join(ANSWER_S)
            os.close(self.other)
            return bytes(self.got)
        return self.path.read_bytes() if self.kind in ("file", "append") else None


def talk(*arguments, stdin, stdout, **options):
    return subprocess.run([MEARI, "talk", *arguments], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                          env=environment(), timeout=60, **options)


@pytest.mark.parametrize("verify", [(), ("--verify",)], ids=["", "verify"])
@pytest.mark.parametrize("out", ["pipe", "file", "append", "null", "socket", "terminal"])
@pytest.mark.parametrize("into", ["pipe", "file", "null", "socket", "terminal"])
def test_each_way_in_and_out(into, out, verify, tmp_path):
    if into == out == "terminal":
        pytest.skip("between two terminals it is a conversation by hand")
    length = TERMINAL_LENGTH if "terminal" in (into, out) else LENGTH
    data = b"" if into == "null" else random_bytes(length)
    if into == "terminal":  # which takes lines of text
        data = bytes(33 + byte % 90 for byte in data)
    expected = data + b"\n" if into == "terminal" else data
    with Peer(echo) as peer, source(into, data, tmp_path) as stdin:
        copy = Copy(out, tmp_path)
        result = talk("-v", *verify, peer.address, stdin=stdin, stdout=copy.fd)
        taken = copy.taken()
    assert result.returncode == 0, result.stderr
    assert re.search(rf"^meari: {len(expected)} bytes ", result.stderr.decode(), re.MULTILINE)
    if out != "null":
        assert taken == (b"before" if out == "append" else b"") + expected


@pytest.mark.parametrize("into", ["pipe", "file"])
@pytest.mark.parametrize("out", ["pipe", "file", "null"])
def test_each_way_over_a_unix_socket_and_our_own_server(into, out, engine, tmp_path):
    data = random_bytes(LENGTH)
    with Server(f"unix:{tmp_path}/echo", engine=engine) as server, source(into, data, tmp_path) as stdin:
        copy = Copy(out, tmp_path)
        result = talk(server.addresses[0], stdin=stdin, stdout=copy.fd)
        taken = copy.taken()
    assert (result.returncode, result.stderr) == (0, b"")
    assert out == "null" or taken == data


# That it really is passed on


def io_of(process):
    """Bytes that the process itself has read and written: splice(2) is not in there."""
    told = open(f"/proc/{process.pid}/io").read()
    return int(re.search(r"rchar: (\d+)", told)[1]), int(re.search(r"wchar: (\d+)", told)[1])


@pytest.mark.parametrize("verify", [(), ("--verify",)], ids=["", "verify"])
def test_from_pipe_to_pipe_nothing_is_copied_without_verify(verify):
    data = random_bytes(LENGTH)
    with Peer(echo) as peer, subprocess.Popen(
            [MEARI, "talk", *verify, peer.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=environment(), bufsize=0) as process:
        feed(process.stdin.write, data, lambda: None)
        got = bytearray()
        while len(got) < LENGTH:
            got += process.stdout.read(1 << 16)
        try:
            read, written = io_of(process)
        except (OSError, TypeError):
            pytest.skip("no /proc/PID/io here")
        process.stdin.close()
        assert process.wait(ANSWER_S) == 0
    assert got == data
    if verify:
        assert read > LENGTH and written >= LENGTH
    else:
        assert read < LENGTH / 2 and written < LENGTH / 2


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
@pytest.mark.skipif(SANITIZER is not None, reason="LeakSanitizer does not work under strace")
@pytest.mark.parametrize("into, out, shown", [
    ("pipe", "pipe", [r"splice\(0, NULL, \d+", r"splice\(\d+, NULL, \d+"]),
    ("file", "null", [r"sendfile\(\d+, 0, NULL", r"recvfrom\(\d+, .*MSG_TRUNC"]),
    ("pipe", "file", [r"splice\(0, NULL, \d+", r"splice\(\d+, NULL, 1,"]),
])
def test_the_calls_are_those_that_copy_nothing(into, out, shown, tmp_path):
    data = random_bytes(LENGTH)
    with Peer(echo) as peer, source(into, data, tmp_path) as stdin:
        copy = Copy(out, tmp_path)
        result = subprocess.run(
            ["strace", "-o", tmp_path / "calls", "-e",
             "trace=read,write,splice,sendfile,sendto,recvfrom,sendmsg,recvmsg", MEARI, "talk", peer.address],
            stdin=stdin, stdout=copy.fd, stderr=subprocess.PIPE, env=environment(), timeout=60)
        taken = copy.taken()
    calls = (tmp_path / "calls").read_text(errors="replace")
    if "ptrace" in result.stderr.decode() or not calls:
        pytest.skip("nothing may be traced here")
    assert result.returncode == 0, result.stderr
    assert out == "null" or taken == data
    for pattern in shown:
        assert re.search(rf"^{pattern}", calls, re.MULTILINE), calls[-2000:]
    # The end of the stream is confirmed by a recv(2) of its own; nothing else is received or sent by copying.
    moved = [int(n) for n in re.findall(r"^(?:sendto|recvfrom)\((?!.*MSG_TRUNC).* = (\d+)$", calls, re.MULTILINE)]
    assert sum(moved) == 0


# The traps


def test_urgent_data_of_the_server_is_passed_over_in_its_place():
    """splice(2) stops before the mark, and looks as if there were nothing, or the end."""
    payload = random_bytes(100_000)

    def speak(connection):
        while connection.recv(1 << 16):
            pass
        connection.sendall(payload)
        connection.send(b"!", socket.MSG_OOB)
        connection.sendall(payload)

    with Peer(speak) as peer, subprocess.Popen(
            [MEARI, "talk", "--timeout", "5s", peer.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment()) as process:
        got, told = process.communicate(b"x" * 200_001, timeout=ANSWER_S)
    assert (process.returncode, told) == (0, b"")
    assert got == payload + b"!" + payload


def test_urgent_data_before_the_end_is_not_the_end():
    """It waits at the mark with FIN behind it: there splice(2) says 0."""
    def speak(connection):
        connection.sendall(b"before")
        connection.send(b"!", socket.MSG_OOB)
        connection.shutdown(socket.SHUT_WR)
        peer.go_on.wait()

    with Peer(speak) as peer, subprocess.Popen(
            [MEARI, "talk", peer.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(), bufsize=0) as process:
        got = process.stdout.read()  # until it ends: the server has finished first
        assert process.wait(ANSWER_S) == 1
        assert b"(FIN): 0 bytes sent, 7 came back" in process.stderr.read()
    assert got == b"before!"


def test_urgent_data_with_nothing_behind_it_comes_at_once():
    """It waits at the mark of an open stream: there splice(2) says EAGAIN, and poll(2) that there is something."""
    def speak(connection):
        connection.sendall(b"before")
        connection.send(b"!", socket.MSG_OOB)
        peer.go_on.wait()

    with Peer(speak) as peer, subprocess.Popen(
            [MEARI, "talk", peer.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=environment(), bufsize=0) as process:
        got = b""
        while len(got) < 7:
            assert select.select([process.stdout], [], [], ANSWER_S)[0]
            got += process.stdout.read(100)
        process.kill()
    assert got == b"before!"


def test_a_reset_in_the_middle_is_told(tmp_path):
    def leave(connection):
        connection.recv(5000)
        reset(connection)

    for out in ("pipe", "file", "null"):
        with Peer(leave) as peer, open("/dev/zero", "rb") as zero, subprocess.Popen(
                ["head", "-c", "50000000"], stdin=zero, stdout=subprocess.PIPE) as producer:
            copy = Copy(out, tmp_path)
            result = talk(peer.address, stdin=producer.stdout, stdout=copy.fd)
            copy.taken()
        assert result.returncode == 1
        assert b"the server reset the connection (RST): " in result.stderr


def test_a_reset_after_the_servers_end_is_not_taken_for_our_reader_leaving():
    """There the kernel reports it as EPIPE, which also means a pipe without a reader."""
    gone = threading.Event()

    def leave(connection):
        peer.go_on.wait()
        connection.sendall(b"hello")
        connection.shutdown(socket.SHUT_WR)
        reset(connection)
        gone.set()

    with Peer(leave) as peer, subprocess.Popen(
            [MEARI, "talk", "-v", peer.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(), bufsize=0) as process:
        assert b"connected" in process.stderr.readline()
        process.send_signal(signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        peer.go_on.set()
        assert gone.wait(ANSWER_S)
        process.send_signal(signal.SIGCONT)
        assert process.stdout.read() == b"hello"
        assert process.wait(ANSWER_S) == 1
        assert b"the server" in process.stderr.read()


def test_pipes_of_one_page():
    """Where F_SETPIPE_SZ is refused (pipe-user-pages-soft) it goes on with what there is; short splices either way."""
    data = random_bytes(LENGTH)
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    got = bytearray()

    with Peer(echo) as peer, subprocess.Popen([MEARI, "talk", peer.address], stdin=reader, stdout=into,
                                              env=environment()) as process:
        os.close(reader)
        os.close(into)
        file = open(writer, "wb", buffering=0)
        feed(file.write, data, file.close)
        while piece := os.read(out, 1000):
            got += piece
        assert process.wait(ANSWER_S) == 0
    os.close(out)
    assert got == data


def test_an_output_file_that_begins_to_append_gets_every_byte(tmp_path):
    """The open file is shared: another process sets O_APPEND, and splice(2) is refused from then on."""
    data = random_bytes(LENGTH)
    file = os.open(tmp_path / "copy", os.O_WRONLY | os.O_CREAT)
    with Peer(echo) as peer, subprocess.Popen(
            [MEARI, "talk", peer.address], stdin=subprocess.PIPE, stdout=file, env=environment(),
            bufsize=0) as process:
        process.stdin.write(data[:1_000_000])
        while (tmp_path / "copy").stat().st_size < 1_000_000:
            select.select([], [], [], 0.001)
        fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
        process.stdin.write(data[1_000_000:])
        process.stdin.close()
        assert process.wait(ANSWER_S) == 0
    os.close(file)
    assert (tmp_path / "copy").read_bytes() == data


def test_without_descriptors_for_a_pipe_it_is_copied(tmp_path):
    """The pipe of talk's own, between socket and file, cannot be had: nothing else changes."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (6, 6))

    if SANITIZER:
        pytest.skip("a sanitizer needs descriptors of its own")
    data = random_bytes(LENGTH)
    with Peer(echo) as peer, source("file", data, tmp_path) as stdin:
        copy = Copy("file", tmp_path)
        result = talk(peer.address, stdin=stdin, stdout=copy.fd, preexec_fn=limit)
        assert (result.returncode, result.stderr, copy.taken() == data) == (0, b"", True)


def test_a_full_disk_is_told_with_what_came_back(tmp_path):
    """A file may not grow beyond a limit (EFBIG, with SIGXFSZ ignored): as with a full disk."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    with Peer(echo) as peer, source("pipe", random_bytes(LENGTH), tmp_path) as stdin:
        copy = Copy("file", tmp_path)
        result = talk(peer.address, stdin=stdin, stdout=copy.fd, preexec_fn=limit)
        copy.taken()
    assert result.returncode == 1
    assert re.search(rb"cannot write the copy: File too large \(\d+ bytes sent, \d+ came back\)", result.stderr)
    assert (tmp_path / "out").stat().st_size == 100_000


def test_two_that_read_one_pipe_share_its_bytes():
    """What another process takes out of the pipe is not waited for on the socket."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with Peer(echo) as peer, subprocess.Popen(
            [MEARI, "talk", peer.address], stdin=reader, stdout=subprocess.PIPE, env=environment(),
            bufsize=0) as process:
        taken = 0
        total = 2000
        for _ in range(total):
            os.write(writer, b"x" * 100)
            with contextlib.suppress(BlockingIOError):
                taken += len(os.read(reader, 100))
        os.close(writer)
        got = process.stdout.read()
        assert process.wait(ANSWER_S) == 0
    os.close(reader)
    assert len(got) + taken == 100 * total


def test_input_that_blocks_stays_as_it_was():
    """The pipe is shared with the shell: talk must not leave it without waiting (O_NONBLOCK)."""
    reader, writer = os.pipe()
    with Peer(echo) as peer, subprocess.Popen(
            [MEARI, "talk", peer.address], stdin=reader, stdout=subprocess.PIPE, env=environment(),
            bufsize=0) as process:
        os.write(writer, b"hello")
        assert process.stdout.read(5) == b"hello"
        assert os.get_blocking(reader) and os.get_blocking(writer)
        assert fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ) <= PIPE_MOST
        os.close(writer)
        assert process.wait(ANSWER_S) == 0
    os.close(reader)


def test_a_server_that_reads_nothing_is_silence_and_no_spin():
    """The socket is full and stays so; the wait is in poll(2)."""
    with Peer(lambda connection: peer.go_on.wait()) as peer, open("/dev/zero", "rb") as zero, subprocess.Popen(
            ["cat"], stdin=zero, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as producer, subprocess.Popen(
            [MEARI, "talk", "--timeout", "500ms", peer.address], stdin=producer.stdout,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()) as process:
        producer.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 1
        assert b"no answer for 500ms" in process.stderr.read()
        if SANITIZER is None:
            assert usage.ru_utime + usage.ru_stime < 0.4


def test_trace_shows_every_byte_as_it_always_did(tmp_path):
    with Peer(echo) as peer, source("pipe", b"hello", tmp_path) as stdin:
        result = talk("--trace", peer.address, stdin=stdin, stdout=subprocess.DEVNULL)
    assert b'send(3, "hello", 5, MSG_NOSIGNAL) = 5' in result.stderr
    assert b'recv(3, "hello", ' in result.stderr
