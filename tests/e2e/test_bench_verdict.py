"""meari bench: a service that dies, hangs, lies or was never there gets no good word, and is told by number."""

import json
import re
import signal
import socket
import subprocess
import threading

import pytest

from meari import ANSWER_S, MEARI, Server, environment, run
from reference import Histogram
from talk_peers import Datagrams, Peer, echo, reset

SHORT = ["--warm-up=20ms", "--duration=300ms", "--timeout=200ms"]
# What is to be answered in the warm-up is, on a busy machine, too.
LONG_WARM_UP = ["--warm-up=1s", "--duration=300ms", "--timeout=900ms"]


def bench(*arguments, **options):
    return run("bench", *arguments, **options)


def measured(*arguments, status=0):
    done = bench("--json", *arguments)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout), done.stderr


def reasons(result):
    return {reason["code"]: {figure["name"]: figure["value"] for figure in reason["figures"]}
            for reason in result["trust"]["reasons"]}


def kept(result):
    return [one["text"] for one in result["asserts"] if one["holds"]]


# ---- due and never sent ----

def test_what_was_due_and_never_sent(engine, tmp_path):
    """Each connection echoes 32 messages and then nothing; 600 are due."""
    log = tmp_path / "log"
    with Server("tcp://127.0.0.1:0", "--fault", "stall,after=2K") as server:
        result, told = measured("-c2", "-w0", "-r200", "-d3s", "--assert=loss<40%", "--assert=p99<50ms",
                                "--assert=errors==0", f"--hdr={log}", f"--engine={engine}",
                                server.addresses[0], status=3)
    counts = result["counts"]
    assert counts["received"] == 64 and counts["sent"] + counts["unsent"] == 600
    assert counts["unsent"] >= 500
    loss, p99, errors = result["asserts"]
    assert loss["value"] == pytest.approx(536 / 600)
    assert p99["value"] > 2e9 and errors["value"] >= 536 and not kept(result)
    assert result["latency"]["intended"]["count"] == 600
    assert result["latency"]["sent"]["count"] == counts["sent"]
    assert result["trust"]["trusted"] is False
    assert reasons(result)["messages-unsent"] == {"unsent": counts["unsent"], "due": 600}
    assert f"{counts['unsent']} never sent" in told and "loss 89.3%" in told
    # In each interval those that were due in it.
    assert sum(one["unsent"] for one in result["intervals"]) == counts["unsent"]
    second = result["intervals"][1]  # on a busy machine an interval is a little longer than a second
    assert second["unsent"] == pytest.approx(200 * second["length_ns"] / 1e9, abs=3)
    assert all(one["errors"] >= one["unsent"] for one in result["intervals"])
    waits = [Histogram(line.split(",")[-1]) for line in log.read_text().splitlines()
             if line.startswith("Tag=unsent,")]
    assert sum(one.count for one in waits) == counts["unsent"]
    # And a report tells the same.
    saved = tmp_path / "run.json"
    saved.write_text(json.dumps(result))
    shown = run("report", saved).stdout
    assert f"{counts['unsent']} never sent" in shown and "were never sent, because" in shown


def test_results_from_before_are_read(address, tmp_path):
    result, _ = measured(*SHORT, "--rate=500", address)
    for name in ("unsent", "silent", "stalled", "overruns", "faults", "strays"):
        del result["counts"][name]
    for interval in result["intervals"]:
        del interval["unsent"]
    saved = tmp_path / "run.json"
    saved.write_text(json.dumps(result))
    done = run("report", saved)
    assert done.returncode == 0 and "no errors" in done.stdout


def test_a_connection_that_churn_could_not_make():
    """The listener is gone after the first few: what was due then was never sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve():
            for _ in range(10):
                with listener.accept()[0] as connection:
                    echo(connection)
            listener.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=serve)
        thread.start()
        result, _ = measured("-w0", "-d1s", "-c4", "--churn=2", "--rate=100", "--timeout=100ms",
                             "--assert=loss<50%", "--assert=errors==0", f"tcp://127.0.0.1:{port}",
                             status=3)
        thread.join()
    counts = result["counts"]
    assert counts["unsent"] >= 150
    assert counts["sent"] + counts["unsent"] == pytest.approx(200, abs=4)
    assert not kept(result)


# ---- silence in the closed loop ----

def test_connections_that_were_silent_all_the_time(engine):
    """Three of five answer until the measuring begins, and no more."""
    gate, number = threading.Lock(), [0]

    def serve(connection):
        with gate:
            number[0] += 1
            mine = number[0]
        if mine in (2, 4, 6):  # the first is the one that asks who is there
            connection.sendall(connection.recv(64, socket.MSG_WAITALL))
            while connection.recv(65536):
                pass
        echo(connection)

    with Peer(serve) as peer:
        result, told = measured("-c5", *LONG_WARM_UP, "--assert=silent==0", "--assert=errors==0",
                                f"--engine={engine}", peer.address, status=3)
    assert result["counts"]["silent"] == 3 and result["counts"]["stalled"] == 0
    assert not kept(result)
    assert result["asserts"][0]["value"] == 3
    assert reasons(result)["connections-silent"] == {"silent": 3, "stalled": 0, "connections": 5}
    assert "3 connections silent" in told and "no errors" not in told
    assert "3 of 5 connections brought nothing back" in told


def test_a_service_that_hangs_in_the_closed_loop(engine):
    """It answers for a third of the time; what the percentiles say is of that third."""
    stop = threading.Event()
    timer = threading.Timer(0.4, stop.set)

    def serve(connection):
        while data := connection.recv(65536):
            if stop.is_set():
                continue
            connection.sendall(data)

    with Peer(serve) as peer:
        timer.start()
        result, told = measured("-c4", "-w0", "-d1s", "--timeout=200ms", "--assert=p50<500ms",
                                "--assert=errors==0", f"--engine={engine}", peer.address, status=3)
    counts = result["counts"]
    assert counts["stalled"] == 4 and counts["silent"] == 0 and counts["lost"] == 4
    assert result["latency"]["sent"]["max_ns"] > 600e6  # they have waited, at least so long
    assert result["trust"]["trusted"] is False
    assert "4 of 4 connections stopped answering" in told
    assert "4 connections stalled" in told


def test_datagrams_that_stop():
    stop = threading.Event()
    threading.Timer(0.4, stop.set).start()
    with Datagrams(lambda data, number: [] if stop.is_set() else [data]) as peer:
        result, told = measured("-c2", "-w0", "-d1500ms", "--timeout=200ms", "--assert=errors==0",
                                peer.address, status=3)
    assert result["counts"]["stalled"] == 2
    assert result["trust"]["trusted"] is False and "2 connections stalled" in told


@pytest.mark.parametrize("load", [[], ["--churn"], ["--churn=3"], ["--rate=200"],
                                  ["--rate=100", "--churn"]])
def test_a_service_that_dies(load):
    """For most of the time there is nobody; who is refused at once waits for nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        port = listener.getsockname()[1]
        connections, dead = [], threading.Event()

        def die():
            dead.set()
            listener.shutdown(socket.SHUT_RDWR)  # which ends accept(), which ends the others

        def serve(connection):
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                pass
            connection.close()

        def accept():
            try:
                while not dead.is_set():
                    connection = listener.accept()[0]
                    connections.append(connection.dup())
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()
            except OSError:
                pass
            for connection in connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        timer = threading.Timer(0.4, die)
        timer.start()
        result, told = measured("-c3", "-w0", "-d1500ms", "--timeout=200ms", *load, "--assert=loss<50%",
                                "--assert=errors==0", f"tcp://127.0.0.1:{port}", status=3)
        timer.join()
        thread.join()
    assert result["trust"]["trusted"] is False, told
    assert "no errors" not in told
    if "--rate=200" in load or "--rate=100" in load:
        assert not kept(result)


def test_a_service_that_doubles():
    with Datagrams(lambda data, number: [data, data]) as peer:
        result, told = measured("-c2", *SHORT, "--rate=200", "--assert=errors==0", peer.address, status=3)
    assert result["counts"]["duplicates"] > 10 and "no errors" not in told


# ---- services that lie ----

@pytest.mark.parametrize("answer", [b"nonsense", b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 64])
@pytest.mark.parametrize("load", [[], ["--rate=200"]])
def test_nonsense_is_damage(answer, load):
    """Now and then something else comes back."""
    count = [0]

    def serve(connection):
        while data := connection.recv(64, socket.MSG_WAITALL):
            count[0] += 1
            connection.sendall(answer if count[0] % 5 == 4 else data)
            if count[0] % 5 == 4:
                return

    with Peer(serve) as peer:
        result, told = measured("-c2", *SHORT, "-w0", "-d1s", *load, "--assert=damaged==0",
                                "--assert=errors==0", peer.address, status=3)
    assert result["counts"]["damaged"] >= 2, told
    assert not kept(result) and "no errors" not in told
    assert "first damage" in told


@pytest.mark.parametrize("answer", [b"nonsense", b"", b"x" * 100])
def test_nonsense_in_datagrams_is_damage(answer):
    with Datagrams(lambda data, number: [answer if number % 5 == 4 else data]) as peer:
        result, told = measured("-c2", *SHORT, "-w0", "--rate=200", "--assert=damaged==0",
                                "--assert=errors==0", peer.address, status=3)
    counts = result["counts"]
    assert counts["damaged"] >= 5
    assert counts["sent"] == counts["received"] + counts["damaged"] + counts["lost"]
    assert not kept(result) and "no errors" not in told


def test_more_than_was_sent():
    def serve(connection):
        while data := connection.recv(64, socket.MSG_WAITALL):
            connection.sendall(data + b"!")

    with Peer(serve) as peer:
        result, told = measured("-c2", *SHORT, "--assert=errors==0", peer.address, status=3)
    assert result["counts"]["overruns"] >= 2
    assert "with more bytes than were sent" in told and "no errors" not in told


def test_a_service_that_answers_nothing_right():
    def serve(connection):
        while data := connection.recv(65536):
            connection.sendall(b"\0" * len(data))

    with Peer(serve) as peer:
        done = bench("-c2", *SHORT, "--assert=p99<1h", peer.address)
    assert done.returncode == 1
    assert "as it was sent (is it an echo service?)" in done.stderr


@pytest.mark.parametrize("load", [[], ["--rate=500"]])
def test_nobody_there_over_udp(load):
    """A bound socket that nobody reads, and a port that nobody has."""
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        for address in (f"udp://127.0.0.1:{taken.getsockname()[1]}", "udp://127.0.0.1:9"):
            done = bench("-c2", *SHORT, *load, address)
            assert done.returncode == 1
            assert "no errors" not in done.stdout
            assert "nothing came back from" in done.stderr or "refused" in done.stderr


# ---- kept, and yet no good word ----

class Bad:
    """A stream service that goes wrong, in the way named, at or from its 21st message."""

    def __init__(self, way):
        self.way, self.count, self.accepted = way, 0, 0
        self.gate, self.connections = threading.Lock(), []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.address = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.die()

    def die(self):
        with self.gate:
            for one in (self.listener, *self.connections):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            with self.gate:
                self.connections.append(connection)
                self.accepted += 1
            if self.way == "refuse" and self.accepted > 2 and self.accepted % 2:
                reset(connection)
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _answer(self, data, number):
        if self.way == "hang" and number > 20:
            return b""
        if number == 60 and self.way in ("lie", "double", "more"):
            return {"lie": b"x" * len(data), "double": data * 2, "more": data + b"!"}[self.way]
        return data

    def _serve(self, connection):
        with connection:
            try:
                while data := connection.recv(64, socket.MSG_WAITALL):
                    with self.gate:
                        self.count += 1
                        number = self.count
                    if self.way == "die" and number == 21:
                        self.die()
                    connection.sendall(self._answer(data, number))
            except OSError:
                pass


MODES = {"closed": [], "open": ["--rate=200"], "churn": ["--churn=2"],
         "timed churn": ["--rate=100", "--churn=2"]}
LONG = ["-c4", "-w0", "-d600ms", "--timeout=200ms"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["die", "hang", "refuse", "lie", "double", "more"])
def test_kept_by_a_bad_service_is_not_success(way, mode):
    """1: nothing came back while it was measured; 4: the promise does not cover what failed."""
    with Bad(way) as service:
        done = bench("--json", *LONG, *MODES[mode], "--assert=p50<1h", "--assert=rate>=0",
                     service.address)
    assert done.returncode in (1, 4), done.stderr
    if done.returncode == 4:
        assert kept(json.loads(done.stdout)) == ["p50<1h", "rate>=0"]
        assert "\nkept, but the " in done.stderr


@pytest.mark.parametrize("promises", [["p50<1h", "errors==0"], ["errors==0", "p50<1h"]])
@pytest.mark.parametrize("way", ["hang", "lie", "refuse"])
def test_broken_wins_over_kept(way, promises):
    with Bad(way) as service:
        result, told = measured(*LONG, "--rate=200", *(f"--assert={one}" for one in promises),
                                service.address, status=3)
    assert kept(result) == ["p50<1h"] and "kept, but" not in told


@pytest.mark.parametrize("way", ["lie", "double", "more"])
def test_a_search_with_wrong_bytes_on_its_way(way):
    with Bad(way) as service:
        result, told = measured("-c4", "-w0", "-d200ms", "--find-max=p99<10s", "--rate=700",
                                service.address, status=4)
    assert result["find_max"]["rate_per_s"] > 0
    assert "kept at that rate, but at others the service returned wrong" in told


@pytest.mark.parametrize("promise", ["damaged<3", "loss<=50%", "errors<=9"])
def test_damage_that_is_asserted_is_judged(promise):
    with Bad("lie") as service:
        result, _ = measured(*LONG, "--rate=200", f"--assert={promise}", service.address)
    assert kept(result) == [promise]


@pytest.mark.parametrize("promise", ["errors>=0", "errors!=7", "damaged>0", "loss!=50%"])
def test_a_promise_that_limits_nothing_covers_nothing(promise):
    with Bad("lie") as service:
        result, _ = measured(*LONG, "--rate=200", f"--assert={promise}", service.address, status=4)
    assert kept(result) == [promise]


@pytest.mark.parametrize("load, word", [([], "silent"), (["--rate=200"], "never sent")])
def test_figures_that_do_not_cover_the_load(load, word):
    """Half of the connections answer."""
    number, gate = [0], threading.Lock()

    def serve(connection):
        with gate:
            number[0] += 1
            mine = number[0]
        while data := connection.recv(65536):
            if mine % 2:
                connection.sendall(data)

    with Peer(serve) as peer:
        result, told = measured(*LONG, "-p2", *load, "--assert=p50<1h", peer.address, status=4)
    assert "kept, but the figures do not cover the whole load" in told and word in told
    assert result["trust"]["trusted"] is False


def test_a_limit_of_the_generator_is_no_failure():
    """Out of descriptors: printed, doubted, and the status stays 0."""
    with Server("tcp://127.0.0.1:0") as server:
        done = subprocess.run(["sh", "-c", "ulimit -n 60; exec \"$@\"", "sh", MEARI, "bench", "-c100",
                               "-t1", *SHORT, "--assert=p50<1h", server.addresses[0]],
                              capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == 0, done.stderr
    assert "connections could be made (Too many open files)" in " ".join(done.stdout.split())


@pytest.mark.parametrize("way", ["lie", "double", "unknown", "hang"])
@pytest.mark.parametrize("load", [[], ["--rate=500"]])
def test_kept_by_a_bad_datagram_service_is_not_success(way, load):
    def answer(data, number):
        wrong = number % 50 == 49
        if way == "hang":
            return [data] if number <= 20 else []
        return {"lie": [b"x" * len(data)], "double": [data, data],
                "unknown": [data, b"hello"]}[way] if wrong else [data]

    with Datagrams(answer) as peer:
        done = bench("-c2", "-w0", "-d600ms", "--timeout=200ms", *load, "--assert=p50<1h", peer.address)
    assert done.returncode in (1, 4), done.stdout


# ---- promises about nothing ----

def test_nothing_due_keeps_nothing(address):
    """A second message would be due after 1,000 s; the first belongs to the warm-up."""
    promises = ["errors==0", "loss<1%", "p99<1s", "damaged==0", "late==0"]
    done = bench("--rate=0.001", *LONG_WARM_UP, *[f"--assert={promise}" for promise in promises], address)
    assert done.returncode == 1
    for promise in promises:
        assert f"broken: {promise} (nothing was measured)" in done.stdout
    assert "nothing was due to be sent" in done.stderr


def test_an_answer_of_the_warm_up_measures_nothing():
    """It comes back while the measuring goes on, and belongs to no message that was due then."""
    started = threading.Event()

    def serve(connection):
        while data := connection.recv(64):
            if started.is_set():
                # Behind the warm-up: what was sent in it, and waits for its answer.
                threading.Event().wait(0.4)
            started.set()
            connection.sendall(data)

    with Peer(serve) as peer:
        done = bench("--rate=0.001", "--warm-up=300ms", "--duration=600ms", "--timeout=10s", "--assert=errors==0",
                     peer.address)
    assert done.returncode == 1, done.stdout
    assert "nothing was due to be sent" in done.stderr


def test_bytes_that_nobody_compared_are_not_undamaged(address):
    result, _ = measured(*SHORT, "--no-verify", "--assert=damaged==0", address, status=3)
    assert result["asserts"][0] == {"text": "damaged==0", "value": None, "holds": False}


# ---- sums ----

def test_no_more_is_received_than_was_sent(address):
    for _ in range(5):
        counts = measured("-w0", "-d50ms", "-c32", "-t2", address)[0]["counts"]
        assert counts["received"] <= counts["sent"]


def test_intervals_are_the_whole_measuring(address):
    """The first begins with the measuring, and each where the one before ended."""
    result, _ = measured("-w150ms", "-d450ms", "--interval=100ms", "--rate=1k", address)
    expected_ns = 0
    for interval in result["intervals"]:
        assert interval["start_ns"] == expected_ns
        expected_ns += interval["length_ns"]
    assert expected_ns == result["duration_ns"] == 450_000_000
    assert result["intervals"][0]["length_ns"] < 200e6
    assert sum(one["sent"] for one in result["intervals"]) == 450


# ---- cut short ----

@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("load", [[], ["--rate=100"], ["--find-max=p99<10s", "--rate=64"]])
def test_cut_short_by_a_signal(address, number, status, load):
    """The result is written all the same, and the signal wins over what is broken."""
    with subprocess.Popen([MEARI, "bench", "--json-lines", "--interval=50ms", "--warm-up=0",
                           "--duration=1h", "--assert=p50<1ns", *load, address], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment()) as process:
        assert "interval" in process.stdout.readline()
        process.send_signal(number)
        out, told = process.communicate(timeout=ANSWER_S)
    assert process.returncode == status
    assert json.loads(out.splitlines()[-1])["interrupted"] is True
    if "--rate=64" in load:
        assert "the search was cut short before a rate was found that keeps p99<10s" in told
    else:
        assert re.search(rf"^cut short by {number.name}: the figures are of the first \S+ of 3600s$",
                         told, re.MULTILINE), told


def test_cut_short_before_anything_was_measured(address):
    with subprocess.Popen([MEARI, "bench", "--trace", "--warm-up=1h", address], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment()) as process:
        while "recv" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=ANSWER_S)[1]
    assert process.returncode == 143
    assert "interrupted before anything was measured" in told


# ---- other ----

def test_auto_is_no_time(address):
    result, _ = measured(*SHORT, "--busy-poll=auto", address)
    assert result["load"]["busy_poll_ns"] == 0
    assert result["environment"]["options"]["busy-poll"] == "auto"


def test_out_of_descriptors_is_not_asked_again_and_again(address):
    """One call that fails at once is enough in a tenth of a second, however many wait for it."""
    done = subprocess.run(["sh", "-c", "ulimit -n 60; exec \"$@\"", "sh", MEARI, "bench", "--trace",
                           "--quiet", "-c400", "-t1", "-w0", "-d700ms", address],
                          capture_output=True, text=True, env=environment(), timeout=60)
    failed = len(re.findall(r"^socket\(.*EMFILE", done.stderr, re.MULTILINE))
    # 400 for the first time, and then about seven more.
    assert 300 < failed < 400 + 40


@pytest.fixture
def address():
    with Server("tcp://127.0.0.1:0") as server:
        yield server.addresses[0]
