"""What /proc tells about a process, and waiting for it to tell something else."""

import os
import select
import time

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no memory")


def descriptor_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def thread_count(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def cpu_seconds(pid):
    """User and system time that the process has used, in all its threads."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def state(pid):
    """The letter of proc(5): R runs, S sleeps, T is stopped, ..."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def cpu_share_while_idle(pid, window_s=1.0):
    """Part of one processor that the process uses while nobody asks anything of it."""
    ours, theirs = os.pipe()
    try:
        before = cpu_seconds(pid)
        started = time.monotonic()
        readable, _, _ = select.select([ours], [], [], window_s)
        assert not readable
        return (cpu_seconds(pid) - before) / (time.monotonic() - started)
    finally:
        os.close(ours)
        os.close(theirs)


def wait_until(condition, what, timeout_s=20):
    """For what nobody announces: looks again and again, with a bound. Gives the condition's value."""
    until = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < until, f"still not so after {timeout_s} s: {what}"
        time.sleep(0.01)
