"""meari serve --config: the same options from a file, and where a file is wrong."""

import pytest

from meari import Server, receive_exactly, run


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
    ("help", 1, 1, "there is no option 'help'"),
    ("confg x", 1, 1, "there is no option 'confg'"),
    ("\n  threads four", 2, 11, "--threads 'four' is not a number from 1 to 1024"),
    ("threads", 1, 8, "'threads' needs a value"),
    ("pin yes", 1, 5, "'pin' takes no value"),
    ("threads: 4", 1, 8, "behind a name comes a blank or '='"),
    ("threads =", 1, 10, "there is no value behind '='"),
    ("# all\n=4", 2, 1, "a line begins with the name of an option"),
    (b"pin\0", 1, 4, "a zero byte is no text"),
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
