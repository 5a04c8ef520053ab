"""One server with one call that fails, and the conversations that it must hold all the same.

    told = Play("plain", "epoll").run(Victim("recv", "9c1f...", 1, errno.ENOMEM))
    told.problems    what must not be: [] is good
    told.calls       every way that was gone, and how often: {("recv", "9c1f..."): 12, ...}
    told.hits        how many calls were made to fail

What is allowed: (a) the server does not start, says why in one line, ends with status 1 and leaves nothing behind;
(b) it serves, loses the one conversation that was hit at most, and no byte of any; its peer sees a reset, or an end
after everything. On a unix stream a reset cannot be made, so there an early end is allowed. New connections come
in afterwards, its descriptors are back where they were, it has not spun, and SIGTERM ends it with status 0.

In the play "upgrade" it takes over from another server, and then another takes over from it. Whatever fails, one of
them is in charge, and only one: the old one ends when the new one serves, and serves when the new one does not.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time

import meari
import secure

PROGRAM = meari.BUILD / "tests/torture/meari-torture"
ACTIVATE = meari.ROOT / "tests/e2e/activate.py"
SUPPRESSIONS = pathlib.Path(__file__).with_name("openssl.supp")
SHORT = -1  # shim.h: it sends, but one byte only

# Full: every way is gone, and every time. Otherwise ways that differ only far from the call are one.
FULL = bool(os.environ.get("MEARI_TORTURE_FULL"))
DEPTH = None if FULL else 5

# Until something must have happened; far more than it takes, for sanitizers are slow on a busy machine.
MOST_S = 10
# Until what need not be told any more has been told: the line about it may be the victim.
TOLD_S = 0.7
# How often a datagram is sent again: each may be lost, of which one was hit.
DATAGRAM_TRIES, DATAGRAM_S = 8, 0.4

BULK_BYTES = 4 << 20
BULK = meari.random_bytes(BULK_BYTES, 7)


@dataclasses.dataclass(frozen=True)
class Victim:
    """A call: the nth of this name on this way; or, with `every`, each so many of this name."""
    name: str
    way: str = ""
    nth: int = 1
    error: int = 0
    every: int = 0

    def order(self):
        if self.every:
            return f"{self.name}/{self.every}:{self.error}"
        return f"{self.name}@{self.way}:{self.nth}:{self.error}"


@dataclasses.dataclass
class Told:
    problems: list
    calls: dict
    hits: int
    descriptors: int
    serving: bool
    stderr: str


def _localhost():
    """The name, so that there is something to resolve; a chroot may have no /etc/hosts."""
    try:
        return "localhost" if socket.getaddrinfo("localhost", 0) else "127.0.0.1"
    except OSError:
        return "127.0.0.1"


# What the server is told, for each kind of play; {0} is the folder of its files, {1} the address of another server.
PLAYS = {
    "plain": ["tcp://127.0.0.1:0", "udp://127.0.0.1:0", "unix:{0}/stream", "unixgram:{0}/messages",
              "--threads", "1", "--pending", "64K", "--deny", "@{0}/deny", "--control", "{0}/control"],
    "rich": ["--config", "{0}/config", f"tcp://{_localhost()}:0", f"udp://{_localhost()}:0", "unix:{0}/stream",
             "unixgram:{0}/messages"],
    "handed": ["unix:{0}/stream", "--threads", "2", "-v", "--busy-poll", "50us", "--pin",
               "--deny", "@{0}/deny", "--max-memory", "64M", "--user", str(os.getuid())],
    "encrypted": ["tls://127.0.0.1:0", "unix:{0}/stream", "--threads", "1", "--tls-self-signed", "--pending", "64K",
                  "--deny", "@{0}/deny"],
    "sealed": ["tcp://127.0.0.1:0", "unix:{0}/stream", "--threads", "1", "--deny", "@{0}/deny"],
    "upgrade": ["--upgrade", "{0}/upgrade", "{1}", "--control", "{0}/control", "--threads", "1"],
    "web": ["tcp://127.0.0.1:0", "unix:{0}/stream", "--threads", "1", "--web", "unix:{0}/pages", "--web-allow",
            "@{0}/deny", "--deny", "@{0}/deny"],
}
RICH_CONFIG = """\
# Everything that a server can be asked for at once.
threads = 2
verbose
log-format = json
urgent = urgent
trace
pending = 64K
idle-timeout = 60s
max-lifetime = 60s
max-rate = 100M
max-connections = 100
max-per-source = 100
connect-rate = 10000
datagram-rate = 10000
fault = delay=1ms
fault = chop=16K
allow = 127.0.0.0/8
allow = ::1
deny = @{0}/deny
"""


class Lost(Exception):
    """A conversation has ended early."""


class Conversation:
    """A stream to the server: whatever is sent must come back, and nothing else."""

    def __init__(self, play, address, slow=False):
        self.play, self.address = play, address
        self.sent, self.got = bytearray(), bytearray()
        self.lost = False
        try:
            self.peer = connect_slowly(address) if slow else meari.connect(address, timeout=MOST_S)
            self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        except OSError as error:
            self.peer = None
            self._fail(error)
            # Who knocks is accepted by the kernel, whatever the server does: it must be there.
            if not isinstance(error, ConnectionResetError):
                play.problem(f"{address}: cannot connect: {error}")

    def say(self, what, flags=0):
        """Sends it and takes it back; a conversation that is lost stays silent."""
        if self.lost:
            return
        try:
            self.peer.sendall(what, flags)
            self.sent += what
            self._take(len(self.sent))
        except Lost:
            pass
        except OSError as error:
            self._fail(error)

    def finish(self):
        """Says that this was all; everything must come back, and the end."""
        if self.lost:
            return
        try:
            self.peer.shutdown(socket.SHUT_WR)
            self._take(None)
        except Lost:
            pass
        except OSError as error:
            self._fail(error)
        self.close()

    def fill(self):
        """Sends without reading until the server takes no more; then reads all of it, and finishes."""
        if self.lost:
            return
        taken = 0
        try:
            self.peer.setblocking(False)
            while taken < BULK_BYTES and select.select([], [self.peer], [], 0.05)[1]:
                taken += self.peer.send(BULK[taken:taken + (1 << 18)])
        except OSError as error:
            self._fail(error)
            return
        self.sent += BULK[:taken]
        self.peer.settimeout(MOST_S)
        self.finish()

    def close(self):
        if self.peer is not None:
            self.peer.close()

    def reset(self):
        if self.peer is not None:
            meari.reset(self.peer)

    def _take(self, upto):
        while upto is None or len(self.got) < upto:
            chunk = self.peer.recv(1 << 18)
            self.got += chunk
            if self.got[-len(chunk):] != self.sent[len(self.got) - len(chunk):len(self.got)] and chunk:
                self.play.problem(f"{self.address}: wrong bytes after {len(self.got) - len(chunk)}")
                self._lose()
            if not chunk:
                break
        if upto is None and len(self.got) == len(self.sent):
            return
        if upto is None or len(self.got) < upto:
            if not self.address.startswith("unix:") and not self._was_cut_off():
                self.play.problem(f"{self.address}: the stream ended properly after {len(self.got)} of "
                                  f"{len(self.sent)} bytes")
            self._lose()

    def _was_cut_off(self):
        """A stream of TLS whose end was not said: behind a pair of sockets, that is no reset."""
        return self.address.startswith("tls") and not self.peer.link.told_end

    def _fail(self, error):
        if isinstance(error, TimeoutError):
            self.play.problem(f"{self.address}: silence, after {len(self.got)} of {len(self.sent)} bytes")
        self.lost = True
        self.play.lost.append(f"{self.address}: {error}")

    def _lose(self):
        self.lost = True
        self.play.lost.append(f"{self.address}: ended after {len(self.got)} of {len(self.sent)}")
        raise Lost


def connect_slowly(address):
    """A peer for which the kernel keeps little, on both sides: the server meets its cap soon."""
    family, kind, name = meari.endpoint(address)
    peer = socket.socket(family, kind)
    peer.settimeout(MOST_S)
    for level, option, value in ((socket.SOL_SOCKET, socket.SO_RCVBUF, 32768),
                                 (socket.SOL_SOCKET, socket.SO_SNDBUF, 32768),
                                 (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)):
        peer.setsockopt(level, option, value)
    peer.connect(name)
    if address.startswith("tls"):
        peer = secure.wrap(peer)
        peer.settimeout(MOST_S)
    return peer


class Play:
    def __init__(self, kind, engine):
        self.kind, self.engine = kind, engine
        self.calm = None  # Told of a run in which nothing failed: what is compared with

    def problem(self, text):
        self.problems.append(text)

    def run(self, victim=None):
        self.victim, self.problems, self.lost, self.serving = victim, [], [], False
        self.descriptors = 0
        with tempfile.TemporaryDirectory(prefix="meari-torture-") as folder:
            self.folder = pathlib.Path(folder)
            self._leave_stale_file()
            self._write_lists(["192.0.2.0/24", "198.51.100.0/24", "127.0.0.9"])
            (self.folder / "config").write_text(RICH_CONFIG.replace("{0}", folder))
            with open(_high(os.open(self.folder / "report", os.O_RDWR | os.O_CREAT | os.O_APPEND)), "r+") as report, \
                    self._another("tcp://127.0.0.1:0") if self.kind == "upgrade" else contextlib.nullcontext() as old:
                self._start(report, old)
                try:
                    self._watch_upgrade(old) if old is not None else self._watch()
                except OSError as error:  # who talks to it does not look at each call
                    self.problem(f"the play broke off: {error!r}")
                finally:
                    if self.process.poll() is None:
                        self.process.kill()
                        self.process.wait()
                    for given in self.given:
                        given.close()
                    if self.manager is not None:
                        self.manager.shutdown(socket.SHUT_RD)
                self.log_reader.join()
                report.seek(0)
                self._read_report(report)
            self._look_at_end()
        return Told(self.problems, self.calls, self.hits, self.descriptors, self.serving, self.log)

    # ---- the server ----

    def _start(self, report, old):
        arguments = [text.replace("{0}", str(self.folder)) for text in PLAYS[self.kind]]
        if old is not None:
            arguments = [text.replace("{1}", old.addresses[0]) for text in arguments]
        if self.engine is not None:
            arguments += ["--engine", self.engine]
        ready, tell = os.pipe()
        tell = _high(tell)
        env = meari.environment(MEARI_TORTURE_REPORT=report.fileno(),
                                MEARI_TORTURE=self.victim.order() if self.victim else None,
                                MEARI_TORTURE_DEPTH=DEPTH)
        if self.victim and self.victim.name.startswith("openssl_"):
            env["LSAN_OPTIONS"] = f"suppressions={SUPPRESSIONS}:print_suppressions=0"
        command = [str(PROGRAM), "serve", *arguments, "--drain", "3s", "--ready-fd", str(tell)]
        self.given, self.manager = [], None
        if self.kind == "handed":
            command, env = self._hand_over(command, env)
        passed = [tell, report.fileno(), *(given.fileno() for given in self.given)]
        self.log, self.more, self.log_closed = "", threading.Condition(), False
        self.process = subprocess.Popen(command, env=env, pass_fds=passed, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.close(tell)
        self.ready = ready
        self.log_reader = threading.Thread(target=self._read_log, daemon=True)
        self.log_reader.start()

    def _leave_stale_file(self):
        """As after a server that was killed. Where it is, a file that is left behind says nothing."""
        if self.kind == "handed":
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(self.folder / "stream"))

    def _hand_over(self, command, env):
        """Sockets from a service manager, and one that it listens on; numbers far above those that are given."""
        for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
            given = socket.socket(socket.AF_INET, kind)
            given.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                given.listen()
            self.given.append(socket.socket(fileno=_high(given.detach())))
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(self.folder / "manager"))
        threading.Thread(target=_read_all, args=[self.manager], daemon=True).start()
        env |= {"NOTIFY_SOCKET": str(self.folder / "manager"), "WATCHDOG_USEC": "1000000"}
        numbers = ",".join(str(given.fileno()) for given in self.given)
        return ["/usr/bin/python3", "-I", str(ACTIVATE), numbers, "one:two", *command], env

    def _read_log(self):
        with self.process.stderr as pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                with self.more:
                    self.log += chunk.decode("utf-8", "replace")
                    self.more.notify_all()
        with self.more:
            self.log_closed = True
            self.more.notify_all()

    def _wait_log(self, *texts, limit_s=TOLD_S):
        """For one of these texts, if it comes."""
        with self.more:
            self.more.wait_for(lambda: self.log_closed or any(text in self.log for text in texts), limit_s)

    def _wait_addresses(self):
        """What it listens on, as it tells; None: it does not start."""
        told, until = b"", time.monotonic() + MOST_S
        try:
            while select.select([self.ready], [], [], max(0, until - time.monotonic()))[0]:
                chunk = os.read(self.ready, 4096)
                if not chunk:
                    break
                told += chunk
            else:
                self.problem(f"neither ready nor ended after {MOST_S} s")
                return None
        finally:
            os.close(self.ready)
        addresses = told.decode().splitlines()
        if self.victim and not addresses:
            self._wait_log("echoing on")  # there was no memory to tell them: then they stand in the log
        said = re.search(r"echoing on (.*?) \(engine", self.log)
        return addresses or (said.group(1).split(", ") if said else None)

    # ---- the play ----

    def _watch(self):
        addresses = self._wait_addresses()
        if addresses is None:
            self._wait_end()
            return
        self.serving = True
        by_scheme = {}
        for address in addresses:
            by_scheme.setdefault(address.split(":")[0], address)
        self._converse(by_scheme.get("tcp") or by_scheme["tls"], by_scheme["unix"],
                       [by_scheme[name] for name in ("udp", "unixgram") if name in by_scheme])

    def _converse(self, tcp, unix, datagrams):
        before = Conversation(self, tcp)
        before.say(b"before all else")
        before.say(b"and urgent!", socket.MSG_OOB if tcp.startswith("tcp") else 0)
        local = Conversation(self, unix)
        local.say(b"by file" * 100)
        dying = Conversation(self, tcp)
        dying.say(b"soon gone")
        slow = Conversation(self, tcp, slow=True)
        slow.fill()
        dying.reset()
        local.fill()
        for address in datagrams:
            self._exchange_datagrams(address)
        if not self.victim or not self.victim.every:
            self._ask_for_counters()
            self._ask_at_control()
        self._deny_another(tcp)
        before.say(b"still here")
        if self.kind == "web":
            self._scrape("/events", "event: end\n", 2)
            self._scrape("/metrics", "\r\n0\r\n\r\n", 1)
        late = Conversation(self, tcp)
        late.say(b"late")
        late.finish()
        for conversation in local, slow:
            conversation.close()
        self._count_descriptors()
        self.process.send_signal(signal.SIGTERM)
        before.finish()
        self._wait_end()
        if len(self.lost) > 1 and not (self.victim and self.victim.every):
            self.problem("more than one conversation was lost: " + "; ".join(self.lost))

    def _scrape(self, path, mark, times):
        """Asks for a page, until the mark has come so often. Like any other conversation it may be lost."""
        text = ""
        try:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(MOST_S)
                peer.connect(str(self.folder / "pages"))
                peer.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                while text.count(mark) < times and not text.startswith("HTTP/1.1 503 "):
                    chunk = peer.recv(1 << 18)
                    if not chunk:
                        raise ConnectionResetError("it ended")
                    text += chunk.decode()
        except TimeoutError:
            self.problem(f"{path}: silence after {len(text)} bytes")
        except OSError as error:
            self.lost.append(f"{path}: {error}")
        else:
            if not text.startswith(("HTTP/1.1 200 ", "HTTP/1.1 503 ")):
                self.problem(f"{path}: {text[:100]}")

    def _ask_at_control(self):
        """One question may stay without an answer: its client is dropped then, or accepted a second later."""
        path = self.folder / "control"
        answers = []
        for _ in range(3) if path.exists() else ():
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asker:
                asker.settimeout(MOST_S)
                asker.connect(str(path))
                asker.sendall(b"about\ncounters\nfaults\nconnections\n")
                asker.shutdown(socket.SHUT_WR)
                answers = [json.loads(line) for line in meari.receive_all(asker).splitlines()]
            if len(answers) == 4:
                return
        if path.exists():
            self.problem(f"--control answers {len(answers)} of 4 questions")

    # ---- upgrades ----

    def _another(self, address):
        """A server on which nothing fails."""
        return meari.Server("--upgrade", self.folder / "upgrade", address, "--threads", 1, "--drain", "3s")

    def _watch_upgrade(self, old):
        address = old.addresses[0]
        addresses = self._wait_addresses()
        if addresses is None:
            self._wait_end()
            self._must_be_in_charge(old, address)
            return
        self.serving = True
        if not _has_ended(old.process):
            self.problem("two are in charge: the old one goes on beside the victim: " + old.stderr)
        before = Conversation(self, address)
        before.say(b"before all else")
        self._count_descriptors()
        with contextlib.ExitStack() as stack:
            try:
                new = stack.enter_context(self._another(address))
            except meari.ServerError:
                new = None
            before.say(b"still here")
            if new is None:
                late = Conversation(self, address)
                late.say(b"late")
                late.finish()
                self.process.send_signal(signal.SIGTERM)
            before.finish()
            self._wait_end()
            if new is not None:
                self._must_be_in_charge(new, address)
                new.stop()
        if (self.folder / "upgrade").exists() and not self._may_stay():
            self.problem("the socket file 'upgrade' is left behind")

    def _must_be_in_charge(self, server, address):
        """It serves, and can be taken over from."""
        conversation = Conversation(self, address)
        conversation.say(b"in charge")
        conversation.finish()
        if conversation.lost or server.process.poll() is not None:
            self.problem("nobody is in charge: " + server.stderr)
        if not (self.folder / "upgrade").is_socket():
            self.problem("the socket file 'upgrade' of whoever is in charge has been removed")

    def _exchange_datagrams(self, address):
        with meari.connect(address, timeout=DATAGRAM_S) as peer:
            for length in 1, 1000, 0:
                question = bytes([length % 251]) * length
                if not self._is_answered(address, peer, question):
                    self.problem(f"{address}: no answer to {DATAGRAM_TRIES} datagrams of {length} bytes")
            for _ in range(20):  # a train
                peer.send(b"train" * 40)
            answers = 0
            try:
                while answers < 20:
                    answer = peer.recv(65536)
                    answers += answer == b"train" * 40
            except TimeoutError:
                pass

    def _is_answered(self, address, peer, question):
        for _ in range(DATAGRAM_TRIES):
            try:
                peer.send(question)
                answer = peer.recv(65536)
                if answer == question:
                    return True
                self.problem(f"{address}: {question[:20]} was answered by {answer[:20]}")
            except (TimeoutError, ConnectionError):
                pass
        return False

    def _ask_for_counters(self):
        self.process.send_signal(signal.SIGUSR1)
        self._wait_log("counters:", '"counters"')

    def _write_lists(self, denied):
        # At once, as who replaces a list would: by another file of that name.
        new = self.folder / "deny-new"
        new.write_text("# nobody of\n" + "\n".join(denied) + "\n")
        new.rename(self.folder / "deny")

    def _deny_another(self, tcp):
        """Reads the lists again. Who was denied stays so whatever happens."""
        self._write_lists(["192.0.2.0/24", "198.51.100.0/24", "127.0.0.8", "127.0.0.9"])
        self.process.send_signal(signal.SIGHUP)
        self._wait_log("read again", '"reloaded"', "reload_failed")
        if self._admits(tcp, "127.0.0.9"):
            self.problem("127.0.0.9 was let in, and is denied by the last line of the list")
        if "have been read again" in self.log and self._admits(tcp, "127.0.0.8"):
            self.problem("127.0.0.8 was let in after the lists had been read again")

    def _admits(self, tcp, source):
        if "[" in tcp:
            return False
        with socket.socket() as peer:
            peer.settimeout(MOST_S)
            peer.bind((source, 0))
            try:
                peer.connect(meari.endpoint(tcp)[2])
                peer.sendall(b"?")
                return peer.recv(1) == b"?"
            except ConnectionError:
                return False
            except TimeoutError:
                self.problem(f"{source} was neither let in nor refused")
                return False

    def _count_descriptors(self):
        """They must come back to what they were when nothing failed (fewer: a thing was not had)."""
        until = time.monotonic() + 2
        most = self.calm.descriptors if self.calm else 0
        if most and self.victim and self.victim.name == "getaddrinfo":
            # localhost is then both families (RFC 6761), and /etc/hosts may have only one: a socket for each of two threads.
            most += 2
        while True:
            try:
                self.descriptors = len(os.listdir(f"/proc/{self.process.pid}/fd"))
            except FileNotFoundError:
                return
            if most and self.descriptors <= most:
                return
            if time.monotonic() > until or (not most and time.monotonic() > until - 1.7):
                break
            time.sleep(0.01)
        if most:
            self.problem(f"{self.descriptors} descriptors, {most} when nothing fails: "
                         f"{_descriptors(self.process.pid)}")

    # ---- the end ----

    def _wait_end(self):
        try:
            self.process.wait(MOST_S)
        except subprocess.TimeoutExpired:
            self.problem(f"had not ended after {MOST_S} s")

    def _read_report(self, report):
        self.calls, self.hits = {}, 0
        for line in report:
            verb, name, way, number = line.split()
            if verb == "call":
                self.calls[name, way] = int(number)
            else:
                self.hits += 1

    def _look_at_end(self):
        status = self.process.returncode
        lines = [line for line in self.log.splitlines() if not re.match(r"\w+\(.*\) = ", line)]  # --trace
        bad = [line for line in lines if re.search(r"Sanitizer|runtime error:|Assertion", line)]
        if bad:
            self.problem("a sanitizer's report: " + "\n".join(lines[:60]))
        # Its last word could not be written, and so it says.
        told_so = status == 1 and lines and "cannot write the output" in lines[-1]
        if self.serving and status != 0 and not told_so:
            self.problem(f"it served, and ended with status {status}")
        if not self.serving:
            if status not in (1, 2):  # 2: the options are not right, and a file of them was not read
                self.problem(f"it did not start, and ended with status {status}")
            # One that has begun to serve, and must end since another is in charge, says that too.
            most = 1 if self.kind != "upgrade" else 10
            if not 1 <= len(lines) <= most or not lines[0].startswith(("meari: ", '{"time"')):
                self.problem(f"it did not start, and said so in {len(lines)} lines")
        for name in "stream", "messages":
            stale = self.kind == "handed" and not self.serving
            if (self.folder / name).exists() and not self.problems and not self._may_stay() and not stale:
                self.problem(f"the socket file '{name}' is left behind")
        calls = sum(self.calls.values())
        if self.calm and calls > 4 * sum(self.calm.calls.values()) + 3000:
            self.problem(f"{calls} calls, {sum(self.calm.calls.values())} when nothing fails: it spun")
        if self.problems:
            self.problems.append("standard error: " + "\n".join(lines[:40]))

    def _may_stay(self):
        """What cannot be removed, or is not known to be ours, stays."""
        return self.victim and self.victim.name in ("unlink", "lstat64")


def _has_ended(process):
    try:
        process.wait(MOST_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _read_all(manager):
    """Whoever is told must listen: a full queue stops who tells."""
    with manager:
        while manager.recv(4096):
            pass


def _descriptors(pid):
    folder = pathlib.Path(f"/proc/{pid}/fd")
    return {int(fd.name): os.readlink(fd) for fd in folder.iterdir()}


def _high(fd):
    """The same, with a number far above those that a service manager gives."""
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64)
    os.close(fd)
    return copy
