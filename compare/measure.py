"""One run of one cell against one server: what the load generator reports, and what the server cost.

The load generator says "begin" and "end"; at these words the server is sampled. It keeps the load up around
them, so cost and echoes are both rates over (almost) the same time:

    CPU per echo = (CPU of the server / time between the samples) / (echoes / time of the window)

The server's CPU is its process clock (nanoseconds, ended threads included) plus, for servers that fork,
the clocks of its children and the time of those it has waited for.
"""

import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import servers

LOAD_LIMIT_S = 60
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
EVENT = "raw_syscalls:sys_enter"


class Failed(Exception):
    """The run gave no figure; the text says why."""


def process_clock_ns(pid):
    return time.clock_gettime_ns((~pid << 3) | 2)  # what clock_getcpuclockid(3) gives


def read(pid, name):
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


def family_of(pid, forks):
    """The process and, if it forks, everybody below it."""
    if not forks:
        return [pid]
    below = {}
    for name in os.listdir("/proc"):
        fields = read(name, "stat").rpartition(")")[2].split() if name.isdigit() else ()
        if fields:
            below.setdefault(int(fields[1]), []).append(int(name))
    found = [pid]
    for one in found:  # which grows meanwhile
        found += below.get(one, [])
    return found


def cpu_ns(pid, forks):
    total = 0
    for one in family_of(pid, forks):
        with contextlib.suppress(OSError):
            total += process_clock_ns(one)
        if forks:
            fields = read(one, "stat").rpartition(")")[2].split()
            total += (int(fields[13]) + int(fields[14])) * TICK_NS if fields else 0
    return total


def voluntary_switches(pid, forks):
    total = 0
    for one in family_of(pid, forks):
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{one}/task"):
                found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)",
                                  read(one, f"task/{thread}/status"), re.MULTILINE)
                total += int(found[1]) if found else 0
    return total


def memory_bytes(pid, forks, keys=("VmRSS",)):
    total = 0
    for one in family_of(pid, forks):
        for key in keys:
            found = re.search(rf"^{key}:\s+(\d+) kB", read(one, "status"), re.MULTILINE)
            total += int(found[1]) * 1024 if found else 0
    return total


def machine_ns():
    """(busy, stolen) time of all cores so far."""
    first = pathlib.Path("/proc/stat").read_text().split("\n")[0]
    fields = [int(field) * TICK_NS for field in first.split()[1:]]
    user, nice, system, _, _, irq, softirq, steal = fields[:8]
    return user + nice + system + irq + softirq, steal


class Sample:
    def __init__(self, running, load_pid):
        pid, forks = running.pid, running.server.forks
        self.at_ns = time.monotonic_ns()
        self.cpu_ns = cpu_ns(pid, forks)
        self.load_ns = process_clock_ns(load_pid)
        self.busy_ns, self.stolen_ns = machine_ns()
        self.switches = voluntary_switches(pid, forks)


def perf_works():
    """None if system calls can be counted, else why not."""
    if shutil.which("perf") is None:
        return "no perf (package linux-perf)"
    tried = subprocess.run(["perf", "stat", "-x", ",", "-e", EVENT, "true"], capture_output=True,
                           text=True)
    if tried.returncode == 0 and re.match(r"\d+,", tried.stderr.strip().split("\n")[-1]):
        return None
    return "perf may not count system calls here"


class Counter:
    """perf counting the server's system calls between enable() and disable()."""

    def __init__(self, running):
        self._told = tempfile.NamedTemporaryFile("r")
        control, self._control = os.pipe()
        self._answers, answer = os.pipe()
        pids = ",".join(map(str, family_of(running.pid, running.server.forks)))
        self._perf = subprocess.Popen(
            ["perf", "stat", "-x", ",", "-e", EVENT, "-D", "-1", "-o", self._told.name,
             "--control", f"fd:{control},{answer}", "-p", pids],
            pass_fds=(control, answer), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(control)
        os.close(answer)
        self._command(b"ping")  # it takes a moment to attach

    def _command(self, word):
        """Waits for the answer, which does not come when perf has ended."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._control, word + b"\n")
            if select.select([self._answers], [], [], 5)[0]:
                os.read(self._answers, 16)

    def enable(self):
        self._command(b"enable")

    def disable(self):
        self._command(b"disable")

    def close(self):
        """Gives the count, None if perf could not."""
        self._perf.send_signal(signal.SIGINT)  # then it reports, and ends
        try:
            self._perf.wait(2)
        except subprocess.TimeoutExpired:
            self._perf.kill()
            self._perf.wait()
        os.close(self._control)
        os.close(self._answers)
        with self._told:
            found = re.search(rf"^(\d+),[^,]*,{EVENT}", self._told.read(), re.MULTILINE)
        return int(found[1]) if found else None


class Load:
    """The load generator, running."""

    def __init__(self, program, running, cell, seconds, cpu, nice=0):
        def prepare():
            os.sched_setaffinity(0, {cpu})
            os.nice(nice)

        self._errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [str(program), running.address, *cell.load_options(seconds)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            preexec_fn=prepare)
        self._watch = None

    def __enter__(self):
        # A peer that hangs while connections are opened must not hang the comparison.
        self._watch = threading.Timer(LOAD_LIMIT_S, self.process.kill)
        self._watch.start()
        return self

    def __exit__(self, *exception):
        self._watch.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self._errors.close()

    def wait(self, word):
        for line in self.process.stdout:
            if line.strip() == word:
                return
        self._errors.seek(0)
        raise Failed(self._errors.read().strip() or f"the load generator ended before '{word}'")

    def result(self):
        line = self.process.stdout.readline()
        self.process.wait()
        if not line.startswith("{"):
            self._errors.seek(0)
            raise Failed(self._errors.read().strip() or "the load generator reported nothing")
        return json.loads(line)


def figures(told, begin, end, running):
    """The figures of a run, with units in their names."""
    elapsed_ns = end.at_ns - begin.at_ns
    echoes, seconds = told["echoes"], told["seconds"]
    run = {
        "echoes": echoes, "seconds": seconds, "bytes": told["bytes"], "errors": told["errors"],
        "mismatches": told["mismatches"], "lost": told["lost"],
        "echoes_per_s": echoes / seconds, "bytes_per_s": told["bytes"] / seconds,
        "server_busy": (end.cpu_ns - begin.cpu_ns) / elapsed_ns,
        "client_busy": (end.load_ns - begin.load_ns) / elapsed_ns,
        "rss_bytes": memory_bytes(running.pid, running.server.forks),
    }
    foreign = end.busy_ns - begin.busy_ns - (end.cpu_ns - begin.cpu_ns) - (end.load_ns
                                                                           - begin.load_ns)
    run["foreign_busy"] = max(0.0, foreign / elapsed_ns)
    run["stolen"] = (end.stolen_ns - begin.stolen_ns) / elapsed_ns
    if echoes > 0:
        run["cpu_ns_per_echo"] = run["server_busy"] * seconds * 1e9 / echoes
        run["switches_per_echo"] = ((end.switches - begin.switches) / elapsed_ns
                                    * seconds * 1e9 / echoes)
    for key in ("rtt_p50_ns", "rtt_p99_ns"):
        if told[key]:
            run[key] = told[key]
    return run


def run_reference(cell, server, seconds, place):
    """Redis answers PING with PONG, which is no echo, so its own client must ask: as many questions
    as take about the time of a run. Only the server's CPU is measured; connecting is part of it."""
    asked = max(1000, int(seconds * 50000 * (cell.depth if cell.depth > 1 else 1)))
    with servers.start(server, cell.family, place.server_cpu, place.build_folder) as running:
        before_ns, at_ns = cpu_ns(running.pid, False), time.monotonic_ns()
        done = subprocess.run(
            ["redis-benchmark", "-p", running.address.partition(":")[2], "-t", "ping_inline", "-q",
             "-c", str(cell.connections), "-P", str(cell.depth), "-n", str(asked)],
            capture_output=True, text=True, timeout=LOAD_LIMIT_S, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {place.client_cpu}))
        took_ns = time.monotonic_ns() - at_ns
        if done.returncode != 0:
            raise Failed(done.stderr.strip() or "redis-benchmark fails")
        spent_ns = cpu_ns(running.pid, False) - before_ns
        return {"echoes": asked, "seconds": took_ns / 1e9, "echoes_per_s": asked * 1e9 / took_ns,
                "cpu_ns_per_echo": spent_ns / asked, "server_busy": spent_ns / took_ns,
                "rss_bytes": memory_bytes(running.pid, False)}


def run_cell(cell, server, seconds, place, count_calls=False):
    """Runs a cell once; `place` has cores and folders. Gives a dictionary, see figures()."""
    if server.role == "reference":
        return run_reference(cell, server, seconds, place)
    cpu = place.client_cpu if cell.one_core else place.server_cpu
    with servers.start(server, cell.family, cpu, place.build_folder) as running:
        forks = running.server.forks
        if cell.idle:
            with servers.connect(running.address) as peer:  # what one connection costs is not idle
                peer.settimeout(5)
                peer.sendall(b"hello")
                peer.recv(5)
        before = memory_bytes(running.pid, forks, ("RssAnon", "RssShmem"))
        # Before there is any connection: threads and processes that come later are counted, too.
        counter = Counter(running) if count_calls else None
        with Load(place.load, running, cell, seconds, place.client_cpu) as load:
            try:
                load.wait("begin")
                if counter:
                    counter.enable()
                begin = Sample(running, load.process.pid)
                if cell.idle:
                    held = memory_bytes(running.pid, forks, ("RssAnon", "RssShmem")) - before
                load.wait("end")
                end = Sample(running, load.process.pid)
                if counter:
                    counter.disable()
            finally:
                calls = counter.close() if counter else None
            run = figures(load.result(), begin, end, running)
        if not running.alive:
            raise Failed("the server died")
        if cell.idle:
            run["bytes_per_connection"] = held / cell.connections
        if calls is not None and run["echoes"] > 0:
            run["syscalls_per_echo"] = (calls / (end.at_ns - begin.at_ns)
                                        * run["seconds"] * 1e9 / run["echoes"])
        return run
