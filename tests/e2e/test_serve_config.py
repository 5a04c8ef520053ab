"""meari serve --config: the same options from a file, and where a file is wrong."""

import re
import signal
import socket
import time

import pytest

from meari import ANSWER_S, Server, environment, receive_all, receive_exactly, run


def written(tmp_path, text):
    path = tmp_path / "serve.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def echo(server, index=0):
    with server.connect(index) as peer:
        peer.sendall(b"from a file")
        return receive_exactly(peer, 11) == b"from a file"


def test_options_and_addresses(engine, tmp_path):
    path = written(tmp_path, f"""\
# how it works
engine {engine}
--threads=1

max-connections = 1
verbose
address tcp://127.0.0.1:0
address unix:{tmp_path}/a b
""")
    with Server("--config", path) as server:
        assert len(server.addresses) == 2
        server.wait_stderr(f"(engine {engine}, 1 thread)")
        with server.connect(1) as first:
            first.sendall(b"x")
            assert receive_exactly(first, 1) == b"x"
            with pytest.raises(OSError):
                if not echo(server):  # one connection is the most
                    raise ConnectionResetError
        assert server.stop() == 0


def test_what_stands_later_wins(tmp_path):
    path = written(tmp_path, "threads 3\naddress tcp://127.0.0.1:0\n")
    with Server("--config", path, "--threads", 2) as server:
        assert ", 2 threads)" in server.wait_stderr("echoing on")
    with Server("--threads", 2, f"--config={path}") as server:
        assert ", 3 threads)" in server.wait_stderr("echoing on")


def test_both_give_addresses(tmp_path):
    path = written(tmp_path, "address tcp://127.0.0.1:0\n")
    with Server("--config", path, "tcp://127.0.0.2:0") as server:
        assert len(server.addresses) == 2 and echo(server, 0) and echo(server, 1)


@pytest.mark.parametrize("text, line, column, why", [
    ("threads 1\nquiet", 2, 1, "there is no option 'quiet'"),
    ("fault delay=20", 1, 7, "--fault 'delay=20' is not a fault: a time needs a unit"),
    ("help", 1, 1, "'help' is for the command line, not for a file"),
    ("pin\n  --lang=ko", 2, 3, "'lang' is for the command line, not for a file"),
    ("lang", 1, 1, "'lang' is for the command line, not for a file"),
    ("usage 1", 1, 1, "'usage' is for the command line, not for a file"),
    ("version", 1, 1, "'version' is for the command line, not for a file"),
    ("lan ko", 1, 1, "there is no option 'lan'"),
    ("confg x", 1, 1, "there is no option 'confg'"),
    ("\n  threads four", 2, 11, "--threads 'four' is not a number from 1 to 1024"),
    ("threads", 1, 8, "'threads' needs a value"),
    ("pin yes", 1, 5, "'pin' takes no value"),
    ("threads: 4", 1, 8, "a name is followed by a blank or '='"),
    ("threads =", 1, 10, "there is no value behind '='"),
    ("# all\n=4", 2, 1, "a line begins with the name of an option"),
    (b"pin\0", 1, 4, "a NUL byte is not text"),
    ("address tcp://:x", 1, 9, "'tcp://:x' is not an address: "),
    ("config other", 1, 1, "a file cannot name another one"),
])
def test_what_is_wrong_and_where(tmp_path, text, line, column, why):
    path = written(tmp_path, text)
    done = run("serve", "--config", path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"meari: '{path}', line {line}, column {column}: {why}")
    assert done.stderr.endswith("(see 'meari serve --help')\n") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("text, column, why, meant", [
    ("threds 4", 1, "there is no option 'threds'", "threads"),
    ("thread 4", 1, "there is no option 'thread'", "threads"),  # no short forms
    ("  adress tcp://*", 3, "there is no option 'adress'", "address"),
    ("max-con 5", 1, "there is no option 'max-con'", "max-connections"),
    ("engine eplol", 8, "--engine 'eplol' is not one of: ", "epoll"),
    ("log-format=jsn", 12, "--log-format 'jsn' is not one of: text, json", "json"),
    ("address 7777", 9, "'7777' is a port without a host", "*:7777"),
])
def test_what_was_meant_is_offered(tmp_path, text, column, why, meant):
    path = written(tmp_path, text)
    done = run("serve", "--config", path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"meari: '{path}', line 1, column {column}: {why}")
    assert done.stderr.endswith(f" (did you mean '{meant}'?)\n") and done.stderr.count("\n") == 1


def test_a_file_that_cannot_be_read(tmp_path):
    done = run("serve", "--config", tmp_path / "none")
    assert done.returncode == 2
    assert done.stderr == (f"meari: cannot read '{tmp_path}/none': No such file or directory "
                           "(see 'meari serve --help')\n")


def test_a_file_has_a_cap(tmp_path):
    most = 1 << 20
    comment = b"#" * 99 + b"\n"
    fits = (comment * (most // 100 + 1))[:most - 1] + b"\n"
    assert run("serve", "--explain", "--config", written(tmp_path, fits)).returncode == 0
    done = run("serve", "--explain", "--config", written(tmp_path, fits + b"\n"))
    assert done.returncode == 2 and "File too large" in done.stderr


def test_one_file():
    done = run("serve", "--config", "/dev/null", "--config", "/dev/null")
    assert done.returncode == 2 and "--config can be given once" in done.stderr


# ---- --check-config ----


def checked(*arguments):
    done = run("serve", *arguments, "--check-config")
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_check_config_opens_nothing(tmp_path):
    listed = tmp_path / "list"
    listed.write_text("192.0.2.0/24\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = written(tmp_path, f"address tcp://127.0.0.1:{taken.getsockname()[1]}\n"
                                 f"address unix:{tmp_path}/s\ndeny @{listed}\nthreads 2\n")
        assert checked("--config", path) == (0, "")
        assert not (tmp_path / "s").exists()
    assert checked("tcp://127.0.0.1:7") == (0, "")


@pytest.mark.parametrize("text, why", [
    ("threds 4", "line 1, column 1: there is no option 'threds'"),
    ("deny @{0}/none", "cannot read '{0}/none': No such file"),
    ("deny @{0}/bad", "'{0}/bad', line 2"),
])
def test_check_config_says_what_is_wrong(tmp_path, text, why):
    (tmp_path / "bad").write_text("192.0.2.0/24\nnonsense\n")
    status, said = checked("--config", written(tmp_path, text.replace("{0}", str(tmp_path)) + "\n"))
    assert status == 2 and why.replace("{0}", str(tmp_path)) in said and said.count("\n") == 1


def test_check_config_without_the_file(tmp_path):
    status, said = checked("--config", tmp_path / "none")
    assert status == 2 and "cannot read" in said and said.count("\n") == 1


# ---- SIGHUP ----


GOOD = "have been read again"
BAD = "was not read again; the old options stay in force"


def reload(server, path, text, sign=GOOD):
    """Writes the file anew, as an editor does, and has it read; gives what the server said of it."""
    before = len(server.stderr)
    later = path.with_name("later")
    later.write_text(text)
    later.rename(path)
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + ANSWER_S
    while sign not in server.stderr[before:]:
        assert time.monotonic() < deadline, server.stderr
        time.sleep(0.005)
    return server.stderr[before:]


ADDRESS = "address tcp://127.0.0.1:0\n"


def is_let_in(server):
    try:
        with server.connect() as peer:
            peer.sendall(b"x")
            return peer.recv(1) == b"x"
    except ConnectionError:
        return False


def test_limits_change(engine, tmp_path):
    path = written(tmp_path, ADDRESS)
    with Server("--config", path, "--threads", 1, engine=engine) as server:
        with server.connect() as first:
            first.sendall(b"x")
            assert receive_exactly(first, 1) == b"x" and is_let_in(server)
            reload(server, path, ADDRESS + "max-connections 1\n")
            assert not is_let_in(server)
            reload(server, path, ADDRESS + "max-per-source 1\n")
            with server.connect() as second:  # who came before is not counted
                second.sendall(b"x")
                assert receive_exactly(second, 1) == b"x" and not is_let_in(server)
            reload(server, path, ADDRESS + "connect-rate 1\n")
            assert [is_let_in(server) for _ in range(3)].count(True) <= 2
            reload(server, path, ADDRESS)
            assert all(is_let_in(server) for _ in range(3))
            first.sendall(b"y")
            assert receive_exactly(first, 1) == b"y"


@pytest.mark.parametrize("limit", ("idle-timeout 100ms", "max-lifetime 100ms"))
def test_who_is_silent_meets_the_new_limit_too(engine, tmp_path, limit):
    path = written(tmp_path, ADDRESS)
    with Server("--config", path, engine=engine) as server, server.connect() as peer:
        peer.sendall(b"x")
        assert receive_exactly(peer, 1) == b"x"
        reload(server, path, f"{ADDRESS}{limit}\n")
        assert receive_all(peer) == b""


def test_a_rate_comes_and_goes(engine, tmp_path):
    path = written(tmp_path, ADDRESS + "max-rate 20\n")
    with Server("--config", path, engine=engine) as server, server.connect() as peer:
        peer.sendall(b"x" * 20000)  # a quarter of an hour
        peer.recv(1)
        reload(server, path, ADDRESS)
        assert len(receive_exactly(peer, 19000)) == 19000


def test_lists_come_and_go(engine, tmp_path):
    path = written(tmp_path, ADDRESS)
    with Server("--config", path, engine=engine) as server, server.connect() as peer:
        peer.sendall(b"x")
        assert receive_exactly(peer, 1) == b"x"
        reload(server, path, ADDRESS + "deny 127.0.0.0/8\n")
        assert receive_all(peer) == b""
        assert not is_let_in(server)
        reload(server, path, ADDRESS)
        assert is_let_in(server)


def test_faults_come_and_go(engine, tmp_path):
    path = written(tmp_path, ADDRESS)
    with Server("--config", path, engine=engine) as server, server.connect() as early:
        early.sendall(b"x")
        assert receive_exactly(early, 1) == b"x"
        said = reload(server, path, ADDRESS + "fault close,after=1\n")
        assert f"injecting faults: close,after=1 on '{server.addresses[0]}'" in said
        with server.connect() as peer:
            peer.sendall(b"abc")
            assert peer.recv(10) == b"a"
        early.sendall(b"abc")  # it met none
        assert receive_exactly(early, 3) == b"abc"
        with server.connect() as held:
            said = reload(server, path, ADDRESS.strip() + "?fault=corrupt=1\n")
            assert "injecting faults: corrupt=1 on" in said and "restart" not in said
            held.sendall(b"abc")
            assert held.recv(10) == b"a"  # those that it met
        with server.connect() as peer:
            peer.sendall(b"abc")
            assert receive_exactly(peer, 3) != b"abc"
        assert "injecting" not in reload(server, path, ADDRESS)
        assert echo(server)


def test_the_log_level_changes(engine, tmp_path):
    path = written(tmp_path, ADDRESS)
    with Server("--config", path, engine=engine) as server:
        assert echo(server) and "accepted" not in server.stderr
        reload(server, path, ADDRESS + "verbose\n")
        assert echo(server)
        server.wait_stderr("accepted tcp://")
        reload(server, path, ADDRESS)


def test_what_cannot_change_is_told_by_name(engine, tmp_path):
    path = written(tmp_path, ADDRESS)
    with Server("--config", path, "--engine", engine, "--threads", 1) as server:
        said = reload(server, path, f"""\
backlog 7
pending 64K
pending-total 2M
urgent urgent
busy-poll 0
pin
max-memory 64M
user root
no-sandbox
trace
log-format json
upgrade {tmp_path}/up
max-connections 5
{ADDRESS}address unix:{tmp_path}/s
""")
        assert re.findall(r"'(\S+)' needs a restart", said) == [
            "backlog", "pending", "pending-total", "urgent", "busy-poll", "pin", "upgrade",
            "max-memory", "user", "no-sandbox", "trace", "log-format", "address"]
        assert echo(server)
        assert "restart" not in reload(server, path, ADDRESS)


@pytest.mark.parametrize("text, why", [
    ("threds 4\n", "line 1, column 1: there is no option 'threds'"),
    ("deny @/nowhere/list\n", "cannot read '/nowhere/list'"),
    ("fault delay=20\n", "needs a unit"),
])
def test_a_file_that_is_wrong_changes_nothing(engine, tmp_path, text, why):
    path = written(tmp_path, ADDRESS + "deny 127.0.0.9\n")
    with Server("--config", path, engine=engine) as server:
        said = reload(server, path, f"{text}max-connections 1\n{ADDRESS}", BAD)
        assert why in said and GOOD not in said
        with server.connect() as one, server.connect() as other:
            for peer in one, other:
                peer.sendall(b"x")
                assert receive_exactly(peer, 1) == b"x"
        path.unlink()
        server.process.send_signal(signal.SIGHUP)
        server.wait_stderr(f"cannot read '{path}'")
        assert echo(server)
        reload(server, path, ADDRESS)


def test_without_a_file_and_lists_sighup_ends_it():
    with Server("tcp://127.0.0.1:0") as server:
        assert echo(server)
        assert server.stop(signal.SIGHUP) == -signal.SIGHUP


def test_the_manager_is_told_why(tmp_path):
    path = written(tmp_path, ADDRESS)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(ANSWER_S)
        with Server("--config", path, env=environment(NOTIFY_SOCKET=tmp_path / "notify")) as server:
            assert manager.recv(100) == b"READY=1"
            path.write_text("threds 4\n")
            server.process.send_signal(signal.SIGHUP)
            assert manager.recv(100).startswith(b"RELOADING=1\n")
            status = manager.recv(500).decode()
            assert status.startswith(f"STATUS='{path}', line 1, column 1: there is no option 'threds'")
            assert manager.recv(100) == b"READY=1"
            path.write_text(ADDRESS)
            server.process.send_signal(signal.SIGHUP)
            assert manager.recv(100).startswith(b"RELOADING=1\n")
            assert manager.recv(100) == b"STATUS=" and manager.recv(100) == b"READY=1"
