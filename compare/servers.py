"""The servers of the comparison: what each is, how it is started, how one knows that it is ready.

A server is started for each run anew, pinned to a core, in a process group of its own, which is
ended with it. Ours reports through --ready-fd when it is ready; the others are polled.
"""

import contextlib
import dataclasses
import os
import pathlib
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import programs

READY_S = 10
ASK_EVERY_S = 0.005
STOP_S = 2
ATTEMPTS = 3
XINETD = """defaults
{{
	instances = UNLIMITED
	per_source = UNLIMITED
	cps = 1000000 1
}}
service echo
{{
	type = INTERNAL UNLISTED
	socket_type = {type}
	protocol = {protocol}
	port = {port}
	bind = 127.0.0.1
	wait = {wait}
	user = {user}
}}
"""


class NotStarted(Exception):
    """The text says why, with what the server wrote."""


@dataclasses.dataclass(frozen=True)
class Server:
    name: str
    role: str  # floor, ours, peer or reference
    what: str
    command: tuple = ()  # {address} tcp:PORT, {place} PORT or PATH, {config} a file's path
    commands: dict = dataclasses.field(default_factory=dict)  # by family, where it differs
    families: tuple = ("tcp", "unix")
    program: str = None  # of programs.PROGRAMS
    binary: str = None  # that must be on the machine
    package: str = None  # that brings the binary
    forks: bool = False
    most_connections: int = 1 << 30
    usual: bool = True  # measured unless others are asked for
    only_spin: bool = False
    probed: bool = None  # is it asked whether it is an echo; None: ours and peers are
    splices: bool = False  # moves bulk without copying
    only_cells: tuple = ()  # empty: all of its families

    @property
    def is_probed(self):
        return self.role in ("ours", "peer") if self.probed is None else self.probed

    def suits(self, cell):
        if self.only_cells and cell.name not in self.only_cells:
            return False
        if self.only_spin and not cell.spin:
            return False
        return cell.family in self.families and cell.all_connections <= self.most_connections


def known(build_folder, meari):
    """All servers, whether they are there or not."""
    def floor(stem, what, **more):
        return Server(f"floor-{stem}", "floor", what, (str(build_folder / f"floor-{stem}"),
                      "{address}"), program=f"floor-{stem}", **more)

    def peer(stem, what, **more):
        return Server(stem, "peer", what, (str(build_folder / f"peer-{stem}"), "{address}"),
                      program=f"peer-{stem}", **more)

    def ours(engine, name=None, options=(), **more):
        return Server(name or f"meari-{engine}", "ours", f"meari serve, engine {engine}",
                      (str(meari), "serve", "{address}", "--engine", engine, "--threads", "1",
                       *options), binary=str(meari), package="script/build",
                      families=("tcp", "udp", "unix"), **more)

    def socat(name, what, echo):
        return Server(name, "peer", what, commands={
            "tcp": ("socat", "-t", "10", "TCP4-LISTEN:{place},bind=127.0.0.1,reuseaddr,nodelay,fork,"
                    "backlog=4096", echo),
            "unix": ("socat", "-t", "10", "UNIX-LISTEN:{place},fork,backlog=4096", echo)},
            binary="socat", package="socat", forks=True, most_connections=50, usual=False)

    return [
        floor("epoll", "a bare epoll loop"),
        floor("uring", "a bare io_uring loop", only_cells=(
            "tcp-64x1-core", "tcp-64x1", "tcp-64x50", "tcp-64x1000", "tcp-64x10000",
            "tcp-64x50-p16", "tcp-16k", "tcp-churn", "unix-64x50", "idle")),
        # Where it could win: few connections, or large messages.
        floor("thread", "a thread per connection", only_cells=(
            "tcp-64x1-core", "tcp-64x1", "tcp-64x50", "tcp-16k", "tcp-1m")),
        floor("spin", "a loop that never sleeps", only_cells=("tcp-64x1-spin",)),
        floor("splice", "a pipe per connection, nothing copied", only_cells=("tcp-1m",), probed=True,
              splices=True),
        floor("udp", "recvfrom, sendto", families=("udp",)),
        floor("udp_batch", "recvmmsg, sendmmsg", families=("udp",)),
        floor("udp_train", "the same with trains, in and out", families=("udp",)),
        ours("epoll"),
        ours("uring"),
        ours("epoll", "meari-epoll-busy", ("--busy-poll", "1s"), only_spin=True),
        ours("uring", "meari-uring-busy", ("--busy-poll", "1s"), only_spin=True),
        peer("asio", "asio, C++", families=("tcp", "unix", "udp")),
        peer("ev", "libev, C"),
        peer("uv", "libuv, C"),
        peer("event", "libevent, C"),
        peer("tokio", "tokio, Rust", families=("tcp", "unix", "udp")),
        peer("go", "Go", families=("tcp", "unix", "udp")),
        Server("go-copy", "peer", "Go's io.Copy, which splices",
               (str(build_folder / "peer-go"), "{address}", "copy"), program="peer-go",
               families=("tcp",), only_cells=("tcp-1m",), splices=True),
        Server("node", "peer", "Node", ("node", str(programs.BENCH / "peers/node.js"), "{address}"),
               binary="node", package="nodejs", families=("tcp", "unix", "udp")),
        socat("socat", "socat with cat, two processes per connection", "EXEC:/bin/cat"),
        socat("socat-pipe", "socat with a pipe, a process per connection", "PIPE"),
        Server("ncat", "peer", "ncat with cat, a process per connection", commands={
            "tcp": ("ncat", "-l", "127.0.0.1", "{place}", "-k", "-m", "1000", "-e", "/bin/cat")},
            families=("tcp",), binary="ncat", package="ncat", forks=True, most_connections=50,
            usual=False),
        Server("xinetd", "peer", "xinetd's internal echo", ("xinetd", "-dontfork", "-f", "{config}",
               "-pidfile", "{folder}/pid"), families=("tcp", "udp"), binary="xinetd",
               package="xinetd", forks=True, most_connections=50, usual=False),
        Server("redis", "reference", "redis PING, not an echo", ("redis-server", "--port", "{place}",
               "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no",
               "--dir", "{folder}"), families=("tcp",), binary="redis-server",
               package="redis-tools", usual=False,
               only_cells=("tcp-64x1", "tcp-64x50", "tcp-64x1000", "tcp-64x50-p16")),
    ]


def custom(text):
    """NAME=COMMAND of --server; the command's words may hold {address} or {place}."""
    name, equals, command = text.partition("=")
    if not name or not equals or not command.split():
        raise ValueError(f"'{text}' is not NAME=COMMAND")
    return Server(name, "peer", command.split()[0], tuple(command.split()), families=("tcp",),
                  binary=command.split()[0])


def find(binary, build_folder):
    """The binary's path: on PATH, or where `script/compare --install` unpacked it."""
    unpacked = build_folder / "unpacked/usr/sbin" / binary
    if unpacked.exists():
        return str(unpacked)
    path = shutil.which(binary)
    # Debian's redis-tools brings the server under another name; the program checks its own name.
    if path is None and binary == "redis-server":
        path = shutil.which("redis-check-rdb")
    return path


def why_absent(server, build_folder, not_built):
    """None if the server can be started, else why not, in one line."""
    if server.program is not None:
        return not_built.get(server.program)
    if find(server.binary, build_folder) is None:
        return f"no {pathlib.Path(server.binary).name}" + (
            f" (package {server.package})" if server.package else "")
    if server.role == "ours":
        return why_not_ours(server)
    return None


def why_not_ours(server):
    """Ours is asked: which engines and options there are is its own matter."""
    command = [word.replace("{address}", "tcp://127.0.0.1:0") for word in server.command]
    try:
        with contextlib.closing(Running(server, command, "tcp", None, None)):
            return None
    except NotStarted as why:
        return " ".join(str(why).split()[:30])


def free_port(family):
    kind = socket.SOCK_DGRAM if family == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Running:
    """A started server that is ready. `address` is what the load generator takes."""

    def __init__(self, server, command, family, cpu, address, executable=None):
        self.server, self.family, self.address = server, family, address
        self._errors = tempfile.TemporaryFile()
        ready, tell = os.pipe() if server.role == "ours" else (None, None)
        if tell is not None:
            command = [*command, "--ready-fd", str(tell)]

        def prepare():
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

        try:
            self.process = subprocess.Popen(
                command, executable=executable, stdin=subprocess.DEVNULL, stdout=self._errors,
                stderr=self._errors, pass_fds=() if tell is None else (tell,),
                start_new_session=True, preexec_fn=prepare)
        except OSError as error:
            raise NotStarted(str(error)) from None
        finally:
            if tell is not None:
                os.close(tell)
        try:
            if ready is not None:
                self._read_address(ready)
            else:
                self._ask()
        except BaseException:
            self.close()
            raise
        finally:
            if ready is not None:
                os.close(ready)

    @property
    def pid(self):
        return self.process.pid

    @property
    def alive(self):
        return self.process.poll() is None

    def close(self):
        """Ends the server and the processes that it started: its group, and nothing else."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.3 if number == signal.SIGTERM else STOP_S)
        self._errors.close()

    def _fail(self, what):
        self._errors.seek(0)
        text = self._errors.read(2000).decode("utf-8", "replace").strip()
        raise NotStarted(f"{what}{': ' if text else ''}{text}")

    def _read_address(self, ready):
        told, until = b"", time.monotonic() + READY_S
        with selectors.DefaultSelector() as selector:
            selector.register(ready, selectors.EVENT_READ)
            while b"\n" not in told:
                if not selector.select(max(0, until - time.monotonic())):
                    self._fail(f"was not ready after {READY_S} s")
                chunk = os.read(ready, 4096)
                if not chunk:
                    self.process.wait(STOP_S)
                    self._fail("ended early")
                told += chunk
        if self.family != "unix":
            self.address = f"{self.family}:{told.decode().split()[0].rsplit(':', 1)[1]}"

    def _ask(self):
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            if not self.alive:
                self._fail("ended early")
            try:
                with connect(self.address) as peer:
                    if self.family != "udp":
                        return
                    peer.settimeout(0.05)
                    peer.send(b"are you there")
                    peer.recv(100)
                    return
            except OSError:
                time.sleep(ASK_EVERY_S)
        self._fail(f"was not ready after {READY_S} s")


def connect(address, receive_buffer=None):
    """A socket of Python's, connected to tcp:PORT, udp:PORT or unix:PATH."""
    family, _, place = address.partition(":")
    kind = socket.SOCK_DGRAM if family == "udp" else socket.SOCK_STREAM
    peer = socket.socket(socket.AF_UNIX if family == "unix" else socket.AF_INET, kind)
    try:
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.connect(place if family == "unix" else ("127.0.0.1", int(place)))
    except BaseException:
        peer.close()
        raise
    return peer


@contextlib.contextmanager
def start(server, family, cpu, build_folder):
    """Starts the server on an address of the kernel's choice; ends it at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="meari-bench-") as folder:
        running = None
        for attempt in range(ATTEMPTS):  # somebody else may take the port that was free
            place = os.path.join(folder, f"s{attempt}") if family == "unix" else free_port(family)
            address = f"{family}:{place}"
            try:
                running = Running(server, *arguments(server, family, place, folder), cpu, address,
                                  None if "/" in first(server, family) else
                                  find(first(server, family), build_folder))
                break
            except NotStarted:
                if attempt == ATTEMPTS - 1:
                    raise
        try:
            yield running
        finally:
            running.close()


def first(server, family):
    return server.commands.get(family, server.command)[0]


def arguments(server, family, place, folder):
    """(command, family) with all places filled in."""
    address = f"{family}:{place}"
    if server.role == "ours" and family != "unix":
        address = f"{family}://127.0.0.1:0"
    config = os.path.join(folder, "config")
    if server.name == "xinetd":
        datagrams = family == "udp"
        pathlib.Path(config).write_text(XINETD.format(
            type="dgram" if datagrams else "stream", protocol=family, port=place,
            wait="yes" if datagrams else "no", user=os.getuid()))
    values = {"{address}": address, "{place}": str(place), "{config}": config, "{folder}": folder}
    command = []
    for word in server.commands.get(family, server.command):
        for key, value in values.items():
            word = word.replace(key, value)
        command.append(word)
    return command, family
