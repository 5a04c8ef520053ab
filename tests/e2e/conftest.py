"""Fixtures for the end-to-end tests; the helpers that they build on are in meari.py."""

import os
import signal
import socket

import pytest

import meari
from hanging import pytest_runtest_call  # noqa: F401
from users import another_user  # noqa: F401


def pytest_configure(config):
    # A shell's background job ignores these, and every program that a test starts would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if not os.access(meari.MEARI, os.X_OK):
        pytest.exit(f"{meari.MEARI} is not there: run script/build first", returncode=4)


@pytest.fixture(params=meari.ENGINES)
def engine(request):
    """Each engine in turn: a test that takes it proves the same behaviour on all of them."""
    return request.param


@pytest.fixture
def server(engine):
    """A plain TCP server on a loopback port of the kernel's choice."""
    with meari.Server("tcp://127.0.0.1:0", engine=engine) as running:
        yield running


@pytest.fixture
def localhost():
    """The addresses that the name has. A chroot may have no /etc/hosts: what takes the name is skipped then."""
    try:
        found = {one[4][0] for one in socket.getaddrinfo("localhost", 7, type=socket.SOCK_STREAM)}
    except OSError:
        found = set()
    if "127.0.0.1" not in found:
        pytest.skip("the name localhost has no address here (/etc/hosts)")
    return found
