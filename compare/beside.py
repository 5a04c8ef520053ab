"""Small messages beside something large: an open loop while others move bulk, or connect in a storm.

How long do small messages take while the server is busy with others? The small ones leave by schedule (`meari
bench`, Poisson arrivals) and count from when they were meant to leave, so a server that serves the others
first cannot hide it. Beside them, without pause and all the time:

    bulk    the load generator of compare/run: 4 connections, each with 1 MiB under way
    storm   2,000 new connections a second by schedule, each for one echo (`meari bench --churn`)

All share the one processor of the clients, so what goes on beside has the lowest priority (nice 19): the
small ones are sent and received when they are due, and the rest of the processor is the others'.
"""

import contextlib
import json
import os
import select
import signal
import subprocess

import cells
import measure
import servers

WARM_S = 0.2
# What is beside goes on until it is told to end (SIGINT); this is only a limit.
LONGEST_S = 50
LOWEST_PRIORITY = 19
STORM_SOURCES = "127.1.0.0/18"  # so that ports do not run out


class Bench:
    """`meari bench` as a process; result() gives its JSON."""

    def __init__(self, place, address, *options, nice=0):
        def prepare():
            os.sched_setaffinity(0, {place.client_cpu})
            os.nice(nice)

        self.process = subprocess.Popen(
            [str(place.meari), "bench", address, "--json", "--quiet", "--engine=epoll", "--threads=1",
             "--arrivals=poisson", *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=prepare)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    @property
    def running(self):
        return self.process.poll() is None

    def result(self, interrupted=False):
        if interrupted:
            self.process.send_signal(signal.SIGINT)
        try:
            out, errors = self.process.communicate(timeout=measure.LOAD_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise measure.Failed("meari bench did not end") from None
        if self.process.returncode != (128 + signal.SIGINT if interrupted else 0):
            raise measure.Failed(errors.strip() or f"meari bench ends with {self.process.returncode}")
        return json.loads(out)


class Bulk:
    """The load generator of compare/run, with the lowest priority."""

    def __init__(self, place, running, seconds):
        cell = cells.Cell("beside", "", connections=cells.BULK_CONNECTIONS, size=cells.BULK_BYTES)
        self._load = measure.Load(place.load, running, cell, seconds, place.client_cpu, LOWEST_PRIORITY)

    def __enter__(self):
        self._load.__enter__()
        try:
            self._load.wait("begin")
        except BaseException:
            self._load.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        self._load.__exit__(*exception)

    @property
    def running(self):
        """Has not told its end yet. What it tells is a line at a time, and the last one has been taken."""
        return not select.select([self._load.process.stdout], [], [], 0)[0]

    def figures(self):
        self._load.process.send_signal(signal.SIGINT)
        self._load.wait("end")
        told = self._load.result()
        return {"beside_bytes_per_s": told["bytes"] / told["seconds"], "errors": told["errors"],
                "mismatches": told["mismatches"]}


class Storm:
    def __init__(self, place, running, seconds):
        self._bench = Bench(place, bench_address(running), "--churn", f"--rate={cells.STORM_CONNECTS_PER_S}",
                            f"--connections={cells.STORM_CONNECTIONS}", f"--source={STORM_SOURCES}",
                            "--warm-up=0", f"--duration={seconds:.3f}s", nice=LOWEST_PRIORITY)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._bench.__exit__(*exception)

    @property
    def running(self):
        return self._bench.running

    def figures(self):
        told = self._bench.result(interrupted=True)
        # One that was never made because this generator, of the lowest priority, was late is no failure.
        return {"beside_connects_per_s": told["counts"]["connects"] * 1e9 / told["duration_ns"],
                **failures(told, unsent=0)}


BESIDE = {"bulk": Bulk, "storm": Storm}


def bench_address(running):
    family, _, place = running.address.partition(":")
    return f"{family}://127.0.0.1:{place}"


def failures(told, unsent=1):
    """What should not be. A message that was never sent is one, too: its connection was kept waiting for a second."""
    counts = told["counts"]
    return {"errors": counts["connect_errors"] + counts["resets"] + counts["lost"] + unsent * counts["unsent"],
            "mismatches": counts["damaged"]}


def run(cell, server, seconds, place):
    """One run of such a cell. Gives a dictionary, as measure.run_cell."""
    with servers.start(server, cell.family, place.server_cpu, place.build_folder) as running:
        with contextlib.ExitStack() as stack:
            beside = stack.enter_context(BESIDE[cell.beside](place, running, LONGEST_S))
            small = stack.enter_context(Bench(
                place, bench_address(running), f"--connections={cell.connections}", f"--size={cell.size}",
                f"--rate={cell.rate}", f"--warm-up={WARM_S}s", f"--duration={seconds}s"))
            begin = measure.Sample(running, small.process.pid)
            told = small.result()
            if not beside.running:
                raise measure.Failed(f"the {cell.beside} beside ended before the small messages")
            end = measure.Sample(running, os.getpid())
            others = beside.figures()
        if not running.alive:
            raise measure.Failed("the server died")
        return figures(told, others, begin, end)


def figures(told, others, begin, end):
    elapsed_ns = end.at_ns - begin.at_ns
    percentiles = told["latency"]["intended"]["percentiles_ns"]
    mine = failures(told)
    run = {"echoes": told["counts"]["received"], "seconds": told["duration_ns"] / 1e9,
           "bytes": told["counts"]["bytes_received"], "lost": 0,
           "errors": mine["errors"] + others.pop("errors"),
           "mismatches": mine["mismatches"] + others.pop("mismatches"),
           "echoes_per_s": told["rate"]["reached_per_s"], "bytes_per_s": told["rate"]["bytes_per_s"],
           "server_busy": (end.cpu_ns - begin.cpu_ns) / elapsed_ns,
           "stolen": (end.stolen_ns - begin.stolen_ns) / elapsed_ns, **others}
    for key, name in (("50", "rtt_p50_ns"), ("99", "rtt_p99_ns"), ("99.9", "rtt_p999_ns")):
        run[name] = percentiles[key]
    return run
