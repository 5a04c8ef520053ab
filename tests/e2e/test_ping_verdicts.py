"""meari ping: what it says of services that are no echo, die, hang or were never there, and of its own stops."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from meari import ANSWER_S, MEARI, Server, environment
from talk_peers import Datagrams, Peer, echo, reset
from test_ping import events, objects, ping, started
from test_ping_faults import SIZE, read_until, receive_probe

BANNER = b"SSH-2.0-OpenSSH_9.2p1 \x1b[2J\r\n"
SHOWN = r"SSH-2.0-OpenSSH_9.2p1 \x1b[2J\x0d\x0a"


# ---- a wrong answer that is shorter than a probe: the wrong port ----

def speaks_first(connection):
    connection.sendall(BANNER)
    while connection.recv(1 << 16):
        pass


def speaks_when_asked(connection):
    connection.recv(1 << 16)
    speaks_first(connection)


def speaks_and_leaves(connection):
    receive_probe(connection)
    connection.sendall(BANNER)


@pytest.mark.parametrize("options", [(), ("--connect",), ("--ports", 2)])
@pytest.mark.parametrize("serve", [speaks_first, speaks_when_asked, speaks_and_leaves])
def test_a_banner_is_damage_and_is_shown(serve, options):
    with Peer(serve) as peer:
        result = ping("-c", 2, "-i", "50ms", "-W", "600ms", *options, peer.address)
    assert f": '{SHOWN}'" in result.stdout
    assert "\x1b" not in result.stdout
    assert "silent" not in result.stdout
    assert "2 sent, 0 received, 100% loss" in result.stdout
    assert result.stderr.startswith("meari: not an exact echo: ")
    assert result.returncode == 3


def test_a_banner_in_json():
    with Peer(speaks_when_asked) as peer:
        result = ping("--json", "-c", 1, "-W", "200ms", peer.address)
    (damaged,) = events(result, "damaged")
    assert (damaged["seq"], damaged["bytes"], damaged["offset"]) == (1, len(BANNER), 0)
    assert damaged["got"] == ord("S")
    assert SIZE - 3 <= damaged["different_bytes"] <= SIZE  # some of the banner's bytes may be those of the probe by chance
    assert damaged["came"] == SHOWN
    assert events(result, "gap-begin") == []
    assert objects(result)[1]["damaged"] == 1


@pytest.mark.parametrize("options", [(), ("--connect",), ("--connect", "--json")])
def test_what_comes_with_the_reply_and_behind_it_is_shown(options):
    """One probe on a connection: nothing that is sent later would show that the stream is out of step."""
    def serve(connection):
        connection.sendall(receive_probe(connection) + BANNER)
        connection.recv(1 << 16)

    with Peer(serve) as peer:
        result = ping("-c", 1, "-W", "600ms", *options, peer.address)
    assert result.returncode == 3
    assert "SSH-2.0-OpenSSH_9.2p1" in result.stdout


def test_what_came_before_the_probe_is_shown_too():
    """A connection that was made while choosing among a name's addresses has time to be spoken to."""
    def serve(connection):
        connection.sendall(receive_probe(connection) + BANNER)
        connection.recv(1 << 16)

    with Peer(serve) as peer:
        result = ping("--json", "-c", 2, "-i", "200ms", "-W", "300ms", peer.address)
    assert events(result, "out-of-step")[0]["came"] == SHOWN
    assert result.returncode == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_banner_is_not_forgotten_when_interrupted(number):
    with Peer(speaks_when_asked) as peer, started("-W", "1m", "-O", "-i", "50ms", "--trace",
                                                  peer.address) as process:
        while "SSH-2.0" not in (line := process.stderr.readline()):
            assert line, "it has ended"
        process.send_signal(number)
        rest, _ = process.communicate(timeout=ANSWER_S)
    assert SHOWN in rest
    assert process.returncode == 3


def test_a_banner_is_not_forgotten_at_the_deadline():
    with Peer(speaks_when_asked) as peer:
        result = ping("-w", "300ms", "-W", "1m", peer.address)
    assert SHOWN in result.stdout
    assert result.returncode == 3


def test_many_wrong_bytes_are_cut():
    def serve(connection):
        connection.sendall(b"\xff" * len(receive_probe(connection, 1000)))
        connection.recv(1)

    with Peer(serve) as peer:
        result = ping("-c", 1, "-s", 1000, peer.address)
    assert r"\xff\xff'..." in result.stdout
    assert max(map(len, result.stdout.splitlines())) < 500
    assert result.returncode == 3


def test_a_wrong_datagram_is_shown():
    with Datagrams(lambda data, number: [BANNER]) as peer:
        result = ping("-c", 1, "-W", "100ms", peer.address)
        assert f"no reply to anything that is under way: '{SHOWN}'" in result.stdout
        assert result.returncode == 3
        result = ping("--json", "-c", 1, "-W", "100ms", peer.address)
        (foreign,) = events(result, "foreign")
        assert foreign["came"] == SHOWN
        # A service that answers each with something else is not silent.
        result = ping("-c", 6, "-i", "20ms", "-W", "50ms", peer.address)
    assert "6 sent, 0 received, 100% loss" in result.stdout
    assert "silent" not in result.stdout
    assert result.returncode == 3


# ---- what is not there, or not there any more ----

def answers(count, then):
    """A stream service that echoes so many probes, all connections together, and then does that."""
    heard = []

    def serve(connection):
        while data := receive_probe(connection):
            heard.append(data)
            if len(heard) > count:
                return then(connection)
            connection.sendall(data)
    return serve


def hang(connection):
    while connection.recv(1 << 16):
        pass


@pytest.mark.parametrize("then", [reset, hang, lambda connection: None],
                         ids=["resets", "hangs", "closes"])
@pytest.mark.parametrize("count", [0, 2])
def test_a_service_that_dies_is_no_service(count, then):
    with Peer(answers(count, then)) as peer:
        result = ping("-c", 5, "-i", "20ms", "-W", "100ms", peer.address)
    assert f"5 sent, {count} received, " in result.stdout
    assert "(not over yet)" in result.stdout
    assert result.returncode == 1


def test_datagrams_that_are_refused_in_the_end():
    with Server("udp://127.0.0.1:0") as service, started(
            "-c", 20, "-i", "20ms", "-W", "100ms", service.addresses[0]) as process:
        read_until(process, "seq=2 ")
        os.kill(service.process.pid, signal.SIGKILL)
        out, _ = process.communicate(timeout=ANSWER_S)
    assert "refused (not over yet)" in out
    assert process.returncode == 1


def test_a_service_that_closes_behind_each_reply_is_there():
    """The end that follows the last reply, seen or not, costs no probe and decides nothing."""
    def serve(connection):
        connection.sendall(receive_probe(connection))

    with Peer(serve) as peer:
        for options in ("--connect",), ("-c", 1):
            assert ping("-c", 3, "-i", "30ms", "-W", "5s", *options, peer.address).returncode == 0


# ---- our own stops ----

class Stopped:
    """A service that holds the answer to the second probe until ping has been stopped."""

    def __init__(self):
        self.held, self.stopped, self.answered = (threading.Event() for _ in range(3))
        self.answered_s = None

    def hold(self, number):
        if number == 2:
            self.held.set()
            self.stopped.wait(ANSWER_S)
            self.answered_s = time.monotonic()
            self.answered.set()

    def stop(self, process):
        """Half a second in which ping does not run, and the answer lies there."""
        assert self.held.wait(ANSWER_S)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        self.stopped.set()
        assert self.answered.wait(ANSWER_S)
        time.sleep(0.5)  # the stop: what is measured must not contain it
        process.send_signal(signal.SIGCONT)

    def datagram(self, data, number):
        self.hold(number)
        return [data]

    def stream(self, connection):
        number = 0
        while data := receive_probe(connection):
            number += 1
            self.hold(number)
            connection.sendall(data)


def stopped_ping(stopped, address, *options):
    """(What it has told as JSON, seconds that the second reply can have taken at most.)"""
    begin_s = time.monotonic()
    with started("--json", "-c", 2, "-i", "50ms", "-W", "1m", *options, address) as process:
        stopped.stop(process)
        out, _ = process.communicate(timeout=ANSWER_S)
    assert process.returncode == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[-1]["received"] == 2 and lines[-1]["late"] == 0
    return ([line for line in lines if line["event"] == "reply"] + lines[-1:],
            stopped.answered_s - begin_s + 0.1)


@pytest.mark.parametrize("busy", ["auto", "10s"])
@pytest.mark.parametrize("scheme", ["udp", "tcp", "unixgram"])
def test_a_stop_of_ours_is_no_round_trip(scheme, busy, tmp_path):
    stopped = Stopped()
    if scheme == "tcp":
        service = Peer(stopped.stream)
    else:
        service = Datagrams(stopped.datagram, tmp_path / "peer" if scheme == "unixgram" else None)
    with service as peer:
        (_, second, summary), most_s = stopped_ping(stopped, peer.address, "--busy-poll", busy)
    assert second["rtt_ns"] is not None
    assert second["rtt_ns"] < most_s * 1e9
    assert summary["rtt"]["max_ns"] < most_s * 1e9


def test_a_stop_where_the_kernel_keeps_no_time(tmp_path):
    """Unix streams: that it came is known, and not when; so no time is told."""
    path = str(tmp_path / "service")
    for options in (), ("--busy-poll", "10s"):
        stopped = Stopped()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)

            def serve():
                with listener.accept()[0] as connection:
                    stopped.stream(connection)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            (first, second, summary), _ = stopped_ping(stopped, f"unix:{path}", *options)
            thread.join(ANSWER_S)
        os.unlink(path)
        assert first["rtt_ns"] is not None
        assert second["rtt_ns"] is None
        assert summary["rtt"]["count"] == 1
        assert summary["rtt"]["max_ns"] == first["rtt_ns"]


def test_a_stop_in_words(tmp_path):
    path = str(tmp_path / "service")
    stopped = Stopped()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        threading.Thread(target=lambda: stopped.stream(listener.accept()[0]), daemon=True).start()
        with started("-c", 2, "-i", "50ms", "-W", "1m", f"unix:{path}") as process:
            stopped.stop(process)
            out, _ = process.communicate(timeout=ANSWER_S)
    assert f"56 bytes from unix:{path}: seq=2 (no time: ping was stopped when it came)" in out


def test_a_stop_is_no_time_to_connect(tmp_path):
    path = str(tmp_path / "service")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        with started("--json", "--connect", "-c", 1, "-W", "1m", "--trace", f"unix:{path}") as process:
            # The backlog is full: it tries again and again.
            while "EAGAIN" not in (line := process.stderr.readline()):
                assert line, "it has ended"
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            listener.accept()[0].close()
            process.send_signal(signal.SIGCONT)
            connection, _ = listener.accept()
            connection.sendall(receive_probe(connection))
            out, _ = process.communicate(timeout=ANSWER_S)
            connection.close()
    reply, summary = (json.loads(line) for line in out.splitlines()[1:])
    assert reply["connect_ns"] is None and reply["rtt_ns"] is not None
    assert summary["connections"] == 1 and summary["connect"] is None


def test_after_a_stop_the_schedule_is_kept():
    """No burst: those that were due meanwhile are left out, and the next come at their interval."""
    arrived = []

    def answer(data, number):
        arrived.append(time.monotonic())
        return [data]

    with Datagrams(answer) as peer, started("-i", "20ms", peer.address) as process:
        read_until(process, "seq=5 ")
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        heard = len(arrived)
        time.sleep(0.5)  # twenty-five intervals
        process.send_signal(signal.SIGCONT)
        read_until(process, f"seq={heard + 22} ")
    # From the second after the stop on: twenty intervals, 0.4 s, where a burst takes no time at all. (Half,
    # because on a busy machine the first of them may be late.)
    assert arrived[heard + 21] - arrived[heard + 1] >= 0.2


# ---- in the background of a script ----

def ignore():
    """What a shell without job control does for `meari ... &`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)


class Background:
    """meari while it runs in the background of a script; it ends with the block."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [MEARI, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environment(), preexec_fn=ignore)

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def wait_until(true, process):
    until = time.monotonic() + ANSWER_S
    while not true():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.001)


def test_in_the_background_an_interrupt_shows_the_figures():
    with Peer(echo) as peer, Background("ping", "-i", "10ms", peer.address) as process:
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGQUIT)
        assert "received" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=ANSWER_S)
    assert re.search(r"^\d+ sent, \d+ received, 0% loss", rest, re.MULTILINE)
    assert errors == ""
    assert process.returncode == 0


def test_in_the_background_of_a_shell():
    def serve(connection):
        while data := receive_probe(connection):
            connection.sendall(data)
            heard.append(data)

    heard = []
    script = '"$0" ping -i 10ms "$1" >/dev/null & read ready; kill -INT $!; wait $!'
    with Peer(serve) as peer, subprocess.Popen(
            ["sh", "-c", script, MEARI, peer.address], stdin=subprocess.PIPE,
            env=environment()) as shell:
        wait_until(lambda: len(heard) >= 3, shell)
        shell.stdin.close()
        assert shell.wait(ANSWER_S) == 0


@pytest.mark.parametrize("arguments", [
    ("bench", "-d", "1m", "-c", 1), ("talk",), ("check", "--timeout", "1m")], ids=lambda a: a[0])
def test_other_verbs_in_the_background(arguments):
    with Peer(hang) as peer, Background(*arguments, peer.address) as process:
        wait_until(lambda: peer.peers, process)
        process.send_signal(signal.SIGINT)
        process.wait(ANSWER_S)
        assert process.returncode != 0


def test_a_server_in_the_background():
    for number in (signal.SIGINT, signal.SIGTERM):
        with Server("tcp://127.0.0.1:0", preexec_fn=ignore) as server:
            assert server.stop(number) == 0


def heeds(process, number):
    """The program has begun, and does not ignore the signal (proc(5))."""
    with open(f"/proc/{process.pid}/comm") as comm, open(f"/proc/{process.pid}/status") as status:
        ignored = int(re.search(r"^SigIgn:\t(\w+)$", status.read(), re.MULTILINE)[1], 16)
        return comm.read() == "meari\n" and not ignored & 1 << number - 1


def test_a_signal_in_the_first_moments():
    """It ends the program, wherever it finds it: it is not lost while nobody looks for it yet."""
    with Peer(echo) as peer:
        for _ in range(20):
            with Background("ping", "-i", "10ms", peer.address) as process:
                wait_until(lambda: heeds(process, signal.SIGINT), process)
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=ANSWER_S)
                assert process.returncode in (0, 1, -signal.SIGINT)


def test_nohup_is_respected():
    with Peer(echo) as peer, started(
            "-i", "10ms", peer.address,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        for _ in range(5):
            assert "seq=" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=ANSWER_S)
        assert process.returncode == 0
