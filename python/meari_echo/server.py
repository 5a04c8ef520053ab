"""One echo server, from its start to its end: a process of its own, in a folder of its own.

Contract: serve() returns when every address accepts (`--ready-fd`); nothing sleeps or guesses a port. stop() ends
that process, and only that one, and waits for it; a server that had ended by itself, or ends with an error, raises EchoError,
whose text has its log. Times are bounds for what should take a moment: when one is over, that is an error.
"""

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

from .control import Control
from .program import find_program

DEFAULT_ADDRESS = "tcp://127.0.0.1:0"
START_S = 20
STOP_S = 20
WAIT_S = 10
# One thread: what a test sees does not depend on which of them has accepted. No time to drain: the test is over. No
# sandbox, whose walls take a millisecond to build: the test is the only client. Nor a locale to be loaded.
OPTIONS = ("--threads", "1", "--drain", "0", "--no-sandbox", "-v")
ENVIRONMENT = {"LC_ALL": "C", "LANGUAGE": "en"}
POLL_S = 0.001
LOG_BYTES = 64 << 10
MOST_FOLDER_BYTES = 80


def make_folder():
    """One with room for the name of a socket in 107 bytes (unix(7)), however deep TMPDIR is."""
    folder = tempfile.mkdtemp(prefix="meari-")
    if len(os.fsencode(folder)) <= MOST_FOLDER_BYTES:
        return folder
    os.rmdir(folder)
    return tempfile.mkdtemp(prefix="meari-", dir="/tmp")


class EchoError(AssertionError):
    """The server did not do its part; the text says what, and shows its log."""


class EchoServer:
    """A running server.

    address      the first address, as "tcp://127.0.0.1:40123"; addresses has all of them
    host, port   of the first address; for a Unix address both are None, and path is the socket's
    counters     what it has counted so far, by name: {"connections_accepted": 1, ...}
    faults       for each address its faults, and how often each kind was done
    connections  those that are open: [{"peer": "tcp://127.0.0.1:50000", "received_bytes": 5}]
    log          what it has written so far
    """

    def __init__(self, *addresses, options=(), program=None):
        self.addresses = []
        self._process = self._pidfd = None
        self._folder = make_folder()
        self._control = Control(os.path.join(self._folder, "control"), WAIT_S)
        wanted = [address.replace("{folder}", self._folder) for address in addresses or (DEFAULT_ADDRESS,)]
        self.command = [program or find_program(), "serve", *OPTIONS, "--control", self._folder + "/control",
                        *map(str, options), *wanted]
        try:
            self._start()
        except BaseException:
            self._kill()
            self._clean_up()
            raise

    # ---- where it is ----

    @property
    def address(self):
        return self.addresses[0]

    @property
    def host(self):
        return self.endpoint()[0]

    @property
    def port(self):
        return self.endpoint()[1]

    @property
    def path(self):
        """Of the first address, if it is a Unix one; an abstract name begins with a NUL, as socket.connect() takes it."""
        scheme, _, rest = self.address.partition(":")
        if not scheme.startswith("unix"):
            return None
        rest = re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), rest)
        return "\0" + rest[1:] if rest.startswith("@") else rest

    def endpoint(self, index=0):
        """(host, port) of an address; (None, None) for a Unix one."""
        found = re.fullmatch(r"\w+://\[?(.*?)\]?:(\d+)", self.addresses[index])
        return (found[1], int(found[2])) if found else (None, None)

    @property
    def pid(self):
        return self._process.pid

    # ---- what it does ----

    @property
    def counters(self):
        return self._ask("counters")["counters"]

    @property
    def faults(self):
        return self._ask("faults")["listeners"]

    @property
    def connections(self):
        return self._ask("connections")["connections"]

    def wait_for(self, timeout=WAIT_S, **least):
        """Waits until each of these counters is at least so much, and gives all of them.

        What a client has done takes a moment to be seen. A counter that does not exist is a KeyError at once.
        """
        until = time.monotonic() + timeout
        while True:
            late = time.monotonic() >= until
            counters = self.counters
            missing = {name: counters[name] for name, value in least.items() if counters[name] < value}
            if not missing:
                return counters
            if late:
                wanted = ", ".join(f"{name}={least[name]}" for name in missing)
                seen = ", ".join(f"{name}={value}" for name, value in missing.items())
                raise self._error(f"waited {timeout} s for {wanted}, and it has counted {seen}")
            time.sleep(POLL_S)

    @property
    def log(self):
        """The newest part, if it is long."""
        try:
            with open(self._folder + "/log", "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - LOG_BYTES))
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return self._last_log

    # ---- the end ----

    def stop(self):
        """Ends it. Once is enough; more often does no harm."""
        if self._process is None:
            return
        self._control.close()
        early = self._process.poll()
        try:
            if early is None:
                self._process.send_signal(signal.SIGTERM)
                if not self._ends_within(STOP_S):
                    raise self._error(f"has not ended {STOP_S} s after SIGTERM; it is killed")
            if early is not None or self._process.returncode != 0:
                how = "had ended before it was stopped" if early is not None else "has ended"
                raise self._error(f"{how}, with status {self._process.returncode}")
        finally:
            self._kill()
            self._clean_up()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    # ---- inside ----

    _last_log = ""

    def _start(self):
        ready, tell = os.pipe()
        try:
            with open(self._folder + "/log", "wb") as log:
                self._process = subprocess.Popen(
                    [*self.command, "--ready-fd", str(tell)], pass_fds=(tell,), stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **ENVIRONMENT})
            os.close(tell)
            tell = None
            self._read_addresses(ready)
        finally:
            os.close(ready)
            if tell is not None:
                os.close(tell)

    def _read_addresses(self, ready):
        told, until = b"", time.monotonic() + START_S
        poll = select.poll()
        poll.register(ready, select.POLLIN)
        while poll.poll(max(0, until - time.monotonic()) * 1000):
            piece = os.read(ready, 65536)
            if not piece:
                self.addresses = told.decode("utf-8", "surrogateescape").splitlines()
                if not self.addresses:
                    self._process.wait()
                    raise self._error(f"did not start (status {self._process.returncode})")
                return
            told += piece
        raise self._error(f"was not ready after {START_S} s")

    def _ask(self, word):
        if self._process is None:
            raise EchoError("this server has been stopped")
        try:
            answer = self._control.ask(word)
        except Exception as error:
            raise self._error(str(error)) from error
        if answer.get("silent_threads"):
            raise self._error("its thread does not answer: these figures would be old")
        return answer

    def _ends_within(self, seconds):
        """subprocess would look again and again; a descriptor of the process is ready when it has ended (Linux 5.3)."""
        with contextlib.suppress(OSError, AttributeError):
            self._pidfd = os.pidfd_open(self._process.pid)
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            if not poll.poll(seconds * 1000):
                return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def _kill(self):
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def _clean_up(self):
        self._last_log = self.log
        self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _error(self, what):
        return EchoError(f"{' '.join(self.command)}\n{what}; its log:\n{self.log}")


def serve(*addresses, options=(), program=None):
    """Starts a server at these addresses (default: tcp://127.0.0.1:0), each perhaps with faults behind it.

    `options` are more of `meari serve`; in an address, {folder} stands for a folder of this server's own, for Unix
    sockets. `program` is where meari is (default: MEARI_PROGRAM, or PATH). Use it in a with statement, or call stop().
    """
    return EchoServer(*addresses, options=options, program=program)
