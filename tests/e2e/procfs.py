"""What a process tells when it is looked at: by /proc, and a server on SIGUSR1."""

import os
import signal
import time

import meari

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# A share of one processor that is nothing; how much of one may be used until a process has come to rest; and for how long
# that is watched.
AT_REST = 0.05
STILL_UNDER_WAY_S = 1.0
WINDOWS_MOST = 30


def sanitizer():
    """What the program under test was built with: told, or seen in its symbols. None: nothing."""
    if meari.SANITIZER is not None:
        return meari.SANITIZER
    with open(meari.MEARI, "rb") as program:
        content = program.read()
    for mark, name in (b"__asan_init", "address"), (b"__tsan_init", "thread"):
        if mark in content:
            return name
    return None


SANITIZER = sanitizer()


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


def thread_names(pid):
    """Thread by thread; each names itself, a moment after it has begun."""
    names = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm") as comm:
            names[int(thread)] = comm.read().strip()
    return names


def cpu_seconds(pid):
    """User and system time that the process has used, in all its threads."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def state(pid):
    """The letter of proc(5): R runs, S sleeps, T is stopped, ..."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def delay_seconds(pid):
    """How long the thread that waited the most was ready to run while the processors did something else."""
    waited = [0]
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as schedstat:
            waited.append(int(schedstat.read().split()[1]))
    return max(waited) / 1e9


def cpu_share_while_idle(pid, window_s=1.0):
    """Part of one processor that the process uses while nobody asks anything of it, once it has come to rest.

    Of the time in which it could have one: what a busy machine gives to others is left out, so one that spins uses all
    of it there, too. What was still under way costs some tenths of a second of a processor at most, which may fill many
    windows on a busy machine; one that spins uses more.
    """
    least, sum_s = 1.0, 0
    for number in range(WINDOWS_MOST):
        before, delay, started = cpu_seconds(pid), delay_seconds(pid), time.monotonic()
        time.sleep(window_s)  # nothing is waited for: this is the measuring
        used, delay = cpu_seconds(pid) - before, max(0, delay_seconds(pid) - delay)
        least = min(least, used / max(time.monotonic() - started - delay, used, 1 / TICKS_A_SECOND))
        sum_s += used
        if used == 0 or sum_s > STILL_UNDER_WAY_S or (number >= 2 and least < AT_REST):
            break
    return least


def wait_until(condition, what, timeout_s=20):
    """For what nobody announces: looks again and again, with a bound. Gives the last value."""
    until = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < until, f"still not so after {timeout_s} s: {what}"
        time.sleep(0.01)


def counters_of(server):
    """The server's counters, by name, as it logs them on SIGUSR1 (text format)."""
    before = server.stderr.count("counters: ")
    server.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: server.stderr.count("counters: ") > before and server.stderr.endswith("\n"),
               "the counters are told")
    line = server.stderr.split("counters: ")[-1].splitlines()[0]
    return {key: int(value) for key, value in (pair.split("=") for pair in line.split())}
