"""meari ping: its options, its figures and its exit statuses, against services that are well."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import unicodedata

import pytest

from meari import ANSWER_S, MEARI, Server, environment, run
from talk_peers import Datagrams, Peer, Terminal, echo

REPLY = re.compile(r"(?P<bytes>\d+) bytes from (?P<peer>\S+): seq=(?P<seq>\d+)"
                   r"(?: port=(?P<port>\d+))?(?: connect=(?P<connect>[\d.]+) ms)?"
                   r" time=(?P<time>[\d.]+) ms(?P<more>.*)")


def ping(*arguments, **options):
    return run("ping", *arguments, **options)


def replies(result):
    return [found.groupdict() for found in map(REPLY.fullmatch, result.stdout.splitlines()) if found]


def objects(result):
    """The lines of --json: (all but the last, the summary)."""
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[-1]["event"] == "summary"
    return lines[:-1], lines[-1]


def events(result, kind):
    return [line for line in objects(result)[0] if line["event"] == kind]


ADDRESSES = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "udp://127.0.0.1:0", "udp://[::1]:0",
             "unix:{}/stream", "unix:@meari-ping-{}", "unixgram:{}/datagram"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_kind_of_address(engine, tmp_path, address):
    with Server(address.format(tmp_path), engine=engine) as server:
        result = ping("-c", 3, "-i", "20ms", server.addresses[0])
    assert result.returncode == 0
    assert result.stderr == ""
    found = replies(result)
    assert [reply["seq"] for reply in found] == ["1", "2", "3"]
    assert {reply["peer"] for reply in found} == {server.addresses[0]}
    assert {reply["bytes"] for reply in found} == {"56"}
    assert all(reply["more"] == "" for reply in found)
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"PING {server.addresses[0]}: 56 bytes, ")
    assert lines[4:6] == ["", f"--- {server.addresses[0]} ping statistics ---"]
    assert re.fullmatch(r"3 sent, 3 received, 0% loss, time [\d.]+ms", lines[6])
    assert re.fullmatch(r"rtt min/avg/max/mdev = [\d.]+/[\d.]+/[\d.]+/[\d.]+ ms", lines[7])
    assert re.fullmatch(r"rtt p50/p99 = [\d.]+/[\d.]+ ms", lines[8])
    assert len(lines) == 9


def test_one_conversation():
    with Peer(echo) as peer:
        assert ping("-c", 5, "-i", "5ms", peer.address).returncode == 0
        assert len(peer.peers) == 1


def test_connect_makes_a_connection_for_each_and_closes_it():
    def serve(connection):
        live.append(connection)
        most.append(len(live))
        echo(connection)
        live.remove(connection)

    live, most = [], []
    with Peer(serve) as peer:
        result = ping("--connect", "-c", 10, "-i", "20ms", peer.address)
        assert len(set(peer.peers)) == 10
    assert max(most) < 5
    assert result.returncode == 0
    assert len(replies(result)) == 10
    assert all(float(reply["connect"]) > 0 for reply in replies(result))
    assert re.search(r"^connect min/avg/max/mdev = [\d./]+ ms$", result.stdout, re.MULTILINE)


@pytest.mark.usefixtures("localhost")
def test_a_name_with_several_addresses_and_one_that_answers():
    """localhost is ::1 and 127.0.0.1; whichever serves is found, and talked to once."""
    with Peer(echo) as peer:
        result = ping("-c", 2, "-i", "5ms", f"localhost:{peer.port}")
        assert result.returncode == 0
        assert len(peer.peers) == 1
    assert {reply["peer"] for reply in replies(result)} == {peer.address}


@pytest.mark.parametrize("size", [1, 2, 7, 8, 15, 16, 56, 1400, 65507])
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_sizes(scheme, size):
    with Server(f"{scheme}://127.0.0.1:0") as server:
        result = ping("-c", 3, "-i", "5ms", "-s", size, server.addresses[0])
    assert result.returncode == 0, result.stdout
    assert [reply["bytes"] for reply in replies(result)] == [str(size)] * 3


def test_the_largest_on_a_stream():
    with Server("tcp://127.0.0.1:0") as server:
        result = ping("-c", 3, "-i", "5ms", "-s", "1M", server.addresses[0])
    assert result.returncode == 0
    assert [reply["bytes"] for reply in replies(result)] == ["1048576"] * 3


def test_empty_datagrams():
    with Datagrams() as peer:
        result = ping("-c", 3, "-i", "5ms", "-s", 0, peer.address)
        assert peer.heard == [b""] * 3
    assert result.returncode == 0
    assert len(replies(result)) == 3


def test_no_two_probes_are_alike():
    with Datagrams() as peer:
        assert ping("-c", 20, "-i", 0, "-s", 17, peer.address).returncode == 0
        assert len(set(peer.heard)) == 20
        assert [int.from_bytes(data[:4], "little") for data in peer.heard] == list(range(1, 21))


def test_interval_is_kept():
    with Peer(echo) as peer:
        before = time.monotonic()
        assert ping("-c", 5, "-i", 0.1, peer.address).returncode == 0
        assert time.monotonic() - before >= 0.4


@pytest.mark.parametrize("options", [(), ("--connect",)])
def test_the_time_is_the_services(options):
    """A service that takes 50 ms: at least that is shown, on average, and connecting is not in it."""
    def slow(connection):
        while data := connection.recv(1 << 16):
            time.sleep(0.05)
            connection.sendall(data)

    with Peer(slow) as peer:
        result = ping("--json", "-c", 5, "-i", "100ms", *options, peer.address)
    rtt = objects(result)[1]["rtt"]
    assert rtt["min_ns"] >= 50_000_000
    assert rtt["p50_ns"] < 100_000_000
    assert objects(result)[1]["connect"]["p50_ns"] < 50_000_000


@pytest.mark.parametrize("options", [("-i", "0"), ("-f",)])
def test_a_flood_waits_for_replies_and_not_for_a_clock(options):
    with Server("tcp://127.0.0.1:0") as server:
        result = ping(*options, "-q", "-c", 2000, "--json", server.addresses[0])
    assert result.returncode == 0
    assert objects(result)[1]["received"] == 2000
    assert objects(result)[1]["duration_ns"] < 2000 * 10_000_000 / 2


def test_a_flood_without_replies_sends_a_hundred_a_second():
    with Datagrams(lambda data, number: []) as peer:
        result = ping("-f", "-w", "500ms", "-W", "10s", peer.address)
        assert 20 <= len(peer.heard) <= 51
    assert result.returncode == 1
    assert "0 received" in result.stdout and "still under way" in result.stdout


def test_deadline():
    with Peer(echo) as peer:
        before = time.monotonic()
        result = ping("-w", "300ms", "-i", "50ms", peer.address)
        assert time.monotonic() - before < ANSWER_S
    assert result.returncode == 0
    assert 1 <= len(replies(result)) <= 7


def test_count_and_deadline_are_a_demand():
    """As ping(8): the count is of replies, and when the deadline comes first that is a failure."""
    with Datagrams(lambda data, number: [data] if number > 2 else []) as peer:
        result = ping("-c", 3, "-w", "10s", "-i", "10ms", peer.address)
        assert len(replies(result)) == 3
        assert result.returncode == 0
        assert len(peer.heard) >= 5
    with Datagrams(lambda data, number: [data] if number == 1 else []) as peer:
        result = ping("-c", 3, "-w", "100ms", "-i", "10ms", peer.address)
        assert len(replies(result)) == 1
        assert result.returncode == 1


def test_quiet():
    with Peer(echo) as peer:
        result = ping("-q", "-c", 3, "-i", "5ms", peer.address)
    assert result.returncode == 0
    assert replies(result) == []
    assert "3 sent, 3 received" in result.stdout


def test_times_of_day():
    with Peer(echo) as peer:
        before = time.time()
        result = ping("-D", "-c", 2, "-i", "5ms", peer.address)
    stamps = re.findall(r"^\[(\d+\.\d{6})\] 56 bytes from", result.stdout, re.MULTILINE)
    assert len(stamps) == 2
    assert before - 1 <= float(stamps[0]) <= float(stamps[1]) <= time.time() + 1


def test_outstanding():
    with Datagrams(lambda data, number: [data] if number != 2 else []) as peer:
        result = ping("-O", "-c", 4, "-i", "50ms", "-W", "300ms", peer.address)
    lines = result.stdout.splitlines()
    assert "no answer yet for seq=2" in lines
    # It stands where the next probe was sent: before its reply.
    assert lines.index("no answer yet for seq=2") < next(
        i for i, line in enumerate(lines) if "seq=3 " in line)
    assert result.stdout.count("no answer yet") == 1


def test_source_address():
    with Peer(echo) as peer:
        assert ping("-c", 1, "-I", "127.0.0.2", peer.address).returncode == 0
        assert peer.peers[0][0] == "127.0.0.2"


def test_source_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    with Datagrams() as peer:
        assert ping("-c", 1, "-I", f"127.0.0.3:{port}", peer.address).returncode == 0
        assert peer.who == ("127.0.0.3", port)


def test_source_interface():
    with Peer(echo) as peer:
        result = ping("-c", 1, "-W", "200ms", "-I", "lo", peer.address)
    assert result.returncode == 0, result.stdout


def test_unix_source_leaves_no_file(tmp_path):
    with Datagrams(path=tmp_path / "service") as peer:
        result = ping("-c", 1, "-I", f"unixgram:{tmp_path}/own", peer.address)
        assert peer.who == str(tmp_path / "own")
    assert result.returncode == 0
    assert not (tmp_path / "own").exists()


def test_source_that_is_not_ours():
    with Peer(echo) as peer:
        result = ping("-c", 1, "-I", "192.0.2.1", peer.address)
    assert result.returncode == 2
    assert result.stderr == ("meari: cannot ping from 'tcp://192.0.2.1:5000': Cannot assign requested "
                             "address (it must be an address of this machine)\n")


@pytest.mark.parametrize("options", [(), ("--connect",)])
def test_tcp_info(options):
    with Peer(echo) as peer:
        text = ping("--tcp-info", "-c", 2, "-i", "5ms", *options, peer.address)
        data = ping("--tcp-info", "--json", "-c", 2, "-i", "5ms", *options, peer.address)
    for reply in replies(text):
        assert re.fullmatch(r" \[kernel rtt=[\d.]+ mdev=[\d.]+ ms retransmits=0 cwnd=\d+\]",
                            reply["more"])
    for reply in events(data, "reply"):
        info = reply["tcp_info"]
        assert info["rtt_ns"] > 0 and info["cwnd"] > 0 and info["retransmits"] == 0


@pytest.mark.parametrize("busy", ["auto", "0", "500us", "1s"])
def test_busy_poll(busy):
    with Server("tcp://127.0.0.1:0", "udp://127.0.0.1:0") as server:
        for address in server.addresses:
            result = ping("--busy-poll", busy, "-c", 10, "-i", "2ms", address)
            assert result.returncode == 0
            assert len(replies(result)) == 10


def test_busy_poll_does_not_sleep():
    """While it spins it asks the socket itself, and poll only now and then."""
    def looks(*options):
        with Datagrams(lambda data, number: []) as peer:
            result = ping("--trace", "-c", 1, "-W", "50ms", *options, peer.address)
        return len(re.findall(r"^recvmsg\(.*EAGAIN", result.stderr, re.MULTILINE))

    assert looks() == 0
    assert looks("--busy-poll", "10ms") > 20


def test_busy_poll_can_be_interrupted():
    with Datagrams(lambda data, number: []) as peer:
        with started("--busy-poll", "1h", "-W", "1h", peer.address) as process:
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=ANSWER_S)
    assert "ping statistics" in rest
    assert process.returncode == 1


def test_trace():
    with Peer(echo) as peer:
        result = ping("--trace", "-c", 1, peer.address)
    assert re.search(r"^connect\(\d+, 127\.0\.0\.1:\d+, 16\) = ", result.stderr, re.MULTILINE)
    assert re.search(r"^setsockopt\(\d+, SOL_SOCKET, SO_TIMESTAMPNS, 1\) = 0$", result.stderr,
                     re.MULTILINE)
    assert re.search(r"^recvmsg\(\d+, .* = 56$", result.stderr, re.MULTILINE)


def test_json():
    with Peer(echo) as peer:
        result = ping("--json", "-c", 3, "-i", "5ms", "-s", 100, peer.address)
    lines, summary = objects(result)
    assert [line["event"] for line in lines] == ["begin", "connected"] + ["reply"] * 3
    assert lines[0]["peer"] == peer.address and lines[0]["bytes"] == 100
    for number, line in enumerate(lines[2:], 1):
        assert line["seq"] == number and line["bytes"] == 100
        assert 0 < line["rtt_ns"] < ANSWER_S * 1_000_000_000
        assert line["late"] is False and line["reordered"] is False
    assert (summary["sent"], summary["received"], summary["lost"]) == (3, 3, 0)
    assert summary["loss_percent"] == 0
    rtt = summary["rtt"]
    times = [line["rtt_ns"] for line in lines[2:]]
    assert (rtt["count"], rtt["min_ns"], rtt["max_ns"]) == (3, min(times), max(times))
    assert abs(rtt["mean_ns"] - sum(times) / 3) <= 1
    assert abs(rtt["p50_ns"] / sorted(times)[1] - 1) < 0.002
    assert summary["gaps"] == {"count": 0, "length_ns": 0, "list": []}
    for line in lines + [summary]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])


def test_json_is_the_same_in_korean():
    def keys(value):
        if isinstance(value, dict):
            return {key: keys(inner) for key, inner in value.items()}
        return type(value).__name__

    with Peer(echo) as peer:
        arguments = ("--json", "-c", 2, "-i", "5ms", peer.address)
        english, korean = ping(*arguments), ping(*arguments, env=environment(LANG="ko_KR.UTF-8"))
    for one, other in zip(korean.stdout.splitlines(), english.stdout.splitlines(), strict=True):
        assert keys(json.loads(one)) == keys(json.loads(other))


def test_quiet_json_is_one_object():
    with Peer(echo) as peer:
        result = ping("-q", "--json", "-c", 2, "-i", "5ms", peer.address)
    assert len(result.stdout.splitlines()) == 1
    assert json.loads(result.stdout)["received"] == 2


# ---- source ports ----

@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_ports_are_used_in_turn(scheme):
    with Server(f"{scheme}://127.0.0.1:0") as server:
        result = ping("--ports", 4, "-c", 12, "-i", "2ms", server.addresses[0])
    assert result.returncode == 0
    # On a busy machine answers overtake each other.
    used = [reply["port"] for reply in sorted(replies(result), key=lambda reply: int(reply["seq"]))]
    by_turn = [{reply["port"] for reply in replies(result) if int(reply["seq"]) % 4 == turn}
               for turn in range(4)]
    assert len(set(used)) == 4 and all(len(ports) == 1 for ports in by_turn)
    rows = [line.split() for line in result.stdout.splitlines()[-4:]]
    assert [row[0] for row in rows] == [str(port) for port in used[:4]]
    assert all(row[1:4] == ["3", "3", "0%"] for row in rows)


def test_a_port_whose_path_is_broken():
    def answer(data, number):
        bad.setdefault(peer.who[1], len(bad) == 1)
        return [] if bad[peer.who[1]] else [data]

    bad = {}
    with Datagrams(answer) as peer:
        result = ping("--ports", 3, "-c", 9, "-i", "5ms", "-W", "300ms", peer.address)
    assert result.returncode == 0
    broken = next(port for port, is_bad in bad.items() if is_bad)
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()
            if re.match(r" ?\d+ +3 +", line)}
    assert rows[str(broken)] == ["3", "0", "100%", "-", "-"]
    assert all(row[2] == "0%" for port, row in rows.items() if port != str(broken))
    assert "1 of 3 source ports got no answer: a member of the path may be broken" in result.stdout


def test_a_connection_whose_path_is_broken():
    def serve(connection):
        if len(peer.peers) != 2:
            echo(connection)
        else:
            peer.go_on.wait()

    with Peer(serve) as peer:
        result = ping("--ports", 3, "-c", 6, "-i", "50ms", "-W", "300ms", "--json", peer.address)
    ports = objects(result)[1]["ports"]
    assert sorted(port["received"] for port in ports) == [0, 2, 2]
    assert sum(port["lost"] for port in ports) == 2
    assert {line["port"] for line in events(result, "gap-begin")} == \
        {port["port"] for port in ports if port["received"] == 0}


def test_ports_from_one_on():
    with Datagrams() as peer:
        heard = set()
        peer.answer = lambda data, number: heard.add(peer.who) or [data]
        result = ping("--ports", 3, "-c", 3, "-i", "2ms", "-I", "127.0.0.1:41717", peer.address)
        if "Address already in use" in result.stdout + result.stderr:
            pytest.skip("one of the ports is taken here")
    assert heard == {("127.0.0.1", 41717 + i) for i in range(3)}
    assert result.returncode == 0


# ---- signals and terminals ----

class started:
    """`meari ping` while it runs; it ends with the block."""

    def __init__(self, *arguments, **options):
        self.process = subprocess.Popen([MEARI, "ping", *map(str, arguments)], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment(), **options)

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_shows_the_figures(number):
    with Peer(echo) as peer, started("-i", "10ms", peer.address) as process:
        for _ in range(3):  # each line comes at once, also through a pipe
            process.stdout.readline()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=ANSWER_S)
    assert re.search(r"^\d+ sent, \d+ received, 0% loss", rest, re.MULTILINE)
    assert errors == ""
    assert process.returncode == 0


def test_what_is_under_way_when_interrupted_is_not_lost():
    with Datagrams(lambda data, number: [data] if number == 1 else []) as peer:
        with started("-i", "50ms", "-W", "1m", "-O", peer.address) as process:
            while "no answer yet" not in process.stdout.readline():
                pass
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=ANSWER_S)
    assert re.search(r"^\d+ sent, 1 received, 0% loss", rest, re.MULTILINE)
    assert re.search(r"^\d+ still under way$", rest, re.MULTILINE)


def test_sigquit_gives_a_line_in_between():
    with Peer(echo) as peer, started("-i", "10ms", peer.address) as process:
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGQUIT)
        line = process.stderr.readline()
        assert re.fullmatch(
            r"\d+/\d+ received, 0% loss, min/avg/ewma/max = [\d.]+/[\d.]+/[\d.]+/[\d.]+ ms",
            line.strip())
        assert process.poll() is None
        process.stdout.readline()


def test_sigquit_in_json():
    with Peer(echo) as peer, started("--json", "-i", "10ms", peer.address) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGQUIT)
        while (line := json.loads(process.stdout.readline()))["event"] != "interim":
            pass
        assert line["sent"] >= 1 and "rtt" in line


def test_ends_in_silence_when_its_reader_has_gone():
    """As `ping | head -1`: status 141, as shells count SIGPIPE."""
    with Peer(echo) as peer, started("-i", "5ms", peer.address) as process:
        process.stdout.readline()
        process.stdout.close()
        process.wait(timeout=ANSWER_S)
        assert process.returncode == 141
        assert process.stderr.read() == ""
        process.stdout = open(os.devnull)


def test_no_standard_output():
    with Peer(echo) as peer:
        result = ping("-c", 1, peer.address, stdout=None, preexec_fn=lambda: os.close(1))
        assert peer.peers == []
    assert result.returncode == 2
    assert result.stderr == "meari: cannot write the output: Bad file descriptor\n"


def test_a_narrow_terminal_folds_no_line():
    with Peer(echo) as peer, \
            Terminal("-c", 3, "-i", "10ms", peer.address, verb="ping", columns=40) as terminal:
        assert terminal.end() == 0
        screen = terminal.screen()
    assert sum(bool(re.fullmatch(r"seq=\d time=[\d.]+ ms", line)) for line in screen) == 3


@pytest.mark.parametrize("language", ["C.UTF-8", "ko_KR.UTF-8"])
def test_the_table_of_ports_fits_and_is_aligned(language):
    def width(text):
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)

    with Peer(echo) as peer:
        result = ping("-q", "--ports", 3, "-c", 3, "-i", "2ms", peer.address,
                      env=environment(LANG=language))
    assert {width(line) for line in result.stdout.splitlines()[-4:]} == {40}


def test_dots_of_a_flood():
    with Datagrams(lambda data, number: [data] if number != 2 else []) as peer, \
            Terminal("-f", "-c", 5, "-W", "300ms", peer.address, verb="ping") as terminal:
        assert terminal.end() == 0
        raw = terminal.raw.decode()
    assert raw.count(".\b \b") >= 3
    assert raw.split("\r\n")[1].count("..") == 1  # the one that is lost


# ---- what cannot be ----

@pytest.mark.parametrize("arguments, what", [
    ((), "there is no address to ping"),
    (("a", "b"), "one address is enough, 'b' is one too many"),
    (("tcp://[::1",), "'tcp://[::1' is not an address: "),
    (("tcp://localhost:0",), "no service listens on port 0"),
    (("-c", "0", "x"), "'0' is not a number for -c"),
    (("-i", "soon", "x"), "'soon' is not a length of time for -i"),
    (("-W", "0", "x"), "'0' is not a length of time for -W"),
    (("-w", "", "x"), "'' is not a length of time for -w"),
    (("-s", "2M", "x"), "'2M' is not a size for -s"),
    (("-s", "0", "x"), "a stream has no empty probes"),
    (("-s", "65508", "udp://x"), "a datagram has at most 65507 bytes"),
    (("--ports", "0", "x"), "'0' is not a number for --ports: from 1 to 512"),
    (("--ports", "513", "x"), "'513' is not a number for --ports: from 1 to 512"),
    (("--ports", "2", "unix:/x"), "a unix address has no ports"),
    (("--ports", "2", "--connect", "x"), "--ports and --connect exclude each other"),
    (("--ports", "5", "-I", "127.0.0.1:65532", "x"), "--ports needs more ports than there are"),
    (("--connect", "udp://x"), "--connect is for connections"),
    (("--tcp-info", "udp://x"), "--tcp-info is for tcp"),
    (("--busy-poll", "long", "x"), "--busy-poll 'long' is neither 'auto' nor a time"),
    (("-4", "-6", "x"), "-4 and -6 exclude each other"),
    (("-6", "tcp4://x"), "-6 does not fit the family"),
    (("-I", "unix:/x", "x"), "--source and the address must both be"),
    (("-I", "lo", "unix:/x"), "a unix address is not reached by an interface"),
    (("-I", "tcp://[::1", "x"), "'tcp://[::1' is not an address: "),
])
def test_what_makes_no_sense(arguments, what):
    result = ping(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"meari: {what}"), result.stderr
    assert result.stderr.endswith("(see 'meari ping --help')\n") and result.stderr.count("\n") == 1


def test_a_name_that_is_not_there():
    result = ping("-c", 1, "no-such-host.invalid")
    assert result.returncode == 2
    assert result.stderr.startswith("meari: cannot find 'tcp://no-such-host.invalid:5000': ")


@pytest.mark.usefixtures("localhost")
def test_a_source_of_the_other_family():
    result = ping("-c", 1, "-I", "::1", "tcp4://localhost:7")
    assert result.returncode == 2
    assert "it is not of the family" in result.stderr


def test_a_flood_of_others_is_for_the_superuser(request):
    """192.0.2.1 belongs to nobody (RFC 5737), and nothing is sent."""
    ordinary = request.getfixturevalue("another_user") if os.getuid() == 0 else {}
    result = ping("-i", "1ms", "udp://192.0.2.1:7", **ordinary)
    assert result.returncode == 2
    assert "is for the super-user" in result.stderr
    with Datagrams() as peer:
        assert ping("-i", "1ms", "-c", 2, peer.address, **ordinary).returncode == 0


def test_socat():
    try:
        socat = subprocess.Popen(
            ["socat", "-d", "-d", "TCP4-LISTEN:0,bind=127.0.0.1,fork", "EXEC:cat"],
            stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        pytest.skip("socat is not installed")
    with socat:
        try:
            while not (found := re.search(r"listening on .*:(\d+)$", socat.stderr.readline())):
                assert socat.poll() is None
            for options in [(), ("--connect",)]:
                result = ping("-c", 3, "-i", "20ms", *options, f"tcp://127.0.0.1:{found[1]}")
                assert result.returncode == 0, result.stdout
                assert len(replies(result)) == 3
        finally:
            socat.kill()
