"""`meari check` says "pass" only of what it has seen, blames nobody who is exact, and ends with results whatever happens."""

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
import talk_peers
from meari import MEARI, Server, environment, run
from talk_peers import Datagrams, Peer


def check(address, *options, **more):
    more.setdefault("timeout", 120)
    return run("check", address, *options, **more)


def verdicts(result):
    return {line.split()[2]: line.split()[0].lower() for line in result.stdout.splitlines()
            if re.match(r"(pass|FAIL|skip) ", line)}


def only(*names):
    return [word for name in names for word in ("--rule", name)]


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as reservation:
        reservation.bind(("127.0.0.1", 0))
        return reservation.getsockname()[1]


def cases(path):
    """(name, what, message) of each test case; what is None for a pass."""
    suite = xml.etree.ElementTree.fromstring(path if isinstance(path, str) else path.read_text())
    found = []
    for case in suite.findall("testcase"):
        told = [child for child in case if child.tag in ("failure", "error", "skipped")]
        assert len(told) <= 1
        found.append((case.get("name"), told[0].tag if told else None,
                      told[0].get("message") if told else None))
    for tag, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.get(attribute)) == sum(what == tag for _, what, _ in found)
    assert int(suite.get("tests")) == len(found)
    return found


# ---- a check of nothing ----

@pytest.mark.parametrize("arguments, named", [
    (["udp://127.0.0.1:1", *only("exact")], "datagram-whole"),
    (["unix:@nobody", *only("urgent", "families")], "half-close"),
    (["tcp://127.0.0.1:1", *only("exact"), "--skip", "exact"], "exact"),
])
def test_no_rule_left_is_wrong_use_and_says_which_there_are(arguments, named):
    result = check(*arguments)
    assert result.returncode == 2
    assert "no rule is left to try at" in result.stderr and named in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_rule_for_another_kind_of_address_is_told():
    with Server(f"unix:@verdicts-{os.getpid()}") as server:
        result = check(server.addresses[0], *only("one-byte", "urgent"))
        assert result.returncode == 0
        assert verdicts(result) == {"one-byte": "pass", "urgent": "skip"}


def test_only_skipped_rules_are_no_pass():
    with Server("tcp://127.0.0.1:0") as server:
        result = check(server.addresses[0], *only("families"))
        assert verdicts(result) == {"families": "skip"}
        assert result.returncode == 1
        assert result.stderr == "meari: nothing was checked: every rule was skipped\n"


@pytest.mark.parametrize("option", [["--junit", "x.xml"], only("exact"), ["--skip", "exact"]])
def test_idle_takes_no_rules(option):
    result = check("tcp://127.0.0.1:1", "--idle", "1s", *option)
    assert result.returncode == 2
    assert "--idle tries no rules" in result.stderr


# ---- nobody there ----

def nobody(kind, tmp_path):
    if kind.startswith("unix"):
        return f"{kind}:{tmp_path}/nobody"
    return f"{kind}://127.0.0.1:{free_port(socket.SOCK_DGRAM if kind == 'udp' else socket.SOCK_STREAM)}"


@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unixgram"])
def test_nobody_there_is_an_error_in_every_form(kind, tmp_path):
    address, junit = nobody(kind, tmp_path), tmp_path / "check.xml"
    result = check(address, "--json", "--junit", junit)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and address in result.stderr
    assert "is a server running there?" in result.stderr
    found = cases(junit)
    assert found[0][1] == "error" and address in found[0][2]
    assert {what for _, what, _ in found[1:]} == {"skipped"}
    report = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert report["passed"] == report["failed"] == 0
    assert address in report["error"]
    assert [rule["verdict"] for rule in report["rules"][:2]] == ["error", "not-run"]


def test_nobody_answers_datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        result = check(f"udp://127.0.0.1:{deaf.getsockname()[1]}", "--timeout", "200ms")
        assert result.returncode == 1
        assert result.stdout == ""
        assert "nothing answers at" in result.stderr


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("unshare") is None, reason="needs network namespaces")
def test_datagrams_do_not_answer_themselves():
    """With few ephemeral ports, a socket soon gets the very port that it sends to."""
    script = ("ip link set lo up && echo 40000 40011 > /proc/sys/net/ipv4/ip_local_port_range && "
              f"for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do {MEARI} check "
              "udp://127.0.0.1:40005 --rule datagram-source --timeout 100ms; echo $?; done")
    result = subprocess.run(["unshare", "-n", "sh", "-c", script], env=environment(), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if "40011" in result.stderr or not result.stdout:
        pytest.skip("no network namespace to be had here")
    assert result.stdout.split() == ["1"] * 20


# ---- who dies ----

class Mortal(Peer):
    """Serves some connections, and is gone."""

    def __init__(self, lives, serve=talk_peers.echo):
        super().__init__(serve)
        self.lives = lives

    def _accept(self):
        for _ in range(self.lives):
            connection, who = self.listener.accept()
            self.peers.append(who)
            if len(self.peers) == self.lives:
                self.listener.close()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def __exit__(self, *_):
        self.listener.close()


def test_one_client_only():
    with Mortal(1) as peer:
        assert check(peer.address, *only("one-byte")).returncode == 0
    with Mortal(1) as peer:
        result = check(peer.address, *only("one-byte", "byte-by-byte", "garbage"), "--timeout", "300ms")
        assert result.returncode == 3
        assert verdicts(result) == {"one-byte": "pass", "byte-by-byte": "fail"}


@pytest.mark.parametrize("how", ["refuses", "resets", "hangs"])
def test_dead_since_is_said_once(how, tmp_path):
    """It serves two connections. Then: the rest of the rules would say the same, and are not run."""
    count = iter(range(1000))

    def serve(connection):
        if next(count) < 2:
            talk_peers.echo(connection)
        elif how == "resets":
            meari.reset(connection)
        else:
            peer.go_on.wait(meari.ANSWER_S)

    peer = Mortal(2, serve) if how == "refuses" else Peer(serve)
    with peer:
        result = check(peer.address, *only("one-byte", "byte-by-byte", "small-writes", "garbage", "urgent"),
                       "--timeout", "300ms", "--junit", tmp_path / "check.xml")
        assert result.returncode == 3
        assert verdicts(result) == {"one-byte": "pass", "byte-by-byte": "pass", "small-writes": "fail"}
        assert result.stdout.count("no answer since 'small-writes': ") == 1
        assert "2 passed, 1 failed, 0 skipped, 2 not run in" in result.stdout
        assert [(name, what) for name, what, _ in cases(tmp_path / "check.xml")] == [
            ("one-byte", None), ("byte-by-byte", None), ("small-writes", "failure"),
            ("garbage", "skipped"), ("urgent", "skipped")]


def test_dead_since_is_told_programs():
    with Mortal(1) as peer:
        report = json.loads(check(peer.address, "--json", *only("one-byte", "garbage", "urgent"),
                                  "--timeout", "300ms").stdout)
        assert report["dead_since"] == "garbage"
        assert (report["passed"], report["failed"], report["not_run"]) == (1, 1, 1)


def test_datagrams_that_end_are_dead_since():
    with Datagrams(lambda data, number: [data] if number <= 18 else []) as service:
        result = check(service.address, "--timeout", "200ms", "--skip", "datagram-once")
        assert result.returncode == 3
        assert verdicts(result) == {"datagram-whole": "pass", "datagram-empty": "fail"}
        assert "no answer since 'datagram-empty'" in result.stdout


def test_a_service_that_fails_but_lives_is_tried_to_the_end():
    def no_garbage(connection):
        while data := connection.recv(1 << 16):
            connection.sendall(data.replace(b"\n", b"\r"))

    with Peer(no_garbage) as peer:
        result = check(peer.address, *only("one-byte", "garbage", "silence"), "--timeout", "1s")
        assert verdicts(result) == {"one-byte": "pass", "garbage": "fail", "silence": "pass"}


def test_a_service_that_is_started_again_is_not_dead():
    """It resets one rule's connection, and the one that asks whether it is there; then it is there again."""
    count = iter(range(1000))

    def serve(connection):
        if next(count) in (1, 2):
            meari.reset(connection)
        else:
            talk_peers.echo(connection)

    with Peer(serve) as peer:
        result = check(peer.address, *only("one-byte", "byte-by-byte", "garbage"), "--timeout", "5s")
    assert verdicts(result) == {"one-byte": "pass", "byte-by-byte": "fail", "garbage": "pass"}
    assert "no answer since" not in result.stdout and result.returncode == 3


# ---- datagrams that are exact, and late, twice, or out of order ----

def test_late_answers_are_exact():
    with Server("udp://127.0.0.1:0", "--fault", "delay=400ms") as server:
        result = check(server.addresses[0], "--timeout", "1s")
        assert "fail" not in verdicts(result).values(), result.stdout
        assert verdicts(result)["datagram-whole"] == "pass"
        assert result.returncode == 0


def test_doubled_answers_fail_one_rule_only():
    with Datagrams(lambda data, number: [data] * (2 if number % 33 == 5 else 1)) as service:
        result = check(service.address, "--skip", "datagram-loop")
        assert {name for name, verdict in verdicts(result).items() if verdict == "fail"} == {"datagram-once"}
        assert result.returncode == 3


def test_answers_out_of_order_are_exact():
    """Each answer waits until three more have come, or nothing has come for a while."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        service.settimeout(0.05)
        over = threading.Event()

        def serve():
            held = []
            while not over.is_set():
                try:
                    held.append(service.recvfrom(1 << 16))
                except TimeoutError:
                    pass
                else:
                    if len(held) < 4:
                        continue
                while held:
                    service.sendto(*held.pop())

        thread = threading.Thread(target=serve)
        thread.start()
        result = check(f"udp://127.0.0.1:{service.getsockname()[1]}", "--skip", "datagram-loop")
        over.set()
        thread.join()
        assert set(verdicts(result).values()) == {"pass"}, result.stdout


def test_lost_datagrams_are_tried_again():
    with Datagrams(lambda data, number: [] if number % 4 == 0 else [data]) as service:
        result = check(service.address, "--timeout", "200ms", "--skip", "datagram-loop")
        assert set(verdicts(result).values()) == {"pass"}, result.stdout


# ---- results in every case ----

def test_interrupted_results_are_written(tmp_path):
    with Server("tcp://127.0.0.1:0") as server:
        process = subprocess.Popen(
            [MEARI, "check", server.addresses[0], "--junit", tmp_path / "check.xml",
             *only("one-byte", "silence", "families")],
            stdout=subprocess.PIPE, text=True, env=environment())
        assert "one-byte" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=meari.STOP_S)[0]
        assert process.returncode == 130
        assert "1 passed, 0 failed, 0 skipped, 2 not run" in rest
        found = cases(tmp_path / "check.xml")
        assert [what for _, what, _ in found] == [None, "error", "skipped"]
        assert "interrupted" in found[1][2]


def test_junit_on_standard_output():
    with Server("tcp://127.0.0.1:0") as server:
        result = check(server.addresses[0], "--junit", "-", *only("one-byte"))
        assert result.returncode == 0
        assert cases(result.stdout) == [("one-byte", None, None)]
        result = check(server.addresses[0], "--junit", "-", "--json")
        assert result.returncode == 2
        assert "both want standard output" in result.stderr


def test_what_cannot_be_written_is_noticed_before_anybody_is_asked(tmp_path):
    with Peer(talk_peers.echo) as peer:
        result = check(peer.address, "--junit", tmp_path / "no" / "check.xml")
        assert result.returncode == 1
        assert result.stderr.count("\n") == 1 and "No such file or directory" in result.stderr
        assert result.stdout == ""
        assert peer.peers == []


def test_a_file_is_written_anew(tmp_path):
    path = tmp_path / "check.xml"
    path.write_text("what was here before " * 1000)
    with Server("tcp://127.0.0.1:0") as server:
        assert check(server.addresses[0], "--junit", path, *only("one-byte")).returncode == 0
        assert cases(path) == [("one-byte", None, None)]


def test_a_full_disk_is_told_as_that():
    with Server("tcp://127.0.0.1:0") as server:
        for option, file in ((["--junit", "/dev/full"], subprocess.PIPE), (["--json"], None), ([], None)):
            with open("/dev/full", "w", encoding="utf-8") as full:
                result = check(server.addresses[0], *only("one-byte"), *option, stdout=file or full)
            assert result.returncode == 1
            assert result.stderr.count("\n") == 1 and "No space left on device" in result.stderr


def test_a_reader_that_has_enough_ends_it_in_silence():
    with Server("tcp://127.0.0.1:0") as server:
        for option in ([], ["--json"], ["--junit", "-"]):
            reader, writer = os.pipe()
            os.close(reader)
            result = check(server.addresses[0], *only("one-byte"), *option, stdout=writer)
            os.close(writer)
            assert (result.returncode, result.stderr) == (141, "")


def test_json_is_one_line():
    with Server("tcp://127.0.0.1:0") as server:
        result = check(server.addresses[0], "--json", *only("one-byte", "families"))
        assert result.stdout.count("\n") == 1
        report = json.loads(result.stdout)
        assert report["address"] == server.addresses[0]
        assert report["error"] is None and report["dead_since"] is None


# ---- rules judge what they can see, and say what they saw ----

def evidence(result, rule):
    [line] = [line for line in result.stdout.splitlines() if re.match(rf"\w+ +\S+ +{rule} ", line)]
    return line


@pytest.mark.parametrize("size", ["1", "100", "1M"])
def test_our_server_fails_no_rule_at_any_size(engine, size):
    with Server("tcp://127.0.0.1:0", engine=engine) as server:
        result = check(server.addresses[0], "--size", size, "--timeout", "1s", "--skip", "thousand",
                       "--skip", "abandoned", "--skip", "silence")
        found = verdicts(result)
        assert result.returncode == 0 and "fail" not in found.values(), result.stdout
        # What fits into the buffers of the kernel says nothing of the service.
        for name in ("bounded-memory", "stuck", "slow-reader"):
            assert found[name] == "skip", result.stdout


def test_a_service_that_hangs_is_not_bounded():
    """It stops reading, indeed: but for good."""
    def hang(connection):
        connection.sendall(connection.recv(1 << 16))
        peer.go_on.wait(meari.ANSWER_S)

    with Peer(hang) as peer:
        result = check(peer.address, *only("bounded-memory"), "--timeout", "500ms")
        assert verdicts(result) == {"bounded-memory": "fail"}


def linger(connection):
    """Holds all that it cannot send, but when its client has finished only for half a second."""
    held, over, until = b"", False, None
    connection.setblocking(False)
    while not over or held:
        ready = select.select([] if over else [connection], [connection] if held else [], [],
                              None if until is None else max(until - time.monotonic(), 0))
        if until is not None and time.monotonic() >= until:
            return
        if ready[0]:
            data = connection.recv(1 << 18)
            held += data
            if not data:
                over, until = True, time.monotonic() + 0.5
        if ready[1]:
            held = held[connection.send(held[:1 << 18]):]


def test_late_answers_after_a_half_close_are_asked_for():
    with Peer(linger) as peer:
        result = check(peer.address, *only("half-close"), "--timeout", "1s")
        assert verdicts(result) == {"half-close": "fail"}, result.stdout
        assert "the client read late after its half-close" in result.stdout


def test_urgent_data_lost_or_stalled():
    with Peer(talk_peers.echo) as peer:
        line = evidence(check(peer.address, *only("urgent"), "--timeout", "500ms"), "urgent")
        assert "the urgent byte was lost" in line

    def stall(connection):
        connection.sendall(meari.receive_exactly(connection, 10000))
        peer.go_on.wait(meari.ANSWER_S)

    with Peer(stall) as peer:
        line = evidence(check(peer.address, *only("urgent"), "--timeout", "500ms"), "urgent")
        assert "stalled at the urgent byte: 10000 of 20000 bytes" in line


def test_a_small_backlog_is_told_as_that():
    with socket.create_server(("127.0.0.1", 0), backlog=5) as listener:
        def serve():
            for _ in range(3):
                threading.Thread(target=talk_peers.echo, args=listener.accept(), daemon=True)

        threading.Thread(target=serve, daemon=True).start()
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        line = evidence(check(address, *only("thousand"), "--timeout", "500ms"), "thousand")
        assert line.startswith("FAIL") and "backlog" in line
        assert re.search(r"only \d+ of 1,000 clients could connect at once", line)


def test_a_missing_end_is_told_as_that():
    def no_fin(connection):
        talk_peers.echo(connection)
        peer.go_on.wait(meari.ANSWER_S)

    with Peer(no_fin) as peer:
        result = check(peer.address, *only("half-close", "half-close-at-once"), "--timeout", "300ms")
        assert "all that was sent came back (1 bytes), but the service did not finish: no FIN" in \
            evidence(result, "half-close")
        assert "finished without a byte, but the service did not: no FIN" in \
            evidence(result, "half-close-at-once")


@pytest.mark.parametrize("spoil, words", [
    (lambda data: data[:5000] + data[5001:], "1 byte is missing at offset 5000"),
    (lambda data: data[:5000] + data[5700:], "700 bytes are missing from offset 5000 on"),
    (lambda data: data[:5000] + bytes(byte ^ 1 for byte in data[5000:5001]) + data[5001:],
     "1 byte came back changed, at offset 5000"),
    (lambda data: data[:5000] + data[4000:], "at offset 5000 came what had been sent 1000 bytes before"),
    (lambda data: data[:5000] + b"??????" + data[5000:], "6 bytes that were never sent came at offset 5000"),
])
def test_missing_bytes_are_told_from_changed_ones(spoil, words):
    def serve(connection):
        connection.sendall(spoil(meari.receive_exactly(connection, 10000)))
        talk_peers.echo(connection)

    with Peer(serve) as peer:
        line = evidence(check(peer.address, *only("small-writes"), "--timeout", "1s"), "small-writes")
        assert words in line


def test_a_slow_pass_says_so():
    def slow(connection):
        while data := connection.recv(1 << 16):
            time.sleep(0.001)
            connection.sendall(data)

    with Peer(slow) as peer:
        result = check(peer.address, *only("one-byte", "byte-by-byte"), "--timeout", "400ms")
        assert "slow, it took" in evidence(result, "byte-by-byte")
        assert "slow" not in evidence(result, "one-byte")
        assert result.returncode == 0


def test_an_answer_from_elsewhere_is_no_answer():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))

        def answer(data, number):
            other.sendto(data, service.who)
            return []

        with Datagrams(answer) as service:
            result = check(service.address, *only("datagram-whole"), "--timeout", "200ms")
            assert verdicts(result) == {"datagram-whole": "fail"}
            assert f"and 'udp://127.0.0.1:{other.getsockname()[1]}' answered" in result.stdout


# ---- silence ----

def test_an_interrupted_search_claims_nothing():
    with Server("tcp://127.0.0.1:0", "-v") as server:
        process = subprocess.Popen([MEARI, "check", server.addresses[0], "--idle", "10m"],
                                   stdout=subprocess.PIPE, text=True, env=environment())
        server.wait_stderr("accepted")
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=meari.STOP_S)[0]
        assert process.returncode == 130
        assert "still lives after" not in told


def test_a_service_that_ends_is_not_the_way():
    """Sixteen connections wait; all of them end, because the service does."""
    barrier = threading.Barrier(16)

    def serve(connection):
        connection.sendall(meari.receive_exactly(connection, 16))
        barrier.wait(meari.ANSWER_S)

    with Mortal(16, serve) as peer:
        result = check(peer.address, "--idle", "10m", "--json")
        assert result.returncode == 1
        assert "the service no longer answers" in result.stderr
        assert list(json.loads(result.stdout)) == ["error"]
