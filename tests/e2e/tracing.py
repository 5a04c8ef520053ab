"""A thread of a server that hangs: this process traces it (ptrace(2)), and it runs no further."""

import contextlib
import ctypes
import os
import pathlib

import pytest

from meari import SANITIZER

SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

needs_no_sanitizer = pytest.mark.skipif(
    SANITIZER is not None, reason="a thread stopped by ptrace stops a sanitizer's own, too")


def wait_for(thread):
    """Until it stands still, or has ended."""
    assert os.waitpid(thread, WALL)[0] == thread


@contextlib.contextmanager
def hanging_thread(pid):
    """Gives one thread that serves; in the block it hangs. Skips where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    thread = min(int(tid) for tid in os.listdir(f"/proc/{pid}/task") if int(tid) != pid and not
                 pathlib.Path(f"/proc/{pid}/task/{tid}/comm").read_text().startswith(("signals", "outlet")))
    if libc.ptrace(SEIZE, thread, None, None) < 0:
        pytest.skip(f"cannot stop a thread here: {os.strerror(ctypes.get_errno())}")
    assert libc.ptrace(INTERRUPT, thread, None, None) == 0
    wait_for(thread)
    try:
        yield thread
    finally:
        libc.ptrace(DETACH, thread, None, None)  # it may have ended meanwhile
