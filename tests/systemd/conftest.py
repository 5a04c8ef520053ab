"""A machine for the tests of this folder; what they share with the end-to-end tests is in their meari.py."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from hanging import pytest_runtest_call  # noqa: E402, F401
from machine import Machine  # noqa: E402


@pytest.fixture(scope="session")
def booted(tmp_path_factory):
    """A Debian that has booted systemd, with meari installed. Skips where there can be none."""
    with Machine(tmp_path_factory.mktemp("machine")) as running:
        yield running


@pytest.fixture
def machine(booted):
    """The same, and afterwards without what the test wrote and started."""
    yield booted
    booted.tidy()
