"""Starting meari from a test, and talking to it from outside.

    with Server("tcp://127.0.0.1:0", engine=engine) as server:
        with server.connect() as peer:
            peer.sendall(b"hello")
            assert receive_exactly(peer, 5) == b"hello"
        assert server.stop() == 0

Contract: a Server is ready when its `with` block is entered (it has told the address of each of its
listeners through --ready-fd; nothing here sleeps or guesses a port). Leaving the block ends it,
and only it, by its own process id. One that dies early, is not ready after READY_S or does not end
after STOP_S raises ServerError with all that it wrote to standard error.

MEARI_BUILD names the build folder (default: build), so that the same tests run under sanitizers;
MEARI_ENGINES the engines (default: all that can work here), with commas between them.
"""

import fcntl
import os
import pathlib
import random
import re
import selectors
import signal
import socket
import struct
import subprocess
import threading
import time

import secure

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("MEARI_BUILD", "build")).resolve()
MEARI = str(BUILD / "meari")

# "address" or "thread" when the program under test was built with that sanitizer. For the few tests
# that cannot work there (limits of address space, exact memory use): they skip, and say why.
SANITIZER = os.environ.get("MEARI_SANITIZER")

READY_S = 10
STOP_S = 20
# For a socket that should have answered; generous, because sanitizers are slow on a busy machine.
ANSWER_S = 20


class ServerError(AssertionError):
    """The server did not do its part; the text says what and shows its standard error."""


def environment(**changes):
    """The environment for a program under test: English, no colour, then `changes` (None removes)."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("LC_") and k not in ("LANGUAGE", "NO_COLOR", "CLICOLOR_FORCE")}
    env["LANG"] = "C.UTF-8"
    for key, value in changes.items():
        if value is None:
            env.pop(key, None)
        else:
            env[key] = str(value)
    return env


def engines():
    """The engines that the fixture `engine` stands for: MEARI_ENGINES=NAME,..., or all that can work here."""
    asked = os.environ.get("MEARI_ENGINES")
    if asked:
        return asked.split(",")
    if not os.access(MEARI, os.X_OK):
        return ["none"]  # conftest.py says so
    lines = run("serve", "--explain").stdout
    return re.findall(r"^engine-(\w+) +(?:yes +|no +could work here)", lines, re.MULTILINE)


def run(*arguments, input=None, env=None, timeout=60, program=MEARI, **options):
    """Runs `meari ARGUMENTS...` to its end; gives returncode, stdout and stderr as text.

    `input` is text too (None: nothing, at once its end). text=False in `options` makes all bytes.
    """
    options.setdefault("text", True)
    if options["text"]:
        options.setdefault("encoding", "utf-8")
    if input is None:
        options.setdefault("stdin", subprocess.DEVNULL)
    else:
        options["input"] = input
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run([program, *map(str, arguments)], env=env or environment(),
                          timeout=timeout, **options)


ENGINES = engines()


def verbs():
    """The names of all verbs, as `meari --help` lists them."""
    return re.findall(r"^  (\w+) +\S", run("--help").stdout, re.MULTILINE)


class Server:
    """`meari serve` with these addresses and options, from entering a with block until leaving it.

    .addresses    what it listens on, in its own words: ["tcp://127.0.0.1:40123", ...]
    .port(i)      the port of the i-th of them
    .connect(i)   a stream socket connected to it (the caller closes it)
    .process      subprocess.Popen
    .stderr       all that it has written to standard error so far
    .stop()       sends a signal and gives the exit status (-9 if it died of signal 9)
    .wait_stderr(text)  waits until standard error holds the text: a sign, never a time
    """

    def __init__(self, *arguments, engine=None, env=None, preexec_fn=None, prefix=(), pass_fds=(),
                 program=MEARI):
        self.command = [*map(str, prefix), program, "serve", *map(str, arguments)]
        if engine is not None:
            self.command += ["--engine", engine]
        self.env = env or environment()
        self.preexec_fn = preexec_fn
        self.pass_fds = pass_fds
        self.addresses = []
        self.process = None
        self._stderr = bytearray()
        self._more = threading.Condition()
        self._ended = False

    @property
    def stderr(self):
        with self._more:
            return self._stderr.decode("utf-8", "replace")

    def __enter__(self):
        ready, low = os.pipe()
        tell = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 64)  # 3 and so on are for activate.py
        os.close(low)
        try:
            self.process = subprocess.Popen(
                [*self.command, "--ready-fd", str(tell)], pass_fds=(tell, *self.pass_fds), env=self.env,
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=self.preexec_fn)
            os.close(tell)
            tell = None
            self._reader = threading.Thread(target=self._read_stderr, daemon=True)
            self._reader.start()
            self._read_addresses(ready)
        except BaseException:
            self._end()
            raise
        finally:
            os.close(ready)
            if tell is not None:
                os.close(tell)
        return self

    def __exit__(self, kind, value, trace):
        self._end()

    def port(self, index=0):
        return int(self.addresses[index].rsplit(":", 1)[1])

    def connect(self, index=0, **options):
        return connect(self.addresses[index], **options)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self):
        """Gives the exit status of a server that ends by itself."""
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise self._error(f"had not ended after {STOP_S} s") from None
        self._reader.join(STOP_S)
        return status

    def wait_stderr(self, text, timeout=ANSWER_S):
        def there():
            return text.encode() in self._stderr or self._ended

        with self._more:
            self._more.wait_for(there, timeout)
            if text.encode() in self._stderr:
                return self._stderr.decode("utf-8", "replace")
        raise self._error(f"did not say {text!r}")

    def _end(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(STOP_S)

    def _error(self, what):
        return ServerError(f"{' '.join(self.command)}\n{what}; its standard error:\n{self.stderr}")

    def _read_stderr(self):
        with self.process.stderr as pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                with self._more:
                    self._stderr += chunk
                    self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def _read_addresses(self, ready):
        told = b""
        until = time.monotonic() + READY_S
        with selectors.DefaultSelector() as selector:
            selector.register(ready, selectors.EVENT_READ)
            while True:
                if not selector.select(max(0, until - time.monotonic())):
                    raise self._error(f"was not ready after {READY_S} s (told {told!r})")
                chunk = os.read(ready, 4096)
                if not chunk:
                    break
                told += chunk
        self.addresses = told.decode().splitlines()
        if not self.addresses:
            raise self._error(f"ended early, with status {self.wait()}")


def endpoint(address):
    """What Python's socket module wants for an address of meari: (family, type, sockaddr)."""
    if address.startswith(("unix:", "unixgram:")):
        scheme, path = address.split(":", 1)
        kind = socket.SOCK_STREAM if scheme == "unix" else socket.SOCK_DGRAM
        return socket.AF_UNIX, kind, "\0" + path[1:] if path.startswith("@") else path
    scheme, rest = address.split("://", 1)
    host, port = rest.rsplit(":", 1)
    host = host.strip("[]")
    if host in ("*", "", "0.0.0.0"):
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_STREAM if scheme.startswith(("tcp", "tls")) else socket.SOCK_DGRAM
    return family, kind, (host, int(port))


def connect(address, timeout=ANSWER_S, receive_buffer=None, send_buffer=None):
    """A socket connected to an address of meari; small buffers make a slow peer at once.

    For tls:// it is one end of a pair, behind which secure.py speaks TLS.
    """
    family, kind, name = endpoint(address)
    peer = socket.socket(family, kind)
    try:
        peer.settimeout(timeout)
        if receive_buffer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if send_buffer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        if family == socket.AF_UNIX and kind == socket.SOCK_DGRAM:
            peer.bind("")  # a name of the kernel's choice, so that it can be answered
        peer.connect(name)
    except BaseException:
        peer.close()
        raise
    if address.startswith("tls"):
        peer = secure.wrap(peer)
        peer.settimeout(timeout)
    return peer


def send_with_descriptors(peer, payload, descriptors):
    """With descriptors, where the kernel does not refuse that for the server (Linux 6.16); else without."""
    try:
        socket.send_fds(peer, [payload], descriptors)
    except PermissionError:
        peer.sendall(payload)


def receive_exactly(peer, length):
    """`length` bytes; fewer only if the stream ends before."""
    received = bytearray()
    while len(received) < length:
        chunk = peer.recv(min(length - len(received), 1 << 20))
        if not chunk:
            break
        received += chunk
    return bytes(received)


def receive_all(peer):
    """Everything up to the end of the stream."""
    received = bytearray()
    while chunk := peer.recv(1 << 20):
        received += chunk
    return bytes(received)


def exchange(peer, payload):
    """Sends the payload and the end of the stream, reading all the while; gives what came back."""
    def send():
        try:
            peer.sendall(payload)
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the receiving side sees what is missing

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    received = receive_all(peer)
    sender.join(ANSWER_S)
    return received


def random_bytes(length, seed=0):
    """The same bytes on every run: a failure can be repeated."""
    return random.Random(seed).randbytes(length)


def reset(peer):
    """Closes with RST instead of FIN: the peer dies in the middle of things."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
