"""meari bench: its options, its results in every form, what it is judged by, and its exit statuses.

Whether the figures are right is test_bench_accuracy.py's affair."""

import errno
import json
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

import seccomp
from meari import ANSWER_S, MEARI, SANITIZER, Server, environment, run
from reference import Histogram
from talk_peers import Datagrams, Peer, Terminal, echo, reset
from wire import Wire

ADDRESSES = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "udp://127.0.0.1:0", "udp://[::1]:0",
             "unix:{}/stream", "unix:@meari-bench-{}", "unixgram:{}/datagram"]
SHORT = ["--warm-up=20ms", "--duration=200ms"]


def bench(*arguments, **options):
    return run("bench", *arguments, **options)


def measured(*arguments, status=0):
    """One short run; its result."""
    done = bench("--json", "--quiet", *SHORT, *arguments)
    assert done.returncode == status, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def adds_up(result):
    counts = result["counts"]
    return counts["sent"] == counts["received"] + counts["damaged"] + counts["lost"]


@pytest.fixture
def server():
    with Server("tcp://127.0.0.1:0", "udp://127.0.0.1:0") as running:
        yield running


@pytest.fixture
def address(server):
    return server.addresses[0]


# ---- loads ----

@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("load", ["closed", "open"])
def test_every_kind_of_address(engine, tmp_path, address, load):
    with Server(address.format(tmp_path)) as server:
        result = measured(server.addresses[0], f"--engine={engine}",
                          *(["--rate=1k"] if load == "open" else []))
    assert result["load"]["mode"] == load
    assert result["environment"]["engine"] == engine
    assert result["target"] == {"address": server.addresses[0], "scheme": address.split(":")[0]}
    counts = result["counts"]
    assert counts["received"] > 50
    assert counts["damaged"] == counts["duplicates"] == counts["connect_errors"] == 0
    assert adds_up(result)
    assert ("intended" in result["latency"]) == (load == "open")


def test_the_rate_asked_for_is_the_rate_reached(address):
    result = measured(address, "--rate=2k", "--duration=500ms")
    assert result["rate"]["asked_per_s"] == 2000
    assert result["counts"]["sent"] == 1000
    assert result["latency"]["intended"]["count"] == result["latency"]["sent"]["count"] == 1000
    assert result["rate"]["reached_per_s"] == pytest.approx(2000, rel=0.1)


def test_a_profile_is_followed(address):
    done = bench("--json", "--rate=0..4k@200ms,1k@200ms", "--warm-up=0", "--interval=100ms", address)
    result = json.loads(done.stdout)
    assert result["load"]["profile"] == "0..4k@200ms,1k@200ms"
    assert result["duration_ns"] == 400_000_000
    assert result["counts"]["sent"] == 600
    assert result["rate"]["asked_per_s"] == 1500
    assert sum(one["sent"] for one in result["intervals"]) == 600


def test_a_duration_cuts_a_profile(address):
    assert measured(address, "--rate=1k@200ms,5k@10s", "--duration=200ms")["counts"]["sent"] == 200


def test_several_threads_share_a_schedule(address):
    result = measured(address, "--rate=3k", "--threads=3", "--connections=7")
    assert result["load"]["threads"] == 3
    assert result["counts"]["sent"] == 600
    assert adds_up(result)


def test_poisson_arrivals_come_by_their_seed(address):
    sent = [measured(address, "--rate=2k", "--arrivals=poisson", f"--seed={seed}")["counts"]["sent"]
            for seed in (1, 1, 2)]
    assert sent[0] == sent[1]
    assert all(300 < count < 500 for count in sent)


def test_pipeline_and_sizes(address):
    result = measured(address, "--pipeline=8", "--size=64:9,16K:1", "--connections=3")
    assert result["load"]["pipeline"] == 8
    assert result["load"]["sizes"] == [{"bytes": 64, "weight": 9}, {"bytes": 16384, "weight": 1}]
    mean = result["counts"]["bytes_sent"] / result["counts"]["sent"]
    assert mean == pytest.approx((64 * 9 + 16384) / 10, rel=0.2)


def test_bulk_is_not_verified_unless_asked(address):
    assert measured(address, "--size=1M", "--connections=1")["load"]["verify"] is False
    assert measured(address, "--size=1M", "--connections=1", "--verify")["load"]["verify"] is True
    assert measured(address)["load"]["verify"] is True
    assert measured(address, "--no-verify")["load"]["verify"] is False


def test_churn_tells_connections_a_second(address):
    shown = bench("--churn=4", *SHORT, "--warm-up=0", "--duration=1s", "--rate=200", address)
    assert re.search(r"^  load +churn, 200/s, ", shown.stdout, re.MULTILINE)
    assert re.search(r"^  rate +asked 800/s, reached [78]\d\d/s, connections (?:19|20)\d/s", shown.stdout, re.MULTILINE)


@pytest.mark.parametrize("more", [[], ["--reset"], ["--rate=200"]])
def test_churn_makes_connections(address, more):
    result = measured(address, "--churn=2", "--connections=4", *more)
    assert result["load"]["mode"] == "churn"
    counts = result["counts"]
    assert counts["connects"] > 10
    assert result["latency"]["connect"]["count"] == counts["connects"]
    assert counts["resets"] == counts["connect_errors"] == counts["lost"] == 0
    if more == ["--rate=200"]:
        assert 38 <= counts["connects"] <= 41
    # Those at the ends of the window are half in it.
    assert abs(counts["sent"] - 2 * counts["connects"]) <= 16


def test_sources_take_turns():
    peers = set()

    def serve(connection):
        peers.add(connection.getpeername()[0])
        echo(connection)

    with Peer(serve) as peer:
        measured(peer.address, "--connections=6", "--source=127.0.0.2-127.0.0.3,127.0.0.9/32")
    assert peers - {"127.0.0.1"} == {"127.0.0.2", "127.0.0.3", "127.0.0.9"}


def test_source_ports_are_those_given(address):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ports = set()

    def serve(connection):
        ports.add(connection.getpeername()[1])
        echo(connection)

    with Peer(serve) as peer:
        measured(peer.address, "--connections=1", f"--source=127.0.0.1:{port}")
    assert port in ports


def test_many_calls_are_looked_after_while_others_are_made(engine, address):
    """Otherwise the time of the first would be over when the last is called."""
    done = bench("--trace", "--quiet", "--connections=3000", f"--engine={engine}", *SHORT, address)
    calls = [line.split("(")[0] for line in done.stderr.splitlines()]
    assert calls.count("connect") > 3000
    last = len(calls) - 1 - calls[::-1].index("connect")
    assert calls[:last].count("getpeername") > 100


def test_more_connections_than_an_address_has_ports(engine):
    """With 100 ports an address, as 28,000 would take that many descriptors."""
    with Wire() as wire:
        wire.do("echo 40000 40099 > /proc/sys/net/ipv4/ip_local_port_range")
        with Server("tcp4://127.0.0.1:7", prefix=wire.prefix) as server:
            def load(*options, status=0):
                done = subprocess.run(
                    [*map(str, wire.prefix), MEARI, "bench", "--json", *SHORT, "--connections=500",
                     "--rate=2k", "--timeout=300ms", f"--engine={engine}", *options, server.addresses[0]],
                    capture_output=True, text=True, env=environment(), timeout=60)
                assert done.returncode == status, done.stderr
                return (json.loads(done.stdout), done.stderr) if status == 0 else done.stderr
            result, told = load()
            [reason] = [one for one in result["trust"]["reasons"]
                        if one["code"] == "connections-missing"]
            figures = {one["name"]: one["value"] for one in reason["figures"]}
            # One has been used to look whether anybody is there, and rests.
            assert 95 <= figures["connected"] <= 100 and figures["connections"] == 500
            assert figures["errno"] == errno.EADDRNOTAVAIL
            assert "--source takes several" in told
            # Its ports rest now.
            done = load(status=1)
            assert re.fullmatch(r"meari: cannot connect to '\S+': Cannot assign requested address \(no "
                                r"port is free: .*; --source takes more addresses\)\n", done)
            for source in ("127.0.0.2-127.0.0.9", "127.0.1.1:10000-10599", "127.0.1.2:20000-20299,"
                           "127.0.1.3:20000-20299"):
                result, told = load(f"--source={source}", "--threads=2")
                assert "connections could be made" not in told
                assert result["counts"]["connect_errors"] <= 1  # there was the one that looked
                assert result["counts"]["received"] == 400


def test_a_thousand_connections(engine, address):
    result = measured(address, "--connections=1000", "--rate=2k", f"--engine={engine}")
    assert result["load"]["connections"] == 1000
    assert result["counts"]["received"] == 400
    assert "connections-missing" not in str(result["trust"])


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
@pytest.mark.parametrize("load", [[], ["--rate=500"], ["--churn"]])
def test_any_echo_service(tmp_path, load):
    """One of another make, which knows nothing of us."""
    path = tmp_path / "echo"
    with subprocess.Popen(["socat", "-d", "-d", f"UNIX-LISTEN:{path},fork", "PIPE"],
                          stderr=subprocess.PIPE, text=True) as socat:
        try:
            while "listening on" not in socat.stderr.readline():
                assert socat.poll() is None
            # It tells of every connection, and stops when nobody reads that.
            reader = threading.Thread(target=socat.stderr.read)
            reader.start()
            result = measured(f"unix:{path}", "--connections=3", "--timeout=5s", *load)
        finally:
            socat.terminate()
        reader.join()
    counts = result["counts"]
    assert counts["received"] > 5, result
    assert counts["damaged"] == 0, counts
    # A child of its that gives up early is its own affair, and told as that.
    assert counts["lost"] <= counts["resets"], counts


# ---- services that are not well ----

def test_lost_datagrams_are_counted():
    with Datagrams(lambda data, number: [] if number % 10 == 0 else [data]) as peer:
        result = measured(peer.address, "--rate=500", "--timeout=200ms", "--warm-up=0")
    counts = result["counts"]
    assert counts["sent"] == 100
    # The first datagram of all may be the one that asks who is there.
    assert 9 <= counts["lost"] <= 11
    assert adds_up(result)


def test_damage_is_counted_and_told():
    def serve(connection):
        count = 0
        while data := connection.recv(65536):
            count += len(data)
            connection.sendall(b"\0" * len(data) if count > 6400 else data)

    with Peer(serve) as peer:
        done = bench("--connections=1", *SHORT, "--rate=1k", "--warm-up=0", "--assert=damaged==0",
                     peer.address)
    assert done.returncode == 3
    # Messages that arrive together are damaged together.
    found = re.search(r"first damage: connection 0, message (\d+), offset (\d+): expected \d+, got 0",
                      done.stdout)
    assert found and int(found[2]) == 64 * int(found[1]) <= 6400
    assert "broken: damaged==0 (damaged " in done.stdout


def test_connections_that_are_reset_are_made_again():
    """Each connection is reset after ten echoes of 64 bytes."""
    def serve(connection):
        for _ in range(10):
            connection.sendall(connection.recv(64, socket.MSG_WAITALL))
        reset(connection)

    with Peer(serve) as peer:
        result = measured(peer.address, "--connections=2", "--duration=500ms")
    counts = result["counts"]
    assert counts["resets"] >= 4
    assert counts["received"] > 20
    assert adds_up(result)


def test_a_service_that_does_not_echo():
    def serve(connection):
        while connection.recv(65536):
            pass

    with Peer(serve) as peer:
        done = bench(*SHORT, "--timeout=100ms", peer.address)
    assert done.returncode == 1
    assert "nothing came back from" in done.stderr


def test_nobody_there(tmp_path):
    done = bench(f"unix:{tmp_path}/nobody")
    assert done.returncode == 1
    assert re.fullmatch(r"meari: cannot connect to 'unix:\S+': No such file or directory "
                        r"\(is a server running there\? 'meari serve' starts one\)\n", done.stderr)
    assert done.stdout == ""


def test_a_source_that_is_not_ours(address):
    done = bench(*SHORT, "--source=192.0.2.1", address)
    assert done.returncode == 1
    assert "--source must name addresses of this machine" in done.stderr


# ---- judging ----

def test_promises_that_hold(address):
    done = bench(*SHORT, "--rate=500", "--assert=p99<10s", "--assert=loss==0", "--assert=rate>1",
                 address)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^kept: p99<10s \(p99 [\d.]+[mu]s\)", done.stdout, re.MULTILINE)
    assert "kept: loss==0 (loss 0%)" in done.stdout


def test_a_promise_that_breaks_is_told_by_its_figure(address):
    done = bench("--json", *SHORT, "--rate=500", "--assert=errors==0", "--assert=p50<1ns", address)
    assert done.returncode == 3
    assert re.search(r"^broken: p50<1ns \(p50 [\d.]+[mu]s\)", done.stderr, re.MULTILINE)
    first, second = json.loads(done.stdout)["asserts"]
    assert first == {"text": "errors==0", "value": 0, "holds": True}
    assert second["text"] == "p50<1ns" and second["value"] > 1 and not second["holds"]


def test_what_was_not_measured_does_not_hold(address):
    done = bench(*SHORT, "--assert=connect.p99<1h", address)
    assert done.returncode == 3
    assert "broken: connect.p99<1h (nothing was measured)" in done.stdout


def slow_echo(rate_per_s):
    """Echoes so many messages of 64 bytes a second over all connections, and no more."""
    gate = threading.Lock()
    pause = threading.Event()

    def serve(connection):
        while data := connection.recv(64, socket.MSG_WAITALL):
            with gate:
                pause.wait(1 / rate_per_s)
            connection.sendall(data)
    return serve


def test_find_max_finds_the_services_limit():
    with Peer(slow_echo(400)) as peer:
        done = bench("--find-max=p90<100ms", "--json", "--rate=50", "--warm-up=0",
                     "--duration=400ms", "--connections=4", peer.address)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    steps = result["search"]
    assert [step["rate_per_s"] for step in steps[:3]] == [50, 100, 200]
    assert steps[0]["kept"] and steps[0]["figure"] == "p90"
    # Above the limit the queue grows: that cannot be kept. How far below, the machine decides.
    assert not any(step["kept"] for step in steps if step["rate_per_s"] > 700)
    assert 50 <= result["rate"]["asked_per_s"] <= 700
    assert steps[-1]["rate_per_s"] == pytest.approx(result["load"]["rate_per_s"])
    assert re.search(r"^highest rate with p90<100ms: [\d.]+k?/s", done.stderr, re.MULTILINE)
    assert len(re.findall(r"/s asked, .*/s reached, p90 ", done.stderr)) == len(steps)


def test_find_max_of_what_no_rate_keeps(address):
    done = bench("--find-max=p50<1ns", "--rate=64", "--warm-up=0", "--duration=50ms", address)
    assert done.returncode == 3
    # On a busy machine it may be the generator that cannot.
    assert re.search(r"^no rate (keeps|was found that keeps) p50<1ns", done.stdout, re.MULTILINE)


# ---- trust ----

def test_a_generator_at_its_limit_says_so(address):
    """One thread of it against a server with a thread: somebody's processor is used up."""
    done = bench("--json", *SHORT, "--rate=20M", "--timeout=50ms", "--assert=rate>1", address)
    assert done.returncode == 0, done.stderr
    trust = json.loads(done.stdout)["trust"]
    assert trust["trusted"] is False
    assert {"generator-cpu", "behind-schedule"} & {reason["code"] for reason in trust["reasons"]}
    assert "These figures cannot be trusted" in done.stderr
    # Nor can what was judged by them.
    assert re.search(r"^kept: rate>1 \(.*\), not to be trusted$", done.stderr, re.MULTILINE)


def test_a_doubt_is_told_in_the_language_of_who_reads_it(address, tmp_path):
    """Measured in Korean, kept without a language, read in either."""
    korean, english = environment(LANG="ko_KR.UTF-8"), environment(LANG="C.UTF-8")
    done = bench("--json", *SHORT, "--rate=20M", "--timeout=50ms", address, env=korean)
    for reason in json.loads(done.stdout)["trust"]["reasons"]:
        assert reason["text"].isascii() and reason["figures"]
    assert "generator" not in done.stderr
    saved = tmp_path / "run.json"
    saved.write_text(done.stdout)
    told = [run("report", saved, env=env).stdout.split("\n! ")[1] for env in (korean, english)]
    assert "생성기" in told[0] and "generator" not in told[0]
    assert "generator" in told[1] and told[1].isascii()


def test_connections_that_are_missing_are_told():
    """A listener whose backlog is full takes no more than it has."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]

        def serve():
            try:
                while True:
                    connection, _ = listener.accept()
                    connections.append(connection)
                    if len(connections) == 3:
                        return
            except OSError:
                pass

        connections = []
        thread = threading.Thread(target=serve)
        thread.start()
        done = bench("--json", *SHORT, "--connections=8", "--timeout=200ms",
                     f"tcp://127.0.0.1:{port}")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in connections:
            connection.close()
    result = json.loads(done.stdout)
    assert "connections-missing" in [one["code"] for one in result["trust"]["reasons"]]
    assert "of 8 connections could be made" in done.stderr


# ---- what it tells ----

def test_text_for_people(address):
    done = bench(*SHORT, "--rate=1k", "--interval=100ms", address)
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert re.fullmatch(r" *\d+ms  [\d.]+k?/s  p50 \S+  p99 \S+  max \S+  errors 0", lines[0])
    assert address in done.stdout
    assert "asked 1.00k/s" in done.stdout
    assert "intended" in done.stdout and "sent" in done.stdout


def test_json_lines(address):
    # Long enough for two intervals, however seldom the main thread gets a processor.
    done = bench("--json-lines", "--warm-up=20ms", "--duration=1500ms", "--interval=100ms", address)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    intervals = [line["interval"] for line in lines[:-1]]
    assert len(intervals) >= 2
    assert intervals == lines[-1]["intervals"]
    assert sum(one["received"] for one in intervals) <= lines[-1]["counts"]["received"]
    assert lines[-1]["format"] == "meari-result"


def test_hdr_log_and_page(address, tmp_path):
    log, page = tmp_path / "run.hlog", tmp_path / "run.html"
    result = measured(address, "--rate=1k", "--interval=50ms", f"--hdr={log}", f"--html={page}",
                      "--label=a <b> & c")
    parts = {"intended": 0, "sent": 0}
    for line in log.read_text().splitlines():
        if line.startswith("Tag="):
            tag, _, length, _, text = line.removeprefix("Tag=").split(",")
            assert float(length) < 0.3
            parts[tag] += Histogram(text).count_above(0)
    assert parts == {"intended": 200, "sent": 200}
    assert result["label"] == "a <b> & c"
    assert result["counts"]["sent"] == 200
    assert "<b> & c" not in page.read_text()
    assert run("report", log).returncode == 0


def test_the_result_is_read_by_report(address, tmp_path):
    saved = tmp_path / "run.json"
    saved.write_text(json.dumps(measured(address, "--rate=1k")))
    done = run("report", saved)
    assert done.returncode == 0, done.stderr
    assert "200 sent, 200 received" in done.stdout


@pytest.mark.parametrize("option", ["--hdr", "--html"])
def test_a_file_that_cannot_be_written(address, option):
    done = bench(*SHORT, f"{option}=/nonexistent/file", address)
    assert done.returncode == 1
    assert done.stderr == ("meari: cannot open '/nonexistent/file' for writing: "
                           "No such file or directory\n")


def test_ctrl_c_tells_what_was_measured(address):
    with subprocess.Popen([MEARI, "bench", "--json-lines", "--interval=50ms", "--warm-up=0",
                           "--duration=1h", address], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, env=environment()) as process:
        assert "interval" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=ANSWER_S)[0]
    assert process.returncode == 130
    result = json.loads(rest.splitlines()[-1])
    assert result["interrupted"] is True
    assert 0 < result["duration_ns"] < 60e9
    assert adds_up(result)
    assert result["counts"]["received"] > 0


@pytest.mark.skipif(SANITIZER is not None, reason="half a second is short under a sanitizer")
def test_a_second_ctrl_c_does_not_wait():
    def serve(connection):
        connection.sendall(connection.recv(64, socket.MSG_WAITALL))
        while connection.recv(65536):
            pass

    with Peer(serve) as peer:
        with subprocess.Popen([MEARI, "bench", "--json-lines", "--interval=50ms", "--warm-up=0",
                               "--duration=1h", "--timeout=1h", peer.address],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=environment()) as process:
            assert "interval" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            # Each signal is one event: the second must not be swallowed by the first.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=ANSWER_S)


def test_one_block_is_redrawn_at_a_terminal(address):
    with Terminal("--duration=700ms", "--warm-up=0", "--rate=500", address,
                  verb="bench") as terminal:
        terminal.wait("measuring")
        assert terminal.end() == 0
    screen = "\n".join(terminal.screen())
    assert "intended" in screen
    assert "measuring" not in screen  # the block is gone


def test_a_terminal_that_cannot_redraw(address):
    with Terminal("--duration=300ms", "--warm-up=0", "--interval=100ms", "--rate=500", address,
                  verb="bench", TERM="dumb") as terminal:
        assert terminal.end() == 0
    assert b"\033" not in terminal.raw
    assert re.search(rb"^ *1\d\dms  ", terminal.raw)


# ---- the command line ----

@pytest.mark.parametrize("arguments, message", [
    ([], "there is no address to load"),
    (["a", "b"], "one address is enough, 'b' is one too many"),
    (["localhost:0"], "port 0 has no listener; name the server's port"),
    (["tcp://x:y:z"], "'tcp://x:y:z' is not an address"),
    (["a", "--rate=5x"], "--rate '5x': a stage is a rate, such as 10k or 1k..50k, and its time, "
                         "such as @30s (column 2)"),
    (["a", "--rate=1k..5k"], "--rate '1k..5k': a ramp needs its time here, such as @30s (column 7)"),
    (["a", "--size=0"], "--size '0': a size is expected here, such as 64, 16K or 1M (at most 1G) "
                        "(column 1)"),
    (["a", "--size=64:"], "--size '64:': how often is expected here, a number from 1 to 1000000 "
                          "(column 4)"),
    (["a", "--source=x"], "--source 'x': a numeric address is expected here (column 1)"),
    (["unix:a", "--source=127.0.0.1"], "--source is for addresses of the network"),
    (["udp://a", "--size=70000"], "a datagram has at most 65507 bytes, --size asks for 70000"),
    (["a", "--trains"], "--trains is for udp"),
    (["unixgram:a", "--trains"], "--trains is for udp"),
    (["udp://a", "--trains=1"], "--trains '1' is not a number from 2 to 64"),
    (["udp://a", "--trains=65"], "--trains '65' is not a number from 2 to 64"),
    (["udp://a", "--trains", "--rate=1k"], "--trains is for the closed loop, without --rate and --find-max"),
    (["udp://a", "--trains", "--find-max=p99<5ms"], "--trains is for the closed loop"),
    (["udp://a", "--trains", "--size=64,65"], "--trains takes one --size: the datagrams of a train are equally long"),
    (["udp://a", "--trains", "--size=32754"], "--trains: of datagrams of 32754 bytes, a train takes 1 at most"),
    (["udp://a", "--trains=47", "--size=1400"], "--trains: of datagrams of 1400 bytes, a train takes 46 at most"),
    (["udp://a", "--trains=8", "--pipeline=7"], "--trains: --pipeline 7 is not enough for a train of 8 datagrams"),
    (["udp://a", "--trains", "--pipeline=1"], "--trains: --pipeline 1 is not enough for a train of 2 datagrams"),
    (["udp://a", "--churn"], "--churn and --reset are for streams, tcp and unix"),
    (["a", "--assert=p99<5"], "--assert 'p99<5': a time needs its unit here, such as 500us or 5ms "
                              "(column 5)"),
    (["a", "--find-max=speed"], "--find-max 'speed': a figure is expected here"),
    (["a", "--find-max=p99<5ms", "--rate=1k@5s"], "with --find-max, --rate is the one rate to begin "
                                                  "with, not '1k@5s'"),
    (["a", "--find-max=p99<5ms", "--hdr=x"], "--hdr is the log of one run, not of --find-max"),
    (["a", "--arrivals=poisson"], "--arrivals is for --rate and --find-max"),
    (["a", "--arrivals=late"], "--arrivals 'late' is not one of: constant, poisson"),
    (["a", "--verify", "--no-verify"], "--verify and --no-verify exclude each other"),
    (["a", "--json", "--json-lines"], "--json and --json-lines exclude each other"),
    (["a", "-4", "-6"], "-4 and -6 exclude each other"),
    (["tcp6://a", "-4"], "-4 does not fit the family that the address names"),
    (["a", "--engine=steam"], "--engine 'steam' is not one of: auto, epoll"),
    (["a", "--connections=0"], "--connections '0' is not a number from 1 to 4194304"),
    (["a", "--pipeline=65536"], "--pipeline '65536' is not a number from 1 to 65535"),
    (["a", "--threads=1025"], "--threads '1025' is not a number from 1 to 1024"),
    (["a", "--duration=0"], "--duration '0' is not a time, such as 500ms or 10s"),
    (["a", "--timeout=x"], "--timeout 'x' is not a time, such as 500ms or 10s"),
    (["a", "--interval=1us"], "--interval '1us' is not a time, such as 500ms or 10s"),
    (["a", "--busy-poll=x"], "--busy-poll 'x' is neither 'auto' nor a time, such as 50us"),
    (["a", "--label"], "option '--label' needs a value, TEXT"),
    (["a"] + ["--assert=loss==0"] * 33, "--assert 'loss==0' is one too many, 32 are taken"),
])
def test_usage_is_told_in_one_line(arguments, message):
    done = bench(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"meari: {message}")
    assert done.stderr.count("\n") == 1


def test_help_of_the_defaults():
    shown = bench("--help").stdout
    for text in ("default: 10)", "default: 64)", "default: 10s", "default: 1s)"):
        assert text in shown


# ---- trains of datagrams ----

@pytest.mark.parametrize("address", ["udp://127.0.0.1:0", "udp://[::1]:0"])
@pytest.mark.parametrize("options, pipeline, train", [
    (["--trains"], 64, 32), (["--trains=5"], 10, 5), (["--trains", "--pipeline=9"], 9, 4),
    (["--trains=46", "--size=1400", "--pipeline=46"], 46, 46)])
def test_trains_are_counted_datagram_by_datagram(engine, address, options, pipeline, train):
    with Server(address) as server:
        result = measured(server.addresses[0], f"--engine={engine}", "--connections=1", "--timeout=5s", *options)
    counts = result["counts"]
    size = result["load"]["sizes"][0]["bytes"]
    assert result["load"]["pipeline"] == pipeline
    assert result["environment"]["options"]["trains"] == str(train)
    assert adds_up(result) and counts["received"] > 0 and counts["damaged"] == counts["lost"] == 0
    assert counts["bytes_sent"] == size * counts["sent"]


def test_a_train_is_one_call_for_many_datagrams(engine):
    """And what the service gets are datagrams, each of the size that was asked for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        done = bench("--trace", "--trains=16", "--size=100", "--connections=1", "--pipeline=16", "--duration=50ms",
                     "--warm-up=0", "--timeout=100ms", f"--engine={engine}", "--quiet", "--json",
                     f"udp://127.0.0.1:{service.getsockname()[1]}")
        result = json.loads(done.stdout)
        sent = result["counts"]["sent"]
        service.setblocking(False)
        got = [service.recv(2000) for _ in range(sent)]
        with pytest.raises(BlockingIOError):
            service.recv(2000)
    assert sent == result["counts"]["lost"] and sent % 16 == 0 and sent >= 16
    assert {len(one) for one in got} == {100} and len(set(got)) == sent
    assert len(re.findall(r"^send\(\d+, .* = 1600$", done.stderr, re.MULTILINE)) == sent // 16


def test_faults_of_a_service_are_found_in_trains(engine):
    faults = [word for kind in ("drop", "duplicate", "corrupt=1") for word in ("--fault", f"{kind},p=5%,seed=3")]
    with Server("udp://127.0.0.1:0", *faults) as server:
        result = measured(server.addresses[0], f"--engine={engine}", "--trains=8", "--timeout=50ms", "--connections=4")
    counts = result["counts"]
    assert adds_up(result)
    assert min(counts[kind] for kind in ("received", "lost", "duplicates")) > 0
    assert counts["damaged"] + counts["strays"] > 0


def test_a_kernel_without_trains_is_told():
    udp_segment = 103
    with Server("udp://127.0.0.1:0") as server:
        done = bench("--trains", "--duration=50ms", server.addresses[0],
                     preexec_fn=seccomp.refuse("setsockopt", errno.ENOPROTOOPT, (2, udp_segment)))
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr == ("meari: --trains: this kernel cannot send datagrams in trains (UDP_SEGMENT, since "
                               "Linux 4.18); without --trains each leaves by itself\n")


@pytest.mark.parametrize("address, most", [("udp://127.0.0.1:9", 1252), ("udp://[::1]:9", 1232)])
def test_datagrams_that_do_not_fit_the_way_are_told(address, most):
    inside = f"ip link set lo mtu 1280 up && exec {MEARI} bench --trains --duration=50ms --size=$0 {address}"
    if subprocess.run(["unshare", "-rn", "ip", "link", "set", "lo", "mtu", "1280", "up"],
                      capture_output=True).returncode != 0:
        pytest.skip("no network namespaces here, or no ip(8)")
    done = subprocess.run(["unshare", "-rn", "sh", "-c", inside, str(most + 1)], capture_output=True, text=True,
                          env=environment(), timeout=60)
    assert done.returncode == 1
    assert done.stderr == (f"meari: --trains: datagrams of {most + 1} bytes do not fit the way to the service, which "
                           f"takes {most} at a time (its MTU is 1280); a smaller --size does, or none of --trains\n")
    done = subprocess.run(["unshare", "-rn", "sh", "-c", inside, str(most)], capture_output=True, text=True,
                          env=environment(), timeout=60)
    assert "MTU" not in done.stderr
