"""python/: the fixture `echo_server` in somebody's pytest, and meari_echo.serve() without pytest."""

import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest

from meari import MEARI, ROOT, environment

sys.path.insert(0, str(ROOT / "python"))

import meari_echo  # noqa: E402

SECONDS = 100


@pytest.fixture(autouse=True)
def program(monkeypatch):
    monkeypatch.setenv("MEARI_PROGRAM", MEARI)


@pytest.fixture
def pytest_of(tmp_path):
    """Runs a test file in a pytest of its own, where the plugin is named and nothing else is known of meari."""
    def run(text, *arguments, **changes):
        (tmp_path / "test_it.py").write_text("import socket\nimport pytest\n" + textwrap.dedent(text))
        env = environment(MEARI_PROGRAM=MEARI, PYTHONPATH=str(ROOT / "python"), PYTEST_ADDOPTS=None) | {
            "PYTHONDONTWRITEBYTECODE": "1"}
        env = {key: value for key, value in (env | changes).items() if value is not None}
        return subprocess.run(["/usr/bin/python3", "-m", "pytest", "-p", "meari_echo.plugin", "-p", "no:cacheprovider",
                               "--strict-markers", *arguments, "test_it.py"], cwd=tmp_path, env=env,
                              capture_output=True, text=True, timeout=SECONDS)
    return run


def leftovers():
    return {name for name in os.listdir("/tmp") if name.startswith("meari-") and
            os.path.exists(f"/tmp/{name}/control")}


def test_a_server_for_each_test(pytest_of):
    shown = pytest_of("""
        ports = set()

        @pytest.mark.parametrize("number", range(5))
        def test_echo(echo_server, number):
            with socket.create_connection((echo_server.host, echo_server.port)) as peer:
                peer.sendall(b"hello")
                assert peer.recv(5) == b"hello"
                assert echo_server.connections == [
                    {"peer": "tcp://%s:%d" % peer.getsockname(), "received_bytes": 5}]
            assert echo_server.wait_for(connections_finished=1)["bytes_sent"] == 5
            ports.add(echo_server.pid)
            assert len(ports) == number + 1
        """)
    assert shown.returncode == 0, shown.stdout
    assert "5 passed" in shown.stdout


def test_the_mark_says_where_and_how(pytest_of):
    shown = pytest_of("""
        pytestmark = pytest.mark.echo("tcp://[::1]:0")

        def test_module(echo_server):
            assert echo_server.host == "::1"

        @pytest.mark.echo("tcp://127.0.0.1:0?fault=reset,after=4", "udp://127.0.0.1:0", options=["--max-connections", 1])
        def test_function(echo_server):
            assert echo_server.endpoint(1)[1] and echo_server.addresses[1].startswith("udp:")
            with socket.create_connection((echo_server.host, echo_server.port)) as peer:
                peer.sendall(b"hello")
                with pytest.raises(ConnectionResetError):
                    while peer.recv(9):
                        pass
            assert echo_server.wait_for(faults_reset=1)["connections_cut"] == 1
            assert echo_server.faults[0]["done"] == {"faults_reset": 1}
            assert "fault reset" in echo_server.log

        @pytest.mark.echo("unix:{folder}/s")
        def test_unix(echo_server):
            assert echo_server.port is None and echo_server.host is None
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(echo_server.path)

        def test_several(echo_serve):
            one, other = echo_serve(), echo_serve("unix:@meari-%d" % __import__("os").getpid())
            assert one.pid != other.pid and other.path[0] == "\\0"
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(other.path)
        """, "-W", "error")
    assert shown.returncode == 0, shown.stdout


def test_a_failure_shows_what_the_server_saw(pytest_of):
    shown = pytest_of("""
        @pytest.mark.echo("tcp://127.0.0.1:0?fault=close,after=3")
        def test_it(echo_server):
            with socket.create_connection((echo_server.host, echo_server.port)) as peer:
                peer.sendall(b"hello")
                assert peer.recv(1) == b"x"
        """)
    assert shown.returncode == 1
    assert re.search(r"-+ echo server at tcp://127\.0\.0\.1:\d+ -+", shown.stdout), shown.stdout
    assert "connections_accepted=1" in shown.stdout and "meari: accepted tcp://127.0.0.1" in shown.stdout


@pytest.mark.parametrize("change, reason", [
    ({"MEARI_PROGRAM": "/nonexistent/meari"}, "MEARI_PROGRAM names '/nonexistent/meari'"),
    ({"MEARI_PROGRAM": None, "PATH": "/nonexistent"}, "there is no program 'meari' in PATH; install meari"),
    ({"MEARI_PROGRAM": "/bin/false"}, "did not start (status 1)"),
])
def test_without_the_program_it_fails_and_says_why(pytest_of, change, reason):
    shown = pytest_of("def test_it(echo_server):\n    pass\n", **change)
    assert shown.returncode == 1 and reason in shown.stdout and "Traceback" not in shown.stdout, shown.stdout


@pytest.mark.parametrize("mark, reason", [
    ("'smtp://x'", "smtp://x"),
    ("'tcp://127.0.0.1:0?fault=thunder'", "thunder"),
    ("port=7", "the mark 'echo' takes addresses and options=, not port="),
])
def test_a_wrong_mark_is_told(pytest_of, mark, reason):
    shown = pytest_of(f"@pytest.mark.echo({mark})\ndef test_it(echo_server):\n    pass\n")
    assert shown.returncode == 1 and reason in shown.stdout and "1 passed" not in shown.stdout


def test_a_server_that_has_ended_is_a_failure(pytest_of):
    shown = pytest_of("""
        import os, signal

        def test_it(echo_server):
            os.kill(echo_server.pid, signal.SIGKILL)
        """)
    assert shown.returncode == 1 and "status -9" in shown.stdout and "1 error" in shown.stdout, shown.stdout


def test_nothing_stays_behind(pytest_of):
    before = leftovers()
    with meari_echo.serve() as server:
        pid, folder = server.pid, leftovers() - before
        assert len(folder) >= 1
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "ended" in server.log
    with pytest.raises(meari_echo.EchoError, match="has been stopped"):
        server.counters
    for options in (["--no-such-option"], ["--fault", "thunder"]):
        with pytest.raises(meari_echo.EchoError, match="did not start"):
            meari_echo.serve(options=options)


def test_a_deep_folder_for_temporary_files_is_no_obstacle(pytest_of, tmp_path):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    shown = pytest_of("def test_it(echo_server):\n    assert echo_server.counters\n", TMPDIR=str(deep))
    assert shown.returncode == 0, shown.stdout
    assert not [name for name in os.listdir(deep) if name.startswith("meari-")]


def test_waiting_ends_and_says_what_was_counted():
    with meari_echo.serve() as server:
        with pytest.raises(meari_echo.EchoError, match="waited 0 s for connections_lost=1, and it has counted connections_lost=0"):
            server.wait_for(0, connections_lost=1)
        with pytest.raises(KeyError):
            server.wait_for(connexions=1)


def test_a_server_that_does_not_answer_is_an_error(monkeypatch):
    monkeypatch.setattr(meari_echo.server, "WAIT_S", 0.2)
    server = meari_echo.serve()
    os.kill(server.pid, signal.SIGSTOP)
    with pytest.raises(meari_echo.EchoError, match="does not answer 'counters'"):
        server.counters
    os.kill(server.pid, signal.SIGCONT)
    assert server.counters["connections_open"] == 0
    server.stop()


def test_only_the_standard_library_and_pytest():
    allowed = set(sys.stdlib_module_names) | {"pytest"}
    for path in (ROOT / "python/meari_echo").glob("*.py"):
        named = re.findall(r"^(?:import|from) ([a-z_]+)", path.read_text(), re.MULTILINE)
        assert set(named) <= allowed, path
    assert "pytest" not in (ROOT / "python/meari_echo/server.py").read_text()


def test_versions_agree():
    project = re.search(r'^version = "(.*)"', (ROOT / "python/pyproject.toml").read_text(), re.MULTILINE)[1]
    shown = subprocess.run([MEARI, "--version"], capture_output=True, text=True, env=environment())
    assert project == meari_echo.__version__ == shown.stdout.split()[1]


def test_a_hundred_servers_cost_what_they_must(pytest_of):
    """Six milliseconds each on a machine that does nothing else. What can be counted on a busy one are system calls."""
    if os.environ.get("MEARI_SANITIZER"):
        pytest.skip("a sanitizer makes thousands of its own")
    traced = subprocess.run(["strace", "-f", "-c", "-o", "/dev/stdout", "true"], capture_output=True, text=True) \
        if os.path.exists("/usr/bin/strace") else None
    if traced is None or traced.returncode != 0:
        pytest.skip("no strace here that works")
    code = ("import meari_echo\nfor _ in range(10):\n    with meari_echo.serve() as server: assert server.port\n")
    env = environment(MEARI_PROGRAM=MEARI, PYTHONPATH=str(ROOT / "python"))
    shown = subprocess.run(["strace", "-f", "-c", "-o", "/dev/stdout", "/usr/bin/python3", "-c", code],
                           capture_output=True, text=True, env=env, timeout=SECONDS)
    empty = subprocess.run(["strace", "-f", "-c", "-o", "/dev/stdout", "/usr/bin/python3", "-c", "import meari_echo"],
                           capture_output=True, text=True, env=env, timeout=SECONDS)

    def total(text):
        return int(re.search(r"^100\.00 +\S+ +(?:\d+ +)?(\d+) ", text, re.MULTILINE)[1])

    each = (total(shown.stdout) - total(empty.stdout)) / 10
    assert each < 600, f"{each} system calls for a server"
