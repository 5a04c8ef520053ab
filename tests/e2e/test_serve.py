"""meari serve: where it listens, what it says, how it ends.

The promises about bytes are in test_serve_exact.py, test_serve_limits.py, test_serve_datagrams.py.
"""

import contextlib
import ctypes
import os
import re
import resource
import signal
import socket
import subprocess

import pytest

from crowd import Peer, stuff
from meari import (ANSWER_S, MEARI, Server, connect, endpoint, environment, exchange, random_bytes,
                   receive_all, receive_exactly, run)
from procfs import SANITIZER, counters_of, state, wait_until

STREAM = random_bytes(4 << 20, seed=1)


def echo(peer, payload=b"are you there?"):
    peer.sendall(payload)
    assert receive_exactly(peer, len(payload)) == payload


def refuses(*arguments, **options):
    """Runs `meari serve` that cannot run: gives its status and its one line."""
    result = run("serve", *arguments, timeout=30, **options)
    assert result.stdout == ""
    assert result.stderr.startswith("meari: ") and result.stderr.count("\n") == 1, result.stderr
    return result.returncode, result.stderr[len("meari: "):-1]


# --- where it listens


@pytest.mark.parametrize("given, told", [
    ("tcp://127.0.0.1:0", r"tcp://127\.0\.0\.1:\d+"),
    ("127.0.0.1:0", r"tcp://127\.0\.0\.1:\d+"),
    ("tcp4://localhost:0", r"tcp://127\.0\.0\.1:\d+"),
    ("tcp://[::1]:0", r"tcp://\[::1\]:\d+"),
    ("tcp6://localhost:0", r"tcp://\[::1\]:\d+"),
    ("tcp://*:0", r"tcp://(\*|\[::\]):\d+"),
    ("tcp4://*:0", r"tcp://(\*|0\.0\.0\.0):\d+"),
    ("tcp6://*:0", r"tcp://\[::\]:\d+"),
    ("udp://127.0.0.1:0", r"udp://127\.0\.0\.1:\d+"),
    ("udp://*:0", r"udp://(\*|\[::\]):\d+"),
    ("unix:@meari-test-form-%d" % os.getpid(), r"unix:@meari-test-form-\d+"),
])
def test_forms_of_addresses(engine, given, told, request):
    if "localhost" in given:
        found = request.getfixturevalue("localhost")
        if given.startswith("tcp6:") and "::1" not in found:
            pytest.skip("localhost has no IPv6 address here")
    with Server(given, engine=engine) as server:
        assert len(server.addresses) == 1
        assert re.fullmatch(told, server.addresses[0])
        with server.connect() as peer:
            peer.send(b"hello")
            assert peer.recv(10) == b"hello"


def test_a_star_is_ipv4_and_ipv6(engine):
    with Server("tcp://*:0", "-v", engine=engine) as server:
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, server.port()), ANSWER_S) as peer:
                echo(peer)
        # A mapped peer is shown as what it is.
        server.wait_stderr("accepted tcp://[::1]:")
        assert "accepted tcp://127.0.0.1:" in server.stderr and "::ffff" not in server.stderr


@pytest.mark.parametrize("address, other", [("tcp4://*:0", "::1"), ("tcp6://*:0", "127.0.0.1")])
def test_a_forced_family_is_that_family_only(engine, address, other):
    with Server(address, engine=engine) as server:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((other, server.port()), ANSWER_S).close()


def test_a_name_with_two_addresses_has_one_port(engine, localhost):
    with Server("tcp://localhost:0", engine=engine) as server:
        assert len({address.rsplit(":", 1)[1] for address in server.addresses}) == 1
        for index in range(len(server.addresses)):
            with server.connect(index) as peer:
                echo(peer)


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_addresses_at_once(engine, tmp_path, threads):
    given = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "udp://127.0.0.1:0", "udp://[::1]:0",
             f"unix:{tmp_path}/stream", f"unixgram:{tmp_path}/gram",
             f"unix:@meari-test-many-{os.getpid()}"] + ["tcp://127.0.0.1:0"] * 20
    with Server(*given, "--threads", threads, engine=engine) as server:
        assert len(server.addresses) == len(given)
        for index in range(len(given)):
            with server.connect(index) as peer:
                peer.send(b"hello")
                assert peer.recv(10) == b"hello"
        assert server.stop() == 0


def test_without_an_address_it_is_port_5000(engine):
    with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("::", 5000))
            probe.listen()
        except OSError as error:
            pytest.skip(f"port 5000 is somebody else's here: {error}")
    with Server(engine=engine) as server:
        assert re.fullmatch(r"tcp://(\*|\[::\]):5000", server.addresses[0])
        with socket.create_connection(("127.0.0.1", 5000), ANSWER_S) as peer:
            echo(peer)


# --- where it cannot


def test_address_in_use_tcp(engine):
    with Server("tcp://127.0.0.1:0", engine=engine) as server:
        status, line = refuses(server.addresses[0], "--engine", engine)
        assert status == 1
        assert line == f"cannot listen on '{server.addresses[0]}': Address already in use " \
            "('ss -ltnp' shows which process has it; port 0 lets the kernel choose one)"
        with server.connect() as peer:
            echo(peer)


@pytest.mark.parametrize("threads", [1, 2])
def test_address_in_use_udp(engine, threads):
    """SO_REUSEPORT among its own threads does not let a second server in."""
    with Server("udp://127.0.0.1:0", "--threads", threads, engine=engine) as server:
        status, line = refuses(server.addresses[0], "--threads", threads, "--engine", engine)
        assert status == 1
        assert "Address already in use" in line and "ss -lunp" in line


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_address_in_use_unix(engine, tmp_path, scheme):
    with Server(f"{scheme}:{tmp_path}/echo", engine=engine) as server:
        for other in ("unix", "unixgram"):
            status, line = refuses(f"{other}:{tmp_path}/echo", "--engine", engine)
            assert status == 1
            assert "Address already in use (a server answers on it" in line
        with server.connect() as peer:
            peer.send(b"hello")
            assert peer.recv(10) == b"hello"


def test_address_in_use_abstract(engine):
    name = f"unix:@meari-test-taken-{os.getpid()}"
    with Server(name, engine=engine):
        status, line = refuses(name, "--engine", engine)
        assert status == 1 and "Address already in use" in line


def test_one_bad_address_of_many_opens_none(engine, tmp_path):
    """All or nothing: the socket file made before is gone again."""
    with Server("tcp://127.0.0.1:0", engine=engine) as server:
        assert refuses(f"unix:{tmp_path}/echo", server.addresses[0])[0] == 1
    assert not (tmp_path / "echo").exists()


def test_a_port_is_free_again_at_once(engine):
    """Connections in TIME-WAIT do not keep a restarted server from its port."""
    with Server("tcp://127.0.0.1:0", engine=engine) as server:
        address = server.addresses[0]
        with server.connect():
            server.stop(signal.SIGKILL)
    with Server(address, engine=engine) as server, server.connect() as peer:
        echo(peer)


@pytest.fixture
def nobody():
    """
    Options of subprocess that make the program run without privileges. Root stays root, but exec gives
    it no capabilities (capabilities(7), securebits): another user might not even reach the program,
    where the checkout is in root's own folder.
    """
    if os.getuid() != 0:
        return {}
    libc = ctypes.CDLL(None, use_errno=True)
    pr_set_securebits, noroot_and_locked = 28, 3

    def drop():
        if libc.prctl(pr_set_securebits, noroot_and_locked, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECUREBITS)")

    return {"preexec_fn": drop}


def test_no_permission_for_a_low_port(nobody):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as start:
        if int(start.read()) <= 7:
            pytest.skip("every port is free for all here (net.ipv4.ip_unprivileged_port_start)")
    status, line = refuses("tcp://127.0.0.1:echo", **nobody)
    assert status == 1
    assert line == "cannot listen on 'tcp://127.0.0.1:7': Permission denied " \
        "(ports below 1024 need root or CAP_NET_BIND_SERVICE)"


def test_no_permission_for_a_folder(nobody, tmp_path):
    tmp_path.chmod(0o500)
    status, line = refuses(f"unix:{tmp_path}/echo", **nobody)
    assert status == 1
    assert line.endswith("Permission denied (the folder must be writable for you)")


@pytest.mark.parametrize("address, part", [
    ("tcp://192.0.2.1:0", "Cannot assign requested address (no interface of this machine has it"),
    ("unix:/no/such/folder/echo", "No such file or directory (its folder must exist)"),
    ("tcp://no-such-host.invalid:0", "cannot listen on 'tcp://no-such-host.invalid:0': "),
])
def test_cannot_listen_there(engine, address, part):
    status, line = refuses(address, "--engine", engine)
    assert status == 1 and part in line


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "udp://127.0.0.1:{port}",
                                     "unix:@given-twice-{port}"])
def test_an_address_given_twice_is_told_so(address):
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))  # a port that nobody else has, free again in a moment
        address = address.format(port=place.getsockname()[1])
    status, line = refuses(address, address)
    assert status == 1
    assert line == f"cannot listen on '{address}': this server already listens on '{address}'"


def test_a_link_local_address_needs_its_zone():
    status, line = refuses("tcp://[fe80::1]:0")
    assert status == 1
    assert line.endswith("(a link-local address needs a zone, such as %eth0)")


def test_ready_fd_must_be_writable():
    with open("/dev/null", "rb") as null:
        status, line = refuses("--ready-fd", str(null.fileno()), pass_fds=[null.fileno()])
    assert status == 2
    assert "is not a descriptor open for writing" in line


@pytest.mark.parametrize("arguments, part", [
    (["tcp://127.0.0.1:99999"], "'tcp://127.0.0.1:99999' is not an address"),
    (["tcp://[::1:5"], "is not an address"),
    (["ftp://127.0.0.1:5"], "is not an address"),
    (["unix:"], "is not an address"),
    (["unix:" + "x" * 200], "is not an address"),
    (["--threads", "0"], "--threads '0' is not a number from 1 to 1024"),
    (["--threads", "1025"], "--threads"),
    (["--threads", "two"], "--threads"),
    (["--backlog", "0"], "--backlog '0'"),
    (["--pending", "0"], "--pending '0' is not a size"),
    (["--pending", "2G"], "--pending '2G' is not a size"),
    (["--pending", "-1"], "--pending '-1'"),
    (["--pending-total", "1023K"], "--pending-total '1023K' is not a size from 1.0 MiB"),
    (["--drain", "soon"], "--drain 'soon' is not a time"),
    (["--drain", "-1s"], "--drain '-1s'"),
    (["--urgent", "loud"], "--urgent 'loud' is not one of: inline, urgent"),
    (["--log-format", "xml"], "--log-format 'xml' is not one of: text, json"),
    (["--engine", "steam"], "--engine 'steam' is not one of: auto, epoll"),
    (["--ready-fd", "999"], "--ready-fd '999' is not a descriptor open for writing"),
    (["--no-such-option"], "'--no-such-option'"),
    (["--pending"], "'--pending'"),
])
def test_what_makes_no_sense_is_a_usage_error(arguments, part):
    status, line = refuses(*arguments)
    assert status == 2
    assert part in line and "(see 'meari serve --help')" in line


# --- socket files


@pytest.mark.parametrize("connections", [0, 300])
def test_a_restart_after_sigkill_finds_the_addresses_free(engine, connections):
    """Who died of a signal holds on to nothing, and a service manager may start anew at once."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(
            "tcp://127.0.0.1:0", "udp://127.0.0.1:0", f"unix:@meari-killed-{os.getpid()}",
            engine=engine))
        for index in range(connections):
            echo(stack.enter_context(server.connect(index % 3)))
        server.process.kill()
        server.process.wait()
        for address in server.addresses:
            family, kind, name = endpoint(address)
            with socket.socket(family, kind) as successor:
                if kind == socket.SOCK_STREAM:
                    successor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                successor.bind(name)
                if kind == socket.SOCK_STREAM:
                    successor.listen()


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
@pytest.mark.parametrize("left_by", ["unix", "unixgram"])
def test_a_stale_socket_file_is_replaced(engine, tmp_path, scheme, left_by):
    path = tmp_path / "echo"
    with Server(f"{left_by}:{path}", engine=engine) as server:
        server.stop(signal.SIGKILL)
    assert path.is_socket()
    with Server(f"{scheme}:{path}", engine=engine) as server, server.connect() as peer:
        peer.send(b"hello")
        assert peer.recv(10) == b"hello"


def test_several_at_once_on_one_path(tmp_path):
    """One has it, and the others are told: also where a dead server has left its file."""
    path = tmp_path / "echo"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    command = [MEARI, "serve", f"unix:{path}", "--threads", "1", "--drain", "0s"]
    together = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())
                for _ in range(6)]
    try:
        told = [one.stderr.readline() for one in together]
        assert sum("echoing on" in line for line in told) == 1, told
        assert sum("(a server answers on it" in line for line in told) == 5, told
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(ANSWER_S)
            peer.connect(str(path))
            peer.sendall(b"hello")
            assert receive_exactly(peer, 5) == b"hello"
    finally:
        for one in together:
            one.kill()
            one.communicate()


@pytest.mark.parametrize("make", [
    lambda path: path.write_text("precious"),
    lambda path: path.mkdir(),
    lambda path: path.symlink_to("/dev/null"),
], ids=["file", "folder", "link"])
def test_what_is_no_socket_is_left_alone(engine, tmp_path, make):
    path = tmp_path / "echo"
    make(path)
    before = path.lstat()
    status, line = refuses(f"unix:{path}", "--engine", engine)
    assert status == 1
    assert "(it is not a socket, so it is not removed; take another path)" in line
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_the_socket_file_is_removed_at_the_end(engine, tmp_path, scheme):
    path = tmp_path / "echo"
    with Server(f"{scheme}:{path}", engine=engine) as server:
        assert path.is_socket()
        assert server.stop() == 0
    assert not path.exists()


def test_a_socket_file_of_somebody_else_is_not_removed(engine, tmp_path):
    """A successor has taken the path while the old server still waited for a connection."""
    path = tmp_path / "echo"
    with Server(f"unix:{path}", "--drain", "1h", engine=engine) as old, old.connect() as last:
        echo(last)
        old.process.send_signal(signal.SIGTERM)
        old.wait_stderr("ending:")
        with Server(f"unix:{path}", engine=engine) as successor:
            echo(last)
            last.close()
            assert old.wait() == 0
            with successor.connect() as peer:
                echo(peer)


@pytest.mark.parametrize("name", ["a b", "안녕", "percent%41", "new\nline", "@at"])
def test_odd_names_of_socket_files(engine, tmp_path, name):
    with Server(f"unix:{tmp_path}/{name}", engine=engine):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(ANSWER_S)
            peer.connect(f"{tmp_path}/{name}")
            echo(peer)


# --- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_an_idle_server_at_once(engine, number):
    with Server("tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--drain", "1h", engine=engine) as server:
        assert server.stop(number) == 0
        assert server.stderr.splitlines()[-1] == "meari: ended; 0 connections were cut"


@pytest.mark.parametrize("threads", [1, 2])
def test_connections_in_flight_finish(engine, tmp_path, threads):
    """Much is stuck on its way back when the signal comes, and more is sent after it."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", f"unix:{tmp_path}/echo", "--drain",
                                            "1h", "--threads", threads, engine=engine))
        peers = [stack.enter_context(server.connect(index)) for index in (0, 1) for _ in range(5)]
        for peer in peers:
            peer.sendall(STREAM[:100_000])
        server.process.send_signal(signal.SIGTERM)
        server.wait_stderr("ending: 10 connections have up to 3600s to finish")
        wait_until(lambda: is_refused(server.addresses[0]), "nobody new is taken")
        for peer in peers:
            assert receive_exactly(peer, 100_000) == STREAM[:100_000]
            assert exchange(peer, STREAM) == STREAM
        assert server.wait() == 0
        assert server.stderr.endswith("meari: ended; 0 connections were cut\n")


def is_refused(address):
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return True
    return False


def test_drain_time_cuts_and_says_how_many(engine):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", "--drain", "200ms", engine=engine))
        idle = [stack.enter_context(server.connect()) for _ in range(3)]
        stuck = stack.enter_context(server.connect(receive_buffer=4096))
        for peer in idle:
            echo(peer)
        stuck.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                stuck.send(STREAM)
        assert server.stop() == 0
        assert server.stderr.endswith("meari: ended; 4 connections were cut\n")
        for peer in idle:
            assert receive_all(peer) == b""
        # What is not complete does not look complete.
        stuck.settimeout(ANSWER_S)
        with pytest.raises(ConnectionResetError):
            receive_all(stuck)


def test_a_cut_stream_does_not_look_complete(engine):
    """All that was sent has been received, and only some of it can go back: RST, not FIN."""
    with Server("tcp://127.0.0.1:0", "--drain", "0", "--pending", "64M", engine=engine) as server:
        with server.connect(receive_buffer=4096) as peer:
            peer.sendall(STREAM * 4)
            wait_until(lambda: counters_of(server)["bytes_received"] == len(STREAM) * 4,
                       "all is received")
            assert counters_of(server)["bytes_sent"] < len(STREAM) * 4
            assert server.stop() == 0
            with pytest.raises(ConnectionResetError):
                receive_all(peer)


def test_drain_of_nothing_cuts_at_once(engine):
    with Server("tcp://127.0.0.1:0", "--drain", "0", engine=engine) as server:
        with server.connect() as peer:
            echo(peer)
            assert server.stop() == 0
            assert "1 connection was cut" in server.stderr


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(engine, second):
    with Server("tcp://127.0.0.1:0", "--drain", "1h", engine=engine) as server:
        with server.connect() as peer:
            echo(peer)
            server.process.send_signal(signal.SIGTERM)
            server.wait_stderr("a second signal ends at once")
            assert server.stop(second) == 0
            assert "1 connection was cut" in server.stderr


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_whoever_was_connected_before_the_signal_is_served(engine, tmp_path, kind, threads):
    """The kernel completes connections by itself: they wait in the backlog, and are not lost."""
    address = "tcp://127.0.0.1:0" if kind == "tcp" else f"unix:{tmp_path}/echo"
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(address, "--threads", threads, engine=engine))
        server.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state(server.process.pid) == "T", "the server is stopped")
        peers = [stack.enter_context(server.connect()) for _ in range(300)]
        for index, peer in enumerate(peers):
            peer.sendall(b"peer %d" % index)
            peer.shutdown(socket.SHUT_WR)
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        for index, peer in enumerate(peers):
            assert receive_all(peer) == b"peer %d" % index
        assert server.wait() == 0
        assert server.stderr.endswith("ended; 0 connections were cut\n")


def test_a_whole_backlog_is_served_at_the_end(engine):
    """listen(2) with 4096 lets one more wait; each of them has been told that it is connected."""
    with open("/proc/sys/net/core/somaxconn") as most:
        if int(most.read()) < 4096:
            pytest.skip("net.core.somaxconn allows no backlog of that size here")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", "--threads", 1, engine=engine))
        server.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state(server.process.pid) == "T", "the server is stopped")
        peers = [stack.enter_context(server.connect()) for _ in range(4097)]
        for peer in peers:
            peer.shutdown(socket.SHUT_WR)
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        for peer in peers:
            assert receive_all(peer) == b""
        assert server.wait() == 0


# --- what it needs


@pytest.mark.skipif(SANITIZER is not None, reason="a sanitizer's shadow needs more than any limit")
def test_out_of_memory(engine):
    """Much less memory than --pending-total. Some may lose their connections; the server goes on."""
    def little_memory():
        resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server("tcp://127.0.0.1:0", "--threads", 1, "--pending", "16M",
                                            engine=engine, preexec_fn=little_memory))
        peers = [Peer(stack.enter_context(server.connect(receive_buffer=4096)), STREAM * 3,
                      deaf=True) for _ in range(15)]
        for peer in peers:
            with contextlib.suppress(ConnectionError):
                stuff([peer], lambda: counters_of(server))
        for peer in peers:
            peer.sock.close()  # with the echo unread: RST
        with server.connect() as late:
            assert exchange(late, STREAM) == STREAM
        wait_until(lambda: counters_of(server)["connections_open"] == 0, "all are gone")
        assert server.stop() == 0
