"""pytest: the fixtures `echo_server` and `echo_serve`, and the mark `echo`.

    @pytest.mark.echo("tcp://127.0.0.1:0?fault=reset,after=4")
    def test_reset(echo_server): ...

The nearest mark counts: a function's before its class's before its module's. A test that fails shows what its
servers have counted and written. Without the program, tests that ask for a server fail, and say why: skipped ones would look
like passed ones.
"""

import pytest

from .program import ProgramNotFound
from .server import EchoServer

SERVERS = pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "echo(*addresses, options=()): where and how the fixture echo_server serves, as `meari serve` takes it")


def start(item, addresses, options):
    try:
        server = EchoServer(*addresses, options=options)
    except ProgramNotFound as error:
        pytest.fail(str(error), pytrace=False)
    except AssertionError as error:
        pytest.fail(str(error), pytrace=False)
    item.stash.setdefault(SERVERS, []).append(server)
    return server


@pytest.fixture
def echo_server(request):
    """An echo server of this test's own: an EchoServer. Where it serves is said by the mark `echo`."""
    mark = request.node.get_closest_marker("echo")
    unknown = set(mark.kwargs) - {"options"} if mark else ()
    if unknown:
        pytest.fail(f"the mark 'echo' takes addresses and options=, not {', '.join(sorted(unknown))}=", pytrace=False)
    server = start(request.node, mark.args if mark else (), mark.kwargs.get("options", ()) if mark else ())
    yield server
    server.stop()


@pytest.fixture
def echo_serve(request):
    """A function that starts a server, as meari_echo.serve() does; each ends with the test."""
    servers = []

    def serve(*addresses, options=()):
        servers.append(start(request.node, addresses, options))
        return servers[-1]

    yield serve
    for server in reversed(servers):
        server.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed or call.when != "call":
        return
    for server in item.stash.get(SERVERS, []):
        report.sections.append((f"echo server at {', '.join(server.addresses)}", describe(server)))


def describe(server):
    """What it has counted, but for zeros, and its log. Never fails: the test has failed already."""
    try:
        counted = " ".join(f"{name}={value}" for name, value in server.counters.items() if value)
    except AssertionError as error:
        return str(error)
    return f"counters: {counted or 'nothing'}\n{server.log}"
