"""`meari check` against services whose sins are known: it must find each, and accuse nobody else."""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
import xml.etree.ElementTree

import meari
import pytest
from meari import MEARI, Server, environment, run

STREAM_RULES = [
    "one-byte", "byte-by-byte", "exact", "small-writes", "order", "slow-reader", "garbage", "urgent",
    "bounded-memory", "half-close-at-once", "half-close", "half-close-slow-reader", "no-bytes", "reset",
    "stuck", "abandoned", "thousand", "silence", "families"]
PROXY_RULES = ["proxy-split", "proxy-joined", "proxy-local", "proxy-wrong", "proxy-none"]
PROGRAM_RULES = ["starts", "next-client", "two-clients", "line-at-once", "descriptors", "backlog", "client-connects",
                 "client-line", "client-letter", "client-end", "client-server-gone"]
DATAGRAM_RULES = ["datagram-whole", "datagram-once", "datagram-empty", "datagram-largest", "datagram-source",
                  "datagram-loop"]


def check(address, *options, **more):
    more.setdefault("timeout", 120)
    return run("check", address, *options, **more)


def verdicts(result):
    """{"exact": "pass", ...} of the lines for people."""
    return {line.split()[2]: line.split()[0].lower() for line in result.stdout.splitlines()
            if re.match(r"(pass|FAIL|skip) ", line)}


# ---- the innocent ----

@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "unix:@check", "udp://127.0.0.1:0"])
def test_our_server_keeps_every_rule(engine, address):
    if address.startswith("unix:"):
        address += f"-{os.getpid()}-{engine}"
    with Server(address, "--threads", 1, engine=engine) as server:
        result = check(server.addresses[0])
        assert result.returncode == 0, result.stdout
        found = verdicts(result)
        assert "fail" not in found.values()
        for name in DATAGRAM_RULES if address.startswith("udp") else STREAM_RULES:
            if name not in ("families", "urgent", "datagram-loop"):
                assert found[name] == "pass", result.stdout
        assert result.stdout.splitlines()[-1].startswith(f"{list(found.values()).count('pass')} passed")
        assert server.process.poll() is None


def test_unixgram(tmp_path):
    with Server(f"unixgram:{tmp_path}/echo") as server:
        result = check(server.addresses[0])
        assert result.returncode == 0
        assert verdicts(result) == {"datagram-whole": "pass", "datagram-once": "pass", "datagram-empty": "skip",
                                    "datagram-largest": "pass"}


# ---- sinners of our own: one sin each ----

class Sinner:
    """A service of threads that does everything right but for one sin."""

    def __init__(self, sin):
        self.sin = sin
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4000)
        self.address = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.count = self.open = 0
        self.lock = threading.Lock()
        self.single = threading.Lock() if sin == "stuck" else contextlib.nullcontext()
        self.over = False
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while not self.over:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            if self.sin != "urgent":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            if self.sin == "abandoned" and self.count > 1500:
                continue  # as if it had no descriptors left
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with self.lock:
            self.open += 1
        try:
            if not (self.sin == "thousand" and self.open > 200):
                with self.single, peer:
                    self.echo(peer)
        except OSError:
            if self.sin == "reset":
                self.__exit__()
        finally:
            peer.close()
            with self.lock:
                self.open -= 1

    def receive(self, peer):
        if self.sin == "silence":
            peer.settimeout(0.5)
        return peer.recv(1 << 16)

    def echo(self, peer):
        seen, held = 0, b""
        while True:
            data = self.receive(peer)
            if self.over:
                return
            if not data:
                break
            if self.sin == "bounded-memory":
                continue  # as if it kept all of it
            held += data
            if self.sin in ("one-byte", "byte-by-byte") and len(held) < 2:
                continue
            if self.sin == "order" and len(held) > 40000:
                held = held[20000:40000] + held[:20000] + held[40000:]
            if self.sin == "garbage":
                held = held.replace(b"\n", b"\r\n")
            if self.sin == "exact" and seen <= 70000 < seen + len(held):
                held = held[:70000 - seen] + held[70001 - seen:]
            if self.sin == "small-writes" and seen > 100000 and len(data) < 4000:
                return
            seen += len(data)
            if self.sin.startswith("half-close") or self.sin == "slow-reader":
                with contextlib.suppress(BlockingIOError):
                    held = held[peer.send(held, socket.MSG_DONTWAIT):]
                if self.sin == "slow-reader":
                    held = b""  # what the kernel does not take is forgotten
                elif self.sin == "half-close":
                    pass
                continue
            peer.sendall(held)
            held = b""
        if self.sin == "half-close-at-once":
            time.sleep(3)
        if self.sin == "no-bytes" and seen == 0:
            self.__exit__()
        if self.sin == "half-close":
            return  # ... and with it whatever was not sent yet
        if held and not self.sin.startswith("half-close"):
            peer.sendall(held)


HALF_CLOSE = ("half-close", "half-close-slow-reader")


@pytest.mark.parametrize("rule", [name for name in STREAM_RULES if name not in ("families", *HALF_CLOSE)])
def test_each_rule_finds_its_sinner(rule):
    with Sinner(rule) as sinner:
        result = check(sinner.address, "--rule", rule, "--timeout", "1s")
        assert verdicts(result) == {rule: "fail"}, result.stdout
        assert result.returncode == 3
        assert "0 passed, 1 failed, 0 skipped" in result.stdout


@pytest.mark.parametrize("rule", HALF_CLOSE)
def test_what_is_dropped_at_a_half_close_is_found(rule):
    """The commonest sin of all: the end of the input is taken for the end of the conversation."""
    with Sinner(rule) as sinner:
        sinner.echo = lambda peer: (peer.recv(1), peer.close())
        result = check(sinner.address, "--rule", rule, "--timeout", "1s")
        assert verdicts(result) == {rule: "fail"}, result.stdout
        assert result.returncode == 3


def test_a_family_that_is_silent_is_found(localhost):
    """localhost is IPv4 and IPv6; only one of them has a service."""
    if not localhost >= {"127.0.0.1", "::1"}:
        pytest.skip("localhost has one family only here")
    with Server("tcp://127.0.0.1:0") as server:
        result = check(f"tcp://localhost:{server.port()}", "--rule", "families")
        assert verdicts(result) == {"families": "fail"}
        assert result.returncode == 3


class DatagramSinner:
    def __init__(self, sin):
        self.sin = sin
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other.bind(("127.0.0.2", 0))
        self.address = f"udp://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sin = "over"
        self.other.sendto(b"", self.socket.getsockname())

    def serve(self):
        while self.sin != "over":
            data, peer = self.socket.recvfrom(1 << 16)
            if self.sin == "datagram-empty" and not data:
                continue
            if self.sin == "datagram-largest" and len(data) > 60000:
                continue
            if self.sin == "datagram-whole":
                data = data[:1024]
            via = self.other if self.sin == "datagram-source" else self.socket
            with contextlib.suppress(OSError):
                for _ in range(2 if self.sin == "datagram-once" else 1):
                    via.sendto(data, peer)


@pytest.mark.parametrize("rule", DATAGRAM_RULES)
def test_each_datagram_rule_finds_its_sinner(rule):
    with DatagramSinner(rule) as sinner:
        result = check(sinner.address, "--rule", rule, "--timeout", "500ms")
        if verdicts(result) == {rule: "skip"}:
            pytest.skip(result.stdout.splitlines()[0])
        assert verdicts(result) == {rule: "fail"}, result.stdout
        assert result.returncode == 3


# ---- known services ----

@contextlib.contextmanager
def service(*command, prepare=lambda port: None):
    """Another program that listens on {port}; gives its address when it accepts."""
    with socket.create_server(("127.0.0.1", 0)) as reservation:
        port = reservation.getsockname()[1]
    prepare(port)
    process = subprocess.Popen([word.replace("{port}", str(port)) for word in command],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + meari.READY_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None and time.monotonic() < until, "the service does not start"
            time.sleep(0.01)
        yield f"tcp://127.0.0.1:{port}"
    finally:
        # Some leave a process for each connection that stands still.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@needs("ncat")
def test_ncat_is_guilty_of_what_it_does():
    """It ends with its child's input, drops urgent bytes, and stands still when both ways are full."""
    with service("ncat", "-lk", "127.0.0.1", "{port}", "-e", "/bin/cat") as address:
        result = check(address, "--timeout", "1s", "--skip", "abandoned", "--skip", "thousand",
                       "--skip", "no-bytes", "--skip", "reset", "--skip", "silence")
        assert result.returncode == 3
        found = verdicts(result)
        # It stands still in "exact" too, but only if the client is quick enough.
        for name in ("urgent", "half-close", "half-close-slow-reader"):
            assert found[name] == "fail", result.stdout
        for name in ("one-byte", "byte-by-byte", "garbage", "half-close-at-once"):
            assert found[name] == "pass", result.stdout


@needs("socat")
def test_socat_with_cat_is_guilty_of_urgent_data_only():
    with service("socat", "TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=4096",
                 "EXEC:cat") as address:
        result = check(address, "--skip", "abandoned", "--skip", "thousand")
        assert {name for name, verdict in verdicts(result).items() if verdict == "fail"} == {"urgent"}


def test_a_pipe_that_is_full_stands_still():
    """What socat's PIPE does, in one order: all that has come goes into a pipe first, and then from there to the client.

    The pipe holds 64 KiB, so 32 MiB for a reader that pauses never get through, and a line always does.
    """
    reading, writing = os.pipe()

    def echo(peer):
        peer.setblocking(False)
        while True:
            select.select([peer], [], [])
            with contextlib.suppress(BlockingIOError):
                while data := peer.recv(8192):
                    os.write(writing, data)  # waits for ever once it is full
                return
            peer.setblocking(True)
            peer.sendall(os.read(reading, 1 << 16))
            peer.setblocking(False)

    with Sinner("pipe") as sinner:
        sinner.echo = echo
        try:
            result = check(sinner.address, "--timeout", "1s", "--rule", "one-byte", "--rule", "slow-reader")
        finally:
            os.close(reading)  # the thread that writes gets EPIPE
            os.close(writing)
    assert verdicts(result) == {"one-byte": "pass", "slow-reader": "fail"}, result.stdout
    assert re.search(r"no answer for 1\.\d+s: \d+ bytes sent, \d+ came back|no answer for 1s", result.stdout), result.stdout


@needs("socat")
def test_socat_with_a_pipe_stands_still():
    """It writes into a pipe that only it empties: with both full, nothing moves any more.

    It waits until 4,096 bytes fit (select) and then writes up to 8,192, so it stands still where the pipe happens to have
    place for fewer: which rule that is depends on how it and the client take turns. One of the two that fill all
    buffers meets it, and says so.
    """
    with service("socat", "TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=4096",
                 "PIPE") as address:
        result = check(address, "--timeout", "1s", "--rule", "slow-reader", "--rule", "urgent",
                       "--rule", "half-close", "--rule", "one-byte")
        found = verdicts(result)
        assert found.keys() == {"slow-reader", "urgent", "half-close", "one-byte"}
        assert (found["urgent"], found["one-byte"]) == ("fail", "pass")
        assert "it stands still" in result.stdout or re.search(
            r"no answer for 1\.\d+s: \d+ bytes sent, \d+ came back", result.stdout), result.stdout


XINETD = """defaults
{{
    instances = UNLIMITED
    cps = 100000 1
    per_source = UNLIMITED
}}
service echo
{{
    type = INTERNAL UNLISTED
    id = echo-stream
    socket_type = stream
    protocol = tcp
    port = {port}
    bind = 127.0.0.1
    flags = REUSE
    wait = no
    user = {user}
}}
"""


def find_xinetd():
    """Installed, or unpacked (its package would start a service)."""
    unpacked = meari.ROOT / "build-compare/unpacked/usr/sbin/xinetd"
    return shutil.which("xinetd") or (str(unpacked) if unpacked.exists() else None)


@pytest.mark.skipif(find_xinetd() is None, reason="xinetd is not here (script/compare --install unpacks it)")
def test_xinetd_is_guilty_of_urgent_data_only(tmp_path):
    config = tmp_path / "xinetd.conf"
    with service(find_xinetd(), "-dontfork", "-f", str(config), "-pidfile", str(tmp_path / "pid"),
                 "-filelog", str(tmp_path / "log"),
                 prepare=lambda port: config.write_text(XINETD.format(port=port, user=os.getuid()))) as address:
        result = check(address, "--skip", "abandoned", "--skip", "thousand")
        assert {name for name, verdict in verdicts(result).items() if verdict == "fail"} == {"urgent"}


# ---- what it tells ----

def test_json_has_every_rule():
    with Server("tcp://127.0.0.1:0") as server:
        result = check(server.addresses[0], "--json", "--rule", "one-byte", "--rule", "urgent")
        assert result.returncode == 0
        report = json.loads(result.stdout)
        assert report["target"] == server.addresses[0]
        assert [rule["name"] for rule in report["rules"]] == ["one-byte", "urgent"]
        assert {rule["verdict"] for rule in report["rules"]} == {"pass"}
        assert (report["passed"], report["failed"], report["skipped"]) == (2, 0, 0)
        for rule in report["rules"]:
            assert rule["promise"] and rule["evidence"] and rule["time_ns"] > 0


def test_junit_is_xml_that_counts(tmp_path):
    path = tmp_path / "it's <here> & \"there\".xml"
    with Sinner("urgent") as sinner:
        result = check(sinner.address, "--junit", path, "--rule", "urgent", "--rule", "one-byte",
                       "--rule", "families")
        assert result.returncode == 3
        suite = xml.etree.ElementTree.parse(path).getroot()
        assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
        cases = {case.get("name"): case for case in suite.findall("testcase")}
        assert cases["urgent"].find("failure").get("message")
        assert cases["families"].find("skipped") is not None
        assert cases["one-byte"].get("classname") == sinner.address


def test_junit_that_cannot_be_written(tmp_path):
    with Server("tcp://127.0.0.1:0") as server:
        result = check(server.addresses[0], "--rule", "one-byte", "--junit", tmp_path / "no/such.xml")
        assert result.returncode == 1
        assert result.stderr == f"meari: cannot write '{tmp_path}/no/such.xml': No such file or directory\n"


def test_list_names_every_rule():
    result = run("check", "--list")
    assert result.returncode == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == \
        PROGRAM_RULES + STREAM_RULES + PROXY_RULES + DATAGRAM_RULES
    for page in ("README.md", "README.ko.md"):
        [told] = re.findall(r"(\d+)(?= rules)|규칙 (\d+)개", (meari.ROOT / page).read_text())
        told = "".join(told)
        assert int(told) == len(STREAM_RULES + DATAGRAM_RULES)  # any service: without those for PROXY


def test_skip_leaves_out():
    with Server("udp://127.0.0.1:0") as server:
        result = check(server.addresses[0], "--skip", "datagram-loop", "--skip", "datagram-whole")
        assert list(verdicts(result)) == ["datagram-once", "datagram-empty", "datagram-largest",
                                          "datagram-source"]


@pytest.mark.parametrize("arguments, words", [
    ([], "which service? an ADDRESS is missing"),
    (["::bad::"], "'::bad::' is not an address"),
    (["a", "b"], "one address is enough, 'b' is one too many"),
    (["a", "--rule", "exakt"], "--rule 'exakt' is no rule; --list shows them"),
    (["a", "--skip", ""], "--skip '' is no rule; --list shows them"),
    (["a", "--timeout", "0"], "--timeout '0' is not a time"),
    (["a", "--size", "0"], "--size '0' is not a size"),
    (["udp://a:1", "--idle", "1s"], "--idle is about connections, and datagrams have none"),
])
def test_wrong_use_is_one_line(arguments, words):
    result = run("check", *arguments)
    assert result.returncode == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as reservation:
        port = reservation.getsockname()[1]
    result = check(f"tcp://127.0.0.1:{port}")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (f"meari: cannot connect to 'tcp://127.0.0.1:{port}': Connection refused "
                             "(is a server running there? 'meari serve' starts one)\n")


def test_interrupt_ends_it_and_tells_what_was_found():
    with Server("tcp://127.0.0.1:0") as server:
        process = subprocess.Popen(
            [MEARI, "check", server.addresses[0], "--rule", "one-byte", "--rule", "silence"],
            stdout=subprocess.PIPE, text=True, env=environment())
        first = process.stdout.readline()
        assert first.startswith("pass") and "one-byte" in first
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=meari.STOP_S)[0]
        assert process.returncode == 130
        assert rest.startswith("1 passed, 0 failed")


# ---- how long silence is borne ----

@contextlib.contextmanager
def forgetful(limit_s, how):
    """An echo whose connections end when nothing was said for a time: by FIN, RST, or without a word."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def serve(peer):
        peer.settimeout(limit_s)
        try:
            while data := peer.recv(4096):
                peer.sendall(data)
        except TimeoutError:
            if how == "silence":
                peer.settimeout(20)
                with contextlib.suppress(OSError):
                    while peer.recv(4096):
                        pass
            if how == "rst":
                meari.reset(peer)
                return
        except OSError:
            pass
        peer.close()

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_idle_finds_an_announced_end(how):
    # Between the half seconds at which it asks: who is asked and ends at one moment resets (bytes unread).
    with forgetful(0.7, how) as address:
        found = json.loads(check(address, "--idle", "4s", "--json").stdout)
        assert found["end"] == how
        assert found["announced"] is True
        assert 0.7e9 <= found["dead_ns"] < 1.5e9


def test_idle_finds_a_silent_end_between_two_times():
    with forgetful(0.8, "silence") as address:
        found = json.loads(check(address, "--idle", "3s", "--timeout", "300ms", "--json").stdout)
        assert found["end"] == "silence"
        assert found["announced"] is False
        assert found["alive_ns"] < found["dead_ns"]
        # A busy machine may have looked late, never early.
        assert 0.75e9 <= found["dead_ns"] <= 1.3e9


def test_idle_says_when_it_lives_on():
    with Server("tcp://127.0.0.1:0") as server:
        result = check(server.addresses[0], "--idle", "300ms")
        assert result.returncode == 0
        assert result.stdout == "a silent connection still lives after 300ms\n"
