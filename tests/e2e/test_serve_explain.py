"""meari serve --explain, and which engine serves where a container forbids one."""

import errno
import re
import socket

import pytest

import seccomp
from meari import ENGINES, Server, environment, receive_exactly, run

LINE = re.compile(r"^(\S+) +(yes|no) +(\S.*)$")


def explain(*arguments, **options):
    """The lines as {name: [(used, reason), ...]}, and what else came of it."""
    result = run("serve", "--explain", *arguments, **options)
    told = {}
    for line in result.stdout.splitlines():
        match = LINE.match(line)
        assert match, line
        told.setdefault(match[1], []).append((match[2] == "yes", match[3]))
    return told, result


def built_in():
    told, _ = explain()
    return [name.removeprefix("engine-") for name in told if name.startswith("engine-")]


def favourite():
    told, _ = explain()
    return next(name.removeprefix("engine-") for name, [(used, _)] in told.items()
                if name.startswith("engine-") and used)


def needs_uring():
    if "uring" not in built_in():
        pytest.skip("the engine uring was not built in")
    (works, _), = explain("--engine", "uring")[0]["engine-uring"]
    if not works:
        pytest.skip("io_uring cannot be had on this machine")


def echoes(server):
    with server.connect() as peer:
        peer.sendall(b"still exact")
        return receive_exactly(peer, 11) == b"still exact"


def test_every_line_is_a_name_an_answer_and_a_reason(engine):
    told, result = explain("--engine", engine)
    assert result.returncode == 0 and result.stderr == ""
    assert told["engine-" + engine] == [(True, "chosen by --engine")]
    for name in ("threads", "processors", "reuseport", "open-files", "busy-poll", "so-busy-poll", "udp-gro",
                 "udp-segment"):
        assert len(told[name]) == 1
    # What stands in a column stands in the same column.
    assert len({LINE.match(line).start(3) for line in result.stdout.splitlines()}) == 1
    assert len({LINE.match(line).start(2) for line in result.stdout.splitlines()}) == 1


def test_auto_says_its_rule():
    told, result = explain()
    assert result.returncode == 0
    chosen = [lines[0] for name, lines in told.items() if name.startswith("engine-")]
    assert [reason for used, reason in chosen if used][0].startswith("what 'auto' takes: ")
    assert sum(used for used, _ in chosen) == 1


def test_what_uring_would_use_is_told_one_by_one():
    needs_uring()
    told, _ = explain("--engine", "uring")
    assert told["buffer-rings"][0][0]
    for name in ("deferred-work", "multishot-receive", "quiet-sends", "registered-ring",
                 "multishot-accept", "min-wait", "registered-files", "bundles",
                 "incremental-buffers"):
        assert len(told[name]) == 1


@pytest.mark.usefixtures("localhost")
def test_addresses_are_looked_up_and_not_opened(tmp_path):
    path = tmp_path / "echo"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told, result = explain(f"127.0.0.1:{port}", f"unix:{path}", "tcp4://localhost:7")
    assert result.returncode == 0
    assert [reason for _, reason in told["listen"]] == [
        f"tcp://127.0.0.1:{port}", f"unix:{path}", "tcp://127.0.0.1:7 (of 'tcp4://localhost:7')"]
    assert not path.exists()


def test_an_address_that_is_nowhere():
    told, result = explain("tcp://no-such-host.invalid:1")
    assert result.returncode == 1
    assert "cannot listen on 'tcp://no-such-host.invalid:1'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_in_another_language_names_and_answers_stay():
    english, _ = explain()
    korean, _ = explain(env=environment(LANGUAGE="ko", LANG="C.UTF-8"))
    assert list(english) == list(korean)
    assert [[used for used, _ in lines] for lines in english.values()] == \
        [[used for used, _ in lines] for lines in korean.values()]


# --- a container that forbids io_uring


@pytest.mark.parametrize("error, words", [
    (errno.EPERM, "io_uring is forbidden here"),
    (errno.ENOSYS, "this kernel has no io_uring"),
])
def test_uring_where_it_is_forbidden(error, words):
    needs_uring()
    forbid = seccomp.refuse("io_uring_setup", error)
    told, result = explain("--engine", "uring", preexec_fn=forbid)
    assert result.returncode == 1
    assert told["engine-uring"][0][0] is False and words in told["engine-uring"][0][1]
    assert result.stderr.startswith("meari: cannot use the engine 'uring': " + words)
    assert result.stderr.count("\n") == 1

    served = run("serve", "--engine", "uring", "tcp://127.0.0.1:0", preexec_fn=forbid)
    assert served.returncode == 1
    assert served.stderr == result.stderr


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS])
@pytest.mark.parametrize("chosen", ["auto", "epoll"])
def test_epoll_serves_where_uring_is_forbidden(chosen, error):
    with Server("tcp://127.0.0.1:0", "--engine", chosen,
                preexec_fn=seccomp.refuse("io_uring_setup", error)) as server:
        assert echoes(server)
        assert "(engine epoll," in server.wait_stderr("echoing on")
        # One line of its own if 'auto' would have had it otherwise, and none if not.
        substituted = chosen == "auto" and favourite() == "uring"
        assert server.stderr.count("\n") == 1 + substituted
        assert server.stop() == 0


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS])
def test_auto_without_its_favourite_says_so_and_serves(error):
    needs_uring()
    wanted, other = favourite(), "epoll"
    if wanted == other:
        pytest.skip("epoll, which every kernel has, is the favourite")
    forbid = seccomp.refuse("io_uring_setup", error)
    with Server("tcp://127.0.0.1:0", preexec_fn=forbid) as server:
        assert echoes(server)
        said = server.wait_stderr("echoing on").splitlines()
        assert len(said) == 2
        assert said[0].startswith(f"meari: the engine '{wanted}' cannot work here, "
                                  f"'{other}' serves instead: ")
        assert f"(engine {other}," in said[1]
        assert server.stop() == 0
    told, result = explain(preexec_fn=forbid)
    assert result.returncode == 0
    assert told["engine-" + other] == [(True, f"'auto' prefers '{wanted}'")]
    assert told["engine-" + wanted][0][0] is False


def test_an_engine_that_nobody_knows():
    result = run("serve", "--engine", "steam")
    assert result.returncode == 2
    assert "--engine 'steam' is not one of: auto, " in result.stderr
    assert all(name in result.stderr for name in ENGINES)
