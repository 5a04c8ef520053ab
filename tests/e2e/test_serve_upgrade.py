"""meari serve --upgrade: a new process takes the listeners over, and the old one drains."""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

from callers import Callers
from meari import (ANSWER_S, ENGINES, MEARI, Server, connect, endpoint, environment, receive_exactly,
                   run, send_with_descriptors)
from procfs import cpu_share_while_idle, descriptor_count, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user takes root")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "upgrade"


def echo(server, index=0, payload=b"before, meanwhile and after"):
    with server.connect(index) as peer:
        return echo_on(peer, payload)


def echo_on(peer, payload=b"still here"):
    peer.sendall(payload)
    return receive_exactly(peer, len(payload)) == payload


@contextlib.contextmanager
def upgraded(old, *arguments, **options):
    """The next server, at a moment when it is in charge and the old one knows it."""
    with Server(*arguments, **options) as new:
        old.wait_stderr(f"handed over to process {new.process.pid}")
        new.wait_stderr(f"from process {old.process.pid}")
        yield new


def ended(old):
    return old.wait() == 0


# ---- connections ----


def test_open_connections_stay_and_new_ones_go_to_the_new_server(engine, path):
    common = ("--upgrade", path, "--threads", 2, "--drain", "60s", "-v")
    with Server(*common, "tcp://127.0.0.1:0", engine=engine) as old:
        with old.connect() as early, old.connect() as other:
            assert echo_on(early) and echo_on(other)
            with upgraded(old, *common, old.addresses[0], engine=engine) as new:
                assert new.addresses == old.addresses
                for _ in range(20):
                    assert echo(new)
                assert echo_on(early) and echo_on(other)
                assert old.process.poll() is None
                early.shutdown(socket.SHUT_WR)
                assert early.recv(1) == b""
                other.close()
                assert ended(old)
                assert "0 connections were cut" in old.stderr
                assert path.is_socket() and echo(new)
                assert new.stop() == 0
        assert not path.exists()


def test_the_drain_is_bounded(engine, path):
    with Server("--upgrade", path, "--drain", "200ms", "tcp://127.0.0.1:0", engine=engine) as old:
        with old.connect() as peer:
            assert echo_on(peer)
            with upgraded(old, "--upgrade", path, old.addresses[0], engine=engine) as new:
                assert ended(old)
                assert "1 connection was cut" in old.stderr
                assert echo(new)


def test_ten_upgrades_lose_nobody(engine, path):
    with contextlib.ExitStack() as stack:
        common = ("--upgrade", path, "--threads", 2)
        old = stack.enter_context(Server(*common, "tcp://127.0.0.1:0", engine=engine))
        callers = Callers(endpoint(old.addresses[0])[2])
        callers.start()
        try:
            for _ in range(10):
                before = callers.answered
                new = stack.enter_context(upgraded(old, *common, old.addresses[0], engine=engine))
                callers.wait_for(before + 20)
                assert ended(old)
                old = new
        finally:
            callers.stop()
        assert callers.failures == []
        assert callers.answered >= 200
        assert old.stop() == 0


def test_from_one_engine_to_the_other_and_back(path):
    if len(ENGINES) < 2:
        pytest.skip("there is one engine here")
    addresses = ("tcp://127.0.0.1:0", "udp://127.0.0.1:0")
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(Server("--upgrade", path, *addresses, engine=ENGINES[0]))
        callers = Callers(endpoint(old.addresses[0])[2])
        callers.start()
        try:
            for engine in (*ENGINES[1:], ENGINES[0]):
                before = callers.answered
                new = stack.enter_context(
                    upgraded(old, "--upgrade", path, *addresses, engine=engine))
                assert f"(engine {engine}," in new.wait_stderr("echoing on")
                callers.wait_for(before + 20)
                assert ended(old) and echo(new, 1)
                old = new
        finally:
            callers.stop()
        assert callers.failures == []


@pytest.mark.parametrize("before, after", ((1, 3), (2, 3), (4, 1), (3, 2)))
def test_more_and_fewer_threads(engine, path, tmp_path, before, after):
    addresses = ("tcp://127.0.0.1:0", "udp://127.0.0.1:0", f"unix:{tmp_path}/s",
                 f"unixgram:{tmp_path}/d")
    with Server("--upgrade", path, "--threads", before, *addresses, engine=engine) as old:
        with upgraded(old, "--upgrade", path, "--threads", after, *addresses, engine=engine) as new:
            assert new.addresses == old.addresses
            assert ended(old)
            for index in range(4):
                for _ in range(40):  # by the hash of their ports, on every socket there is
                    assert echo(new, index)
            assert new.stop() == 0
    assert not list(tmp_path.glob("[sd]"))


# ---- datagrams and unix sockets ----


class Asker(threading.Thread):
    """A datagram now and then, from a socket of its own each: every one is answered.

    The kernel may give such a socket a port that the server itself serves, in the other family: what comes from there
    is not answered, because the answer could come back for ever (meari-serve(1)).
    """

    def __init__(self, address, served=()):
        super().__init__()
        self.address = address
        self.served = [endpoint(one)[2][1] for one in served if one.startswith("udp:")]
        self.done = threading.Event()
        self.asked, self.failures = 0, []

    def run(self):
        while not self.done.wait(0.005):
            self.asked += 1
            payload = b"datagram %d" % self.asked
            try:
                with connect(self.address, timeout=ANSWER_S) as peer:
                    if self.address.startswith("udp:") and peer.getsockname()[1] in self.served:
                        continue
                    peer.send(payload)
                    if peer.recv(100) != payload:
                        raise ConnectionError("not echoed")
            except OSError as error:
                self.failures.append((self.asked, error))

    def wait_for(self, asked):
        until = time.monotonic() + ANSWER_S
        while self.asked < asked and time.monotonic() < until:
            self.done.wait(0.01)

    def stop(self):
        self.done.set()
        self.join()


@pytest.mark.parametrize("threads", (1, 3))
def test_no_datagram_is_left_unanswered(engine, path, tmp_path, threads):
    addresses = ("udp://127.0.0.1:0", "udp://[::1]:0", f"unixgram:{tmp_path}/d")
    common = ("--upgrade", path, "--threads", threads)
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(Server(*common, *addresses, engine=engine))
        servers = [old]
        askers = [Asker(address, old.addresses) for address in old.addresses]
        for asker in askers:
            asker.start()
        try:
            for _ in range(3):
                new = stack.enter_context(upgraded(old, *common, *addresses, engine=engine))
                servers.append(new)
                assert new.addresses == old.addresses and ended(old)
                for asker in askers:
                    asker.wait_for(asker.asked + 10)
                old = new
        finally:
            for asker in askers:
                asker.stop()
        for asker in askers:
            said = "".join(server.stderr for server in servers)
            assert asker.failures == [] and asker.asked >= 30, f"{asker.address}: {said}"


def test_unix_sockets_keep_their_files_and_lose_nobody(engine, path, tmp_path):
    name = "meari-upgrade-%d" % os.getpid()
    addresses = (f"unix:{tmp_path}/s", f"unix:@{name}", f"unixgram:@{name}-d")
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(Server("--upgrade", path, *addresses, engine=engine))
        inode = (tmp_path / "s").stat().st_ino
        askers = [Callers(endpoint(address)[2], socket.AF_UNIX) for address in addresses[:2]]
        for asker in askers:
            asker.start()
        try:
            for _ in range(3):
                new = stack.enter_context(upgraded(old, "--upgrade", path, *addresses, engine=engine))
                assert ended(old) and echo(new, 2)
                for asker in askers:
                    asker.wait_for(asker.answered + 10)
                old = new
        finally:
            for asker in askers:
                asker.stop()
        for asker in askers:
            assert asker.failures == [] and asker.answered >= 30
        assert (tmp_path / "s").stat().st_ino == inode
        assert old.stop() == 0
        assert not (tmp_path / "s").exists() and not path.exists()


def test_an_abstract_path(engine):
    at = "@meari-upgrade-at-%d" % os.getpid()
    with Server("--upgrade", at, "tcp://127.0.0.1:0", engine=engine) as old:
        with upgraded(old, "--upgrade", f"unix:{at}", old.addresses[0], engine=engine) as new:
            assert ended(old) and echo(new)


def test_a_path_relative_to_another_folder_is_another_file(path, tmp_path, monkeypatch):
    """Both are asked for 'unix:s', but not from the same folder."""
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with Server("--upgrade", path, "unix:s") as old:
        monkeypatch.chdir(tmp_path / "there")
        with upgraded(old, "--upgrade", path, "unix:s") as new:
            assert ended(old)
            assert (tmp_path / "there/s").is_socket() and echo(new)
            assert new.stop() == 0
        assert not (tmp_path / "there/s").exists()


# ---- what is asked for ----


def test_an_address_more_and_one_less(engine, path, tmp_path):
    with Server("--upgrade", path, "tcp://127.0.0.1:0", f"unix:{tmp_path}/s", "udp://127.0.0.1:0",
                engine=engine) as old:
        assert echo(old, 1)
        with upgraded(old, "--upgrade", path, old.addresses[0], "tcp://127.0.0.2:0",
                      f"unix:{tmp_path}/t", engine=engine) as new:
            new.wait_stderr("took over 1 listener from")
            assert ended(old)
            assert all(echo(new, index) for index in range(3))
            # What nobody asked for is gone: refused, and its file removed.
            assert not (tmp_path / "s").exists() and (tmp_path / "t").is_socket()
            with connect(old.addresses[2]) as peer, pytest.raises(ConnectionRefusedError):
                peer.send(b"?")
                peer.recv(1)


def test_port_0_takes_what_is_not_asked_for_otherwise(path):
    with Server("--upgrade", path, "tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "udp://127.0.0.1:0") as old:
        with upgraded(old, "--upgrade", path, "tcp://127.0.0.1:0", old.addresses[0],
                      "udp://127.0.0.1:0", "tcp://127.0.0.1:0") as new:
            assert new.addresses[:3] == [old.addresses[1], old.addresses[0], old.addresses[2]]
            assert new.addresses[3] not in old.addresses  # opened, since none was left
            assert ended(old) and all(echo(new, index) for index in range(4))


@pytest.mark.usefixtures("localhost")
def test_a_name_with_several_addresses(path):
    with Server("--upgrade", path, "localhost:0") as old:
        with upgraded(old, "--upgrade", path, "localhost:0") as new:
            assert new.addresses == old.addresses and ended(old)
            assert all(echo(new, index) for index in range(len(new.addresses)))


# ---- when it fails ----


def refused(*arguments, **options):
    done = run("serve", *arguments, **options)
    assert done.returncode == 1 and done.stdout == ""
    return done.stderr


def test_an_address_that_cannot_be_had(engine, path, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with Server("--upgrade", path, "tcp://127.0.0.1:0", f"unix:{tmp_path}/s", engine=engine) as old:
            with old.connect() as peer:
                assert echo_on(peer)
                said = refused("--upgrade", path, old.addresses[0], f"unix:{tmp_path}/s",
                               "tcp://127.0.0.1:%d" % taken.getsockname()[1])
                assert "Address already in use" in said and said.count("\n") == 1
                assert "it ended before it was ready; this server continues" in \
                    old.wait_stderr("has failed")
                assert echo_on(peer) and echo(old, 0) and echo(old, 1)
            assert path.is_socket() and (tmp_path / "s").is_socket()
            with upgraded(old, "--upgrade", path, old.addresses[0], f"unix:{tmp_path}/s",
                          engine=engine) as new:
                assert ended(old) and echo(new, 0) and echo(new, 1)


def test_failing_upgrades_lose_nobody(engine, path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with Server("--upgrade", path, "--threads", 2, "tcp://127.0.0.1:0", engine=engine) as old:
            callers = Callers(endpoint(old.addresses[0])[2])
            callers.start()
            try:
                for _ in range(10):
                    refused("--upgrade", path, "--threads", 4, old.addresses[0],
                            "tcp://127.0.0.1:%d" % taken.getsockname()[1])
                    callers.wait_for(callers.answered + 10)
            finally:
                callers.stop()
            assert callers.failures == []


def test_a_user_that_is_not_there(path):
    with Server("--upgrade", path, "tcp://127.0.0.1:0") as old:
        assert "no user 'nobody-at-all'" in refused(
            "--upgrade", path, old.addresses[0], "--user", "nobody-at-all")
        old.wait_stderr("has failed")
        assert echo(old)


def test_one_that_was_killed_is_replaced(engine, path, tmp_path):
    arguments = ("--upgrade", path, f"unix:{tmp_path}/s")
    with Server(*arguments, engine=engine) as old:
        assert old.stop(signal.SIGKILL) == -signal.SIGKILL
        assert path.is_socket()
        with Server(*arguments, engine=engine) as new:
            assert echo(new) and "took over" not in new.stderr
            assert new.stop() == 0
    assert not path.exists()


def test_one_that_is_killed_while_the_old_one_drains_is_replaced(engine, path, tmp_path):
    """The old one must not keep alive what it has handed over."""
    arguments = ("--upgrade", path, "--drain", "60s", f"unix:{tmp_path}/s")
    with Server(*arguments, engine=engine) as old, old.connect() as stays:
        assert echo_on(stays)
        with upgraded(old, *arguments, engine=engine) as new:
            assert echo(new)
            assert new.stop(signal.SIGKILL) == -signal.SIGKILL
        with Server(*arguments, engine=engine) as newest:
            assert echo(newest) and "took over" not in newest.stderr
            assert echo_on(stays)
            stays.close()
            assert ended(old)


def test_what_is_no_socket_is_not_removed(path):
    path.write_text("precious")
    said = refused("--upgrade", path, "tcp://127.0.0.1:0")
    assert "it is not a socket, so it is not removed" in said
    assert path.read_text() == "precious"


def test_somebody_elses_socket(path):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        said = refused("--upgrade", path, "tcp://127.0.0.1:0")
        assert "no meari with --upgrade" in said and said.count("\n") == 1
    said = refused("--upgrade", path.parent / "no" / "folder", "tcp://127.0.0.1:0")
    assert "its folder must exist" in said


def test_usage():
    for wrong in ("", "x" * 200):
        done = run("serve", "--upgrade", wrong, "tcp://127.0.0.1:0")
        assert done.returncode == 2 and "--upgrade" in done.stderr


# ---- who else knocks ----


HELLO = b"meari-upgrade 1 take\n"


def knock(path):
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.settimeout(ANSWER_S)
    peer.connect(str(path))
    return peer


def take(peer):
    """Says hello; gives the text of the answer, and closes the descriptors that come with it."""
    peer.send(HELLO)
    text, fds, _, _ = socket.recv_fds(peer, 16384, 253)
    for fd in fds:
        os.close(fd)
    return text.decode(), len(fds)


def test_what_is_said(path, tmp_path):
    with Server("--upgrade", path, "--threads", 2, "tcp://127.0.0.1:0", f"unix:{tmp_path}/s") as old:
        with knock(path) as peer:
            text, count = take(peer)
            lines = text.splitlines()
            status, mark = (tmp_path / "s").stat(), path.stat()
            assert lines == [
                "meari-upgrade 1 sockets", f"pid {old.process.pid}", "total 4", "watchdog_ns 0",
                f"socket control {mark.st_dev}:{mark.st_ino}", "socket opened -", "socket opened -",
                f"socket opened {status.st_dev}:{status.st_ino}"]
            assert count == 4
        old.wait_stderr("has failed: it ended before it was ready")
        assert echo(old) and echo(old, 1)


def test_more_sockets_than_one_message_holds(path):
    with Server("--upgrade", path, "--threads", 150, "tcp://127.0.0.1:0", "udp://127.0.0.1:0") as old:
        with upgraded(old, "--upgrade", path, "--threads", 1, *old.addresses) as new:
            assert ended(old)
            with contextlib.ExitStack() as stack:
                for peer in [stack.enter_context(new.connect()) for _ in range(300)]:
                    assert echo_on(peer)
            for _ in range(300):
                assert echo(new, 1)


@pytest.mark.parametrize("said", (
    b"", b"x", b"meari-upgrade 2 take\n", b"meari-upgrade 1 ready\n", b"meari-upgrade 1 yours\n",
    b"meari-upgrade 1 take", HELLO * 20, b"\0" * 4096, b"GET / HTTP/1.1\r\n\r\n"))
def test_nonsense_is_shown_the_door(engine, path, said):
    with Server("--upgrade", path, "tcp://127.0.0.1:0", engine=engine) as old:
        with knock(path) as peer:
            peer.send(said)
            answer = peer.recv(100)
            assert answer in (b"meari-upgrade 1 unknown\n", b"")
        assert echo(old)
        with upgraded(old, "--upgrade", path, old.addresses[0], engine=engine) as new:
            assert ended(old) and echo(new)
        assert "has failed" not in old.stderr


def test_descriptors_that_are_sent_are_not_kept(path):
    with Server("--upgrade", path, "tcp://127.0.0.1:0") as old:
        def open_files():
            return len(os.listdir(f"/proc/{old.process.pid}/fd"))

        before = open_files()
        for _ in range(20):
            with knock(path) as peer:
                send_with_descriptors(peer, b"meari-upgrade 1 nothing\n", [0] * 50)
                assert peer.recv(100) == b"meari-upgrade 1 unknown\n"
                assert peer.recv(100) == b""
        assert open_files() == before and echo(old)


def test_silence_holds_nobody_up(engine, path):
    """More silent peers than it keeps: the ones that came first are let go, a real one is served."""
    with Server("--upgrade", path, "tcp://127.0.0.1:0", engine=engine) as old:
        with contextlib.ExitStack() as stack:
            silent = [stack.enter_context(knock(path)) for _ in range(50)]
            assert silent[0].recv(1) == b""
            assert echo(old)
            with upgraded(old, "--upgrade", path, old.addresses[0], engine=engine) as new:
                assert ended(old) and echo(new)


def test_silence_is_ended(path):
    with Server("--upgrade", path, "tcp://127.0.0.1:0") as old, knock(path) as silent:
        assert silent.recv(100) == b"meari-upgrade 1 late\n"  # after HANDOVER_GREETING_NS
        assert silent.recv(100) == b""
        assert "has failed" not in old.stderr and echo(old)


def test_without_descriptors_nobody_is_let_in_and_nothing_spins(engine, path):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    with Server("--upgrade", path, "--threads", 1, "tcp://127.0.0.1:0", engine=engine,
                preexec_fn=few) as old:
        with contextlib.ExitStack() as stack:
            for _ in range(40):
                stack.enter_context(old.connect())
            wait_until(lambda: descriptor_count(old.process.pid) == 40, "it has used them all up")
            peer = knock(path)
            peer.send(HELLO)
            assert cpu_share_while_idle(old.process.pid) < 0.2
        with peer:  # those who were connected have gone
            text, fds, _, _ = socket.recv_fds(peer, 16384, 253)
            assert text.startswith(b"meari-upgrade 1 sockets\n") and len(fds) == 2
            for fd in fds:
                os.close(fd)
        assert echo(old)


def test_more_sockets_than_can_be_handed_over(path):
    addresses = [f"tcp://127.0.0.{host}:0" for host in range(1, 9)]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 10000:
        pytest.skip(f"it takes 8192 descriptors, and {hard} may be open here")
    said = refused("--upgrade", path, "--threads", 1024, *addresses)
    assert "more than 8191 sockets cannot be handed over" in said and not path.exists()


def test_two_at_the_same_time(path):
    with Server("--upgrade", path, "--threads", 1, "tcp://127.0.0.1:0") as old:
        with knock(path) as first:
            assert take(first)[1] == 2
            said = refused("--upgrade", path, old.addresses[0])
            assert "another upgrade is under way" in said and said.count("\n") == 1
            assert echo(old)
        old.wait_stderr("has failed")
        assert old.stderr.count("has failed") == 1
        with upgraded(old, "--upgrade", path, old.addresses[0]) as new:
            assert ended(old) and echo(new)


def test_one_that_goes_wrong_after_it_was_given_the_sockets(path):
    with Server("--upgrade", path, "tcp://127.0.0.1:0") as old:
        with knock(path) as peer:
            take(peer)
            peer.send(b"meari-upgrade 1 ask\n")
            assert peer.recv(100) == b"meari-upgrade 1 unknown\n"
        old.wait_stderr("has failed: it sent a message that cannot be understood")
        assert echo(old)


def test_an_old_one_that_ends_meanwhile_says_so(path, tmp_path):
    with Server("--upgrade", path, f"unix:{tmp_path}/s") as old:
        with knock(path) as peer:
            take(peer)
            assert old.stop() == 0
            assert peer.recv(100) == b"meari-upgrade 1 ending\n"
        assert not path.exists() and not (tmp_path / "s").exists()


def converse(listener, answers):
    """Lets one peer in: to each message, the next of these. "control" stands for the listener's descriptor."""
    peer = listener.accept()[0]
    peer.settimeout(ANSWER_S)
    for text, fds in answers:
        peer.recv(100)
        socket.send_fds(peer, [text], [listener.fileno() if fd == "control" else fd for fd in fds])
    return peer


def control_socket(path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen()
    return listener


def fake_old(path, *answers):
    """Somebody who answers on the path, hears one message more, and then goes; gives the thread."""
    listener = control_socket(path)

    def serve():
        with listener, converse(listener, answers) as peer:
            peer.recv(100)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def dying_old(path, *answers, after=1):
    """A process that answers on the path, hears so many messages more, and then dies; gives its number."""
    listener = control_socket(path)
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            peer = converse(listener, answers)
            for _ in range(after):
                peer.recv(100)
        os._exit(0)
    listener.close()
    return pid


def answer(*lines, total=2):
    head = ("meari-upgrade 1 sockets", "pid 1", f"total {total}", "watchdog_ns 0")
    return "".join(f"{line}\n" for line in (*head, *lines)).encode()


@pytest.mark.parametrize("text, count, why", (
    (b"meari-upgrade 2 sockets\n", 0, "another version"),
    (b"hello\n", 0, "cannot be understood"),
    (b"meari-upgrade 1 busy\n", 0, "another upgrade is under way"),
    (b"meari-upgrade 1 ending\n", 0, "it is ending, too"),
    (answer("socket opened -", "socket control -"), 1, "cannot be understood"),
    (answer("socket opened -", "socket control -"), 3, "cannot be understood"),
    (answer("socket opened -", "socket control -"), 2, "Socket operation on non-socket"),
    (answer("socket control -", total=1), 1, "Socket operation on non-socket"),
))
def test_nonsense_of_an_old_one(path, text, count, why):
    with open(os.devnull) as file:
        thread = fake_old(path, (text, [file.fileno()] * count))
        said = refused("--upgrade", path, "tcp://127.0.0.1:0")
        thread.join()
    assert why in said and said.count("\n") == 1


SOCKETS = answer("socket opened -", "socket control -")


def test_an_old_one_that_dies_before_it_has_given_up_its_place(engine, path):
    """There is nobody else to serve: the new one does."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        address = "tcp://127.0.0.1:%d" % given.getsockname()[1]
        pid = dying_old(path, (SOCKETS, [given.fileno(), "control"]))
        with Server("--upgrade", path, address, engine=engine) as new:
            os.waitpid(pid, 0)
            assert new.addresses == [address] and echo(new)
            with upgraded(new, "--upgrade", path, address, engine=engine) as newest:
                assert ended(new) and echo(newest)


@pytest.mark.parametrize("said, why", (
    (b"meari-upgrade 1 ending\n", "it is ending, too"),
    (b"meari-upgrade 1 late\n", "it has waited too long"),
    (b"meari-upgrade 1 yours", "cannot be understood"),
))
def test_an_old_one_that_keeps_its_place(engine, path, said, why):
    with socket.create_server(("127.0.0.1", 0)) as given:
        thread = fake_old(path, (SOCKETS, [given.fileno(), "control"]), (said, []))
        refusal = refused("--upgrade", path, "--engine", engine,
                          "tcp://127.0.0.1:%d" % given.getsockname()[1])
        thread.join()
        assert why in refusal and "took over" not in refusal and "echoing" not in refusal


def test_an_old_one_that_says_nothing_but_lives_is_in_charge(path):
    """It could not say "yours" (ENOBUFS) and goes on: two would be in charge."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        thread = fake_old(path, (SOCKETS, [given.fileno(), "control"]))
        said = refused("--upgrade", path, "tcp://127.0.0.1:%d" % given.getsockname()[1])
        thread.join()
    assert "still seems to run" in said and "took over" not in said and path.exists()


def test_a_new_one_that_has_given_up_cannot_be_put_in_charge(path):
    """The old one was stopped, and says "yours" too late: it must see that, and go on."""
    with socket.create_server(("127.0.0.1", 0)) as given, control_socket(path) as listener:
        command = [MEARI, "serve", "--upgrade", path, "--drain", "60s",
                   "tcp://127.0.0.1:%d" % given.getsockname()[1]]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment()) as new:
            with converse(listener, [(SOCKETS, [given.fileno(), listener.fileno()])]) as peer, \
                    socket.create_connection(given.getsockname(), timeout=ANSWER_S) as client:
                assert peer.recv(100) == b"meari-upgrade 1 ready\n"
                assert echo_on(client)  # who is in there keeps it from ending
                assert b"it does not answer" in new.stderr.readline()
                with pytest.raises(BrokenPipeError):
                    peer.send(b"meari-upgrade 1 yours\n")
            new.kill()


@pytest.mark.parametrize("answers", (
    (), ((answer("socket opened -", total=3), ["given"]),)), ids=("asked", "half given"))
def test_an_old_one_that_dies_while_it_hands_over(path, answers):
    """Then there is no server, and the new one starts as ever."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        address = "tcp://127.0.0.1:%d" % given.getsockname()[1]
        pid = dying_old(path, *((text, [given.fileno()]) for text, _ in answers), after=not answers)
    with Server("--upgrade", path, address) as new:
        os.waitpid(pid, 0)
        assert new.addresses == [address] and echo(new) and "took over" not in new.stderr
        with upgraded(new, "--upgrade", path, address) as newest:
            assert ended(new) and echo(newest)


def test_a_control_socket_that_does_not_listen_is_not_taken(path):
    with socket.create_server(("127.0.0.1", 0)) as given, \
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as deaf:
        thread = fake_old(path, (SOCKETS, [given.fileno(), deaf.fileno()]))
        said = refused("--upgrade", path, "tcp://127.0.0.1:%d" % given.getsockname()[1])
        thread.join()
    assert "cannot be understood" in said


# ---- users ----


def test_another_user_is_refused(another_user, engine):
    at = "@meari-upgrade-user-%d" % os.getpid()  # no file, whose mode would keep them out
    # root's is not for nobody ...
    with Server("--upgrade", at, "tcp://127.0.0.1:0", engine=engine) as old:
        said = refused("--upgrade", at, old.addresses[0], **another_user)
        assert "it belongs to another user" in said
        assert "it belongs to the user 65534" in old.wait_stderr("may not upgrade this server")
        assert echo(old)
    # ... and nobody's is nothing that another one than nobody would take.
    with Server("--upgrade", at, "tcp://127.0.0.1:0", engine=engine, **another_user) as old:
        assert "it belongs to another user" in refused("--upgrade", at, old.addresses[0])
        with upgraded(old, "--upgrade", at, old.addresses[0], **another_user) as new:
            assert ended(old) and echo(new)


@needs_root
def test_from_a_server_that_has_become_another_user(engine, tmp_path):
    tmp_path.chmod(0o755)
    at = tmp_path / "upgrade"
    arguments = ("--upgrade", at, "--user", "nobody", "tcp://127.0.0.1:0")
    with Server(*arguments, engine=engine) as old:
        with upgraded(old, *arguments, engine=engine) as new:
            assert ended(old) and echo(new)
            with upgraded(new, *arguments, engine=engine) as newest:
                assert ended(new) and echo(newest)


def test_the_file_is_for_its_owner(path):
    old_mask = os.umask(0)
    try:
        with Server("--upgrade", path, "tcp://127.0.0.1:0"):
            assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(old_mask)


# ---- what is told ----


def test_json(path):
    common = ("--upgrade", path, "--log-format", "json")
    with Server(*common, "tcp://127.0.0.1:0") as old:
        with knock(path) as peer:
            take(peer)
        old.wait_stderr("upgrade_abandoned")
        with Server(*common, old.addresses[0]) as new:
            assert ended(old)
            new.wait_stderr('"started"')
            told = [json.loads(line) for line in old.stderr.splitlines()]
            assert [line["event"] for line in told] == [
                "started", "upgrade_abandoned", "handed_over", "stopped"]
            assert told[1]["pid"] == os.getpid() and told[1]["reason"]
            assert (told[2]["pid"], told[2]["listeners"]) == (new.process.pid, 1)
            first = json.loads(new.stderr.splitlines()[0])
            assert (first["event"], first["pid"], first["listeners"]) == \
                ("taken_over", old.process.pid, 1)


def test_explain(path):
    def explained():
        done = run("serve", "--explain", "--upgrade", path, "tcp://127.0.0.1:0")
        assert done.returncode == 0
        return re.search("^upgrade .*$", done.stdout, re.MULTILINE)[0]

    assert re.match("upgrade +no .*no server answers there", explained())
    assert not path.exists()
    with Server("--upgrade", path, "--threads", 2, "tcp://127.0.0.1:0") as old:
        assert re.match(f"upgrade +yes +process {old.process.pid} answers .* 2 sockets$", explained())
        assert echo(old) and old.process.poll() is None
        assert old.stop() == 0
        assert "has failed" not in old.stderr


def test_without_the_option_there_is_nothing(tmp_path):
    with Server("tcp://127.0.0.1:0") as server:
        plain = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    with Server("--upgrade", tmp_path / "u", "tcp://127.0.0.1:0") as server:
        # A duplicate of the one socket that each thread has, and the one for upgrades.
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) == \
            plain + 1 + len(os.sched_getaffinity(0))
