"""meari serve --control: what the server counts, does and serves, for whoever asks; and nobody can make it wait."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess

import pytest

from meari import ANSWER_S, ROOT, Server, receive_all, receive_exactly, reset, run
from procfs import descriptor_count, wait_until
from tracing import hanging_thread, needs_no_sanitizer
from users import NOBODY

FLOOD = 300


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control"


def dial(path):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(ANSWER_S)
    peer.connect(str(path))
    return peer


def ask(path, *words):
    """One answer for each word, on one connection."""
    with dial(path) as peer:
        peer.sendall("".join(word + "\n" for word in words).encode())
        peer.shutdown(socket.SHUT_WR)
        answers = [json.loads(line) for line in receive_all(peer).splitlines()]
    assert [answer["control"] for answer in answers] == [1] * len(words)
    return answers


def counters(path):
    return ask(path, "counters")[0]["counters"]


def test_what_is_asked_is_told(engine, path):
    with Server("--control", path, "--threads", 2, "tcp://127.0.0.1:0?fault=reset,after=4", "udp://127.0.0.1:0",
                engine=engine) as server:
        with server.connect() as peer, server.connect() as other:
            peer.sendall(b"12")
            assert receive_exactly(peer, 2) == b"12"
            other.sendall(b"1234")
            with contextlib.suppress(ConnectionResetError):
                receive_all(other)
            about, counted, faults, open_now = ask(path, "about", "counters", "faults", "connections")
            name = peer.getsockname()
        assert about["answer"] == "about" and about["addresses"] == server.addresses
        assert about["pid"] == server.process.pid and about["engine"] == engine and about["threads"] == 2
        assert about["version"] == run("--version").stdout.split()[1] and about["uptime_ns"] > 0
        assert about["requests"] == ["about", "counters", "faults", "connections"]
        wanted = {"connections_accepted": 2, "connections_open": 1, "connections_cut": 1, "faults_reset": 1}
        assert {key: counted["counters"][key] for key in wanted} == wanted and counted["silent_threads"] == 0
        assert faults["listeners"] == [
            {"address": server.addresses[0], "faults": ["reset,after=4"], "done": {"faults_reset": 1}},
            {"address": server.addresses[1], "faults": [], "done": {}}]
        assert open_now["open"] == 1 and open_now["silent_threads"] == 0
        assert open_now["connections"] == [{"peer": "tcp://%s:%d" % name, "received_bytes": 2}]
        assert server.stop() == 0 and not path.exists()


def test_the_counters_are_those_of_the_log(path):
    with Server("--control", path, "--log-format", "json", "tcp://127.0.0.1:0") as server:
        server.process.send_signal(signal.SIGUSR1)
        lines = server.wait_stderr('"counters"').splitlines()
        logged = next(entry for entry in map(json.loads, lines) if entry["event"] == "counters")
        told = counters(path)
        assert told.keys() == logged.keys() - {"time", "level", "event", "message"}


@needs_no_sanitizer
def test_a_thread_that_hangs_is_counted_and_keeps_no_answer(path):
    with Server("--control", path, "--threads", 3, "tcp://127.0.0.1:0", engine="epoll") as server:
        with hanging_thread(server.process.pid):
            counted, open_now = ask(path, "counters", "connections")
            assert (counted["silent_threads"], open_now["silent_threads"]) == (1, 1)
        wait_until(lambda: ask(path, "counters")[0]["silent_threads"] == 0, "it answers again")


def test_the_manual_names_each_field(path):
    page = (ROOT / "docs/man/meari-serve.1").read_text()
    section = re.search(r"^\.Sh CONTROL\n(.*?)^\.Sh ", page, re.MULTILINE | re.DOTALL)[1]
    named = set(re.findall(r"\b(?:Va|Cm|Li) ([\w-]+)", section))
    with Server("--control", path, "tcp://127.0.0.1:0?fault=reset") as server, server.connect() as peer:
        wait_until(lambda: counters(path)["connections_accepted"] == 1, "it has accepted")
        answers = ask(path, "about", "counters", "faults", "connections", "nonsense")
    told = {key for answer in answers for key in answer} | {"address", "faults", "done", "peer", "received_bytes"}
    assert told | {answer["answer"] for answer in answers if "unknown" not in answer["answer"]} <= named


def test_nothing_unknown_is_done(path):
    with Server("--control", path, "tcp://127.0.0.1:0") as server:
        told = ask(path, "stop", "x" * 5000, "about")
        assert [answer["answer"] for answer in told] == ["unknown-request", "unknown-request", "about"]
        assert "requests" in told[0] and server.process.poll() is None


def test_only_its_user_may_ask(path):
    with Server("--control", path, "tcp://127.0.0.1:0"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="another user takes root")
def test_an_abstract_name_is_not_for_others_either(another_user):
    name = "meari-control-%d" % os.getpid()
    with Server("--control", "@" + name, "tcp://127.0.0.1:0") as server:
        ask("\0" + name, "about")
        code = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0{name}'); print(s.recv(1))"

        def become():
            os.setresuid(NOBODY, NOBODY, NOBODY)

        shown = subprocess.run(["/usr/bin/python3", "-c", code], preexec_fn=become, capture_output=True, text=True)
        assert shown.stdout in ("b''\n", "") and "{" not in shown.stdout
        server.wait_stderr("belongs to the user %d" % NOBODY)


def test_who_does_not_read_and_who_floods_cost_nothing(engine, path):
    """A hundred that do not read, and one that asks and asks: the echo goes on, and so do the others."""
    with Server("--control", path, "--threads", 1, "tcp://127.0.0.1:0", engine=engine) as server, \
            contextlib.ExitStack() as stack, server.connect() as peer:
        before = descriptor_count(server.process.pid)
        for _ in range(100):
            stuck = stack.enter_context(dial(path))
            stuck.setblocking(False)
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                while stuck.send(b"counters\nabout\nconnections\n" * 50):
                    pass
        for _ in range(FLOOD):
            peer.sendall(b"meanwhile")
            assert receive_exactly(peer, 9) == b"meanwhile"
        assert counters(path)["connections_open"] == 1
        assert descriptor_count(server.process.pid) <= before + 17
        stack.close()
        assert counters(path)["bytes_sent"] == 9 * FLOOD
        assert server.stop() == 0


def test_a_flood_takes_a_tenth_of_a_processor(path):
    """The main thread rests nine times as long as it works: what it uses is bounded by the time that has passed."""
    def main_thread_s():
        fields = open(f"/proc/{pid}/task/{pid}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    with Server("--control", path, "--threads", 1, "tcp://127.0.0.1:0") as server, dial(path) as peer:
        pid = server.process.pid
        begun, begun_s = main_thread_s(), os.times().elapsed
        peer.sendall(b"counters\n" * FLOOD)
        for _ in range(FLOOD):
            line = b""
            while not line.endswith(b"\n"):
                line += peer.recv(1)
        passed_s = os.times().elapsed - begun_s
        assert main_thread_s() - begun <= 0.25 * passed_s + 0.03


def test_a_peer_that_goes_is_seen_soon(engine, path):
    with Server("--control", path, "tcp://127.0.0.1:0", engine=engine) as server:
        with server.connect() as peer:
            reset(peer)
        wait_until(lambda: counters(path)["connections_lost"] == 1, "it has noticed the reset")
        assert counters(path)["connections_open"] == 0


def test_many_connections_are_counted_and_some_listed(path):
    with Server("--control", path, "--threads", 3, "unix:" + str(path) + ".echo") as server, \
            contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(server.connect())
        wait_until(lambda: counters(path)["connections_open"] == 300, "all are open")
        told = ask(path, "connections")[0]
        assert told["open"] == 300 and len(told["connections"]) == 256
        assert all(one["peer"].startswith("unix:pid=%d," % os.getpid()) for one in told["connections"])


# ---- the path ----


def test_a_stale_file_is_replaced(path):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with Server("--control", path, "tcp://127.0.0.1:0"):
        assert ask(path, "about")


@pytest.mark.parametrize("kind", ["file", "server", "folder", "address"])
def test_what_is_there_stays(path, kind):
    options = ["--control", path, "tcp://127.0.0.1:0"]
    with contextlib.ExitStack() as stack:
        if kind == "file":
            path.write_text("mine")
            reason = "it is not a socket"
        elif kind == "server":
            stack.enter_context(Server(*options))
            reason = "another program answers there"
        elif kind == "folder":
            options[1] = path / "deeper"
            reason = "its folder must exist"
        else:
            stack.enter_context(Server(f"unix:{path}"))
            reason = "another program answers there"
        ended = run("serve", *options)
        assert ended.returncode == 1 and reason in ended.stderr
        assert len(ended.stderr.splitlines()) == 1 and f"'unix:{options[1]}'" in ended.stderr
        assert kind != "file" or path.read_text() == "mine"
        assert kind != "server" or ask(path, "about")


@pytest.mark.parametrize("text", ["", "x" * 200, "@"])
def test_what_is_no_path_is_refused(text):
    ended = run("serve", "--control", text, "tcp://127.0.0.1:0")
    assert ended.returncode == 2 and "--control" in ended.stderr and "socket" in ended.stderr + " socket"


def test_the_sandbox_lets_it_answer_and_remove_the_file(path, engine):
    with Server("--control", path, "--threads", 2, "tcp://127.0.0.1:0", engine=engine) as server:
        for _ in range(3):
            assert ask(path, "counters", "connections", "about")
        assert server.stop() == 0
    assert not path.exists()


def test_while_it_drains_who_is_connected_is_told(path):
    with Server("--control", path, "--drain", "60s", "tcp://127.0.0.1:0") as server, \
            server.connect() as peer, dial(path) as asker:
        peer.sendall(b"1")
        assert receive_exactly(peer, 1) == b"1"
        asker.sendall(b"about\n")
        assert b"\n" in asker.recv(65536)
        server.process.send_signal(signal.SIGTERM)
        server.wait_stderr("ending: 1 connection")
        assert not path.exists()
        asker.sendall(b"counters\n")
        assert json.loads(asker.recv(65536))["counters"]["connections_open"] == 1
        peer.shutdown(socket.SHUT_WR)
        assert server.wait() == 0


def test_a_reload_does_not_move_it(path, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"control = {path}\n")
    with Server("--config", config, "tcp://127.0.0.1:0") as server:
        config.write_text(f"control = {path}.other\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_stderr("'control' needs a restart")
        assert ask(path, "about")


# ---- upgrades ----


def test_the_next_server_answers_at_the_same_file(engine, path):
    common = ("--upgrade", f"{path}.up", "--control", path, "--drain", "60s")
    with Server(*common, "tcp://127.0.0.1:0", engine=engine) as old, old.connect() as early, dial(path) as asker:
        early.sendall(b"1")
        assert receive_exactly(early, 1) == b"1"
        inode = path.stat().st_ino
        with Server(*common, old.addresses[0], engine=engine) as new:
            new.wait_stderr(f"took over 1 listener from process {old.process.pid}")
            old.wait_stderr("handed over")
            assert path.stat().st_ino == inode
            for _ in range(10):
                assert ask(path, "about")[0]["pid"] == new.process.pid
            asker.sendall(b"about\n")  # who was connected before still speaks with the old one
            assert json.loads(asker.recv(65536))["pid"] == old.process.pid
            early.close()
            assert old.wait() == 0
            assert path.is_socket() and ask(path, "about")[0]["pid"] == new.process.pid
            assert new.stop() == 0
        assert not path.exists()


def test_a_next_server_that_wants_it_elsewhere_or_not_at_all(path):
    up = ("--upgrade", f"{path}.up")
    with Server(*up, "--control", path, "tcp://127.0.0.1:0") as first:
        with Server(*up, "--control", f"{path}.2", first.addresses[0]) as second:
            assert first.wait() == 0
            assert not path.exists() and ask(f"{path}.2", "about")[0]["pid"] == second.process.pid
            with Server(*up, first.addresses[0]) as third:
                assert second.wait() == 0
                assert not os.path.exists(f"{path}.2")
                with Server(*up, "--control", path, first.addresses[0]) as fourth:
                    assert third.wait() == 0
                    assert ask(path, "about")[0]["pid"] == fourth.process.pid


def test_an_upgrade_that_fails_takes_nothing(path, tmp_path):
    (tmp_path / "file").write_text("in the way")
    common = ("--upgrade", f"{path}.up", "--control", path)
    with Server(*common, "tcp://127.0.0.1:0") as old:
        failed = run("serve", *common, old.addresses[0], f"unix:{tmp_path}/file")
        assert failed.returncode == 1
        assert ask(path, "about")[0]["pid"] == old.process.pid
        assert old.stop() == 0
    assert not path.exists()
