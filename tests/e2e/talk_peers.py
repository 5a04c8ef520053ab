"""Echo services for the tests of talk, good ones and bad ones, and a terminal to talk from.

    with Peer(echo) as peer:            # or any function that is given one accepted connection
        run("talk", peer.address)

A Peer serves each connection on a thread of its own, on a loopback port of the kernel's choice.
A Terminal is a program on a pseudo terminal and what its screen would look like: `screen()` gives the
lines, `wait(text)` waits until one of them holds the text. Nothing here sleeps.
"""

import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
import unicodedata

from meari import ANSWER_S, MEARI, environment


def echo(connection):
    """A perfect echo; leaves when the client finishes."""
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def reset(connection):
    """Ends with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Peer:
    """A service on loopback that treats every connection with `serve(connection)`."""

    def __init__(self, serve, family=socket.AF_INET, host="127.0.0.1"):
        self.serve = serve
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind((host, 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.address = f"tcp://[{host}]:{self.port}" if ":" in host else f"tcp://{host}:{self.port}"
        self.peers = []  # who has connected: socket addresses
        self.go_on = threading.Event()  # for services that wait for the test's word

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.go_on.set()
        # shutdown wakes the thread in accept(), close alone would not.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, who = self.listener.accept()
            except OSError:
                return
            self.peers.append(who)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                self.serve(connection)
            except OSError:
                pass


class Datagrams:
    """A datagram service: `answer(data, number)` gives the datagrams that go back."""

    def __init__(self, answer=lambda data, number: [data], path=None):
        self.answer = answer
        self.heard = []
        self.who = None  # who sent the last of them
        if path is None:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind(("127.0.0.1", 0))
            self.address = f"udp://127.0.0.1:{self.socket.getsockname()[1]}"
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(str(path))
            self.address = f"unixgram:{path}"

    def __enter__(self):
        self.stop, self.stopping = os.pipe()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        os.close(self.stopping)
        self.thread.join()
        os.close(self.stop)
        self.socket.close()

    def _run(self):
        while True:
            if self.stop in select.select([self.socket, self.stop], [], [])[0]:
                return
            data, self.who = self.socket.recvfrom(1 << 16)
            self.heard.append(data)
            for reply in self.answer(data, len(self.heard)):
                self.socket.sendto(reply, self.who)


class Terminal:
    """`meari VERB ARGUMENTS` on a pseudo terminal of this size, and its screen."""

    def __init__(self, *arguments, verb="talk", columns=80, rows=24, **variables):
        variables.setdefault("TERM", "xterm")
        self.columns = columns
        self.raw = b""
        self.master, self.slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [MEARI, verb, *map(str, arguments)], stdin=self.slave, stdout=self.slave,
            stderr=self.slave, env=environment(**variables), start_new_session=True,
            # The terminal becomes the child's own, so that its ^C and ^Z are signals.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)

    def resize(self, columns, rows=24):
        self.columns = columns
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode() if isinstance(text, str) else text)

    def say(self, text):
        self.type(text + "\r")

    def _read(self, deadline, what):
        if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"no {what!r} within {ANSWER_S} s:\n" + "\n".join(self.screen()))
        self.raw += os.read(self.master, 1 << 16)

    def wait(self, text, times=1):
        """Until the screen shows `text` so many times."""
        deadline = time.monotonic() + ANSWER_S
        while "\n".join(self.screen()).count(text) < times:
            self._read(deadline, text)

    def wait_for(self, condition):
        deadline = time.monotonic() + ANSWER_S
        while not condition(self.screen()):
            self._read(deadline, condition)

    def end(self):
        """Waits for the program's end; gives its status, with all of its output on the screen."""
        deadline = time.monotonic() + ANSWER_S
        over = os.pidfd_open(self.process.pid)
        # It may have more to say than the pseudo terminal holds.
        while over not in (ready := select.select([self.master, over], [], [],
                                                  max(0, deadline - time.monotonic()))[0]):
            assert ready, "no end:\n" + "\n".join(self.screen())
            self.raw += os.read(self.master, 1 << 16)
        os.close(over)
        status = self.process.wait()
        while select.select([self.master], [], [], 0)[0]:
            self.raw += os.read(self.master, 1 << 16)
        return status

    def stopped(self):
        """Waits until the program has been stopped by job control."""
        assert os.WIFSTOPPED(os.waitpid(self.process.pid, os.WUNTRACED)[1])

    def restored(self):
        """Is the terminal as it was given?"""
        return termios.tcgetattr(self.slave) == self.before

    def screen(self):
        """The screen's lines: what a terminal makes of the bytes so far. Unknown escapes fail."""
        return [line.rstrip() for line in Emulator(self.columns).feed(self.raw.decode(errors="replace"))]


class Emulator:
    """As much of a terminal as libedit and talk use. A wide character takes two cells, "" is the second."""

    TOKEN = re.compile(r"\033\[([?\d;]*)([A-Za-z@])|\033[=>]|\033\(B|.", re.DOTALL)

    def __init__(self, columns):
        self.columns = columns
        self.lines = [[]]
        self.row = self.column = 0

    def feed(self, text):
        for token in self.TOKEN.finditer(text):
            if token.group(2):
                self.control(token.group(2), token.group(1))
            elif len(token.group()) == 1:
                self.put(token.group())
        return ["".join(line) for line in self.lines]

    def line(self):
        while self.row >= len(self.lines):
            self.lines.append([])
        return self.lines[self.row]

    def put(self, c):
        if c == "\n":
            self.row += 1
            self.line()
        elif c == "\r":
            self.column = 0
        elif c == "\b":
            self.column = max(0, min(self.column, self.columns - 1) - 1)
        elif c == "\a":
            pass
        else:
            assert c >= " " and c != "\x7f", f"control {c!r} reached the terminal"
            self.cell(c, 2 if unicodedata.east_asian_width(c) in "WF" else 1)

    def cell(self, c, width):
        if self.column + width > self.columns:
            self.row += 1
            self.column = 0
        line = self.line()
        line.extend(" " * (self.column + width - len(line)))
        line[self.column:self.column + width] = [c, ""][:width]
        self.column += width

    def control(self, kind, argument):
        if kind in "mhlr":
            return
        n = int(argument or 0)
        line = self.line()
        if kind == "A":
            self.row = max(0, self.row - max(n, 1))
        elif kind == "C":
            self.column += max(n, 1)
        elif kind == "D":
            self.column = max(0, self.column - max(n, 1))
        elif kind == "G":
            self.column = max(n, 1) - 1
        elif kind == "K":
            assert n == 0
            del line[self.column:]
        elif kind == "J":
            assert n == 0
            del line[self.column:]
            del self.lines[self.row + 1:]
        elif kind == "P":
            del line[self.column:self.column + max(n, 1)]
        elif kind == "@":
            line[self.column:self.column] = " " * max(n, 1)
        else:
            raise AssertionError(f"unknown escape {kind!r}")
