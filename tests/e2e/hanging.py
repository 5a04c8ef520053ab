"""What a test that was ended at its limit left running is ended, too.

Imported by the conftest.py of each folder whose tests start programs. The limit is pytest-timeout's (script/parts.py):
an exception in the test, so that its fixtures end their own. What the test itself started and nobody ends, would
keep ports and files for the tests that follow.
"""

import os
import pathlib
import signal
import threading

import pytest

# A test may hang once more while it tidies up, for example waiting for who still waits for an answer.
TIDY_S = 10


def descendants():
    """The processes that this one has started, and those that they have, and so on."""
    parents = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
        except OSError:
            continue  # it has ended
        parents.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(status.parent.name))
    found, waiting = set(), [os.getpid()]
    while waiting:
        for pid in parents.get(waiting.pop(), []):
            found.add(pid)
            waiting.append(pid)
    return found


def end_new(before):
    for pid in descendants() - before:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    before = descendants()
    limit_s = item.config.getoption("timeout", None)
    last = threading.Timer(limit_s + TIDY_S, end_new, [before]) if limit_s else None
    if last:
        last.daemon = True
        last.start()
    outcome = yield
    if last:
        last.cancel()
    if outcome.excinfo is not None and str(outcome.excinfo[1]).startswith("Timeout"):
        end_new(before)
