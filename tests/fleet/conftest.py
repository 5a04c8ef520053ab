"""Fixtures for the tests of fleets; what they share with the end-to-end tests is in their meari.py."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from hanging import pytest_runtest_call  # noqa: E402, F401
