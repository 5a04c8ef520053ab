"""What can be had of meari without a checkout: packages, the program as one file, the container image.

What these tests share with the end-to-end tests is in their meari.py and shells.py.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from hanging import pytest_runtest_call  # noqa: E402, F401
