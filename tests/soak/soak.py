#!/usr/bin/python3
"""Mixed load on meari serve for a while, over a bad link and over loopback, and a table at the end.

script/soak runs this; its head tells how. At the end no byte may be lost or wrong, and the server's
descriptors, threads, memory and idleness must be those of the beginning. The parts: network.py (the
link), clients.py (the load), verdict.py (what must hold, and the table); the server is started as in any
end-to-end test.
"""

import argparse
import contextlib
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import network
import verdict

PYTHON = "/usr/bin/python3"
# Of the time: before it the server has not yet what it keeps for good (buffers, the allocator's heaps).
WARM_UP_SHARE, WARM_UP_MOST_S = 0.2, 60
PATIENCE_S = 150  # at most; no conversation takes longer, not even across several blackouts
PATIENCE_LEAST_S = 60
LOOK_S = 0.25
GONE_S = 60  # a reset that was lost is found by keep-alive after some seconds
REFUSED_NEAR = "127.0.0.66"
EXPECTED_EVENTS = {"started", "faulty", "fault_idle", "counters", "fault_counters", "reloaded", "limit_refused", "limit_slowed",
                   "draining", "stopped"}


def arguments():
    parser = argparse.ArgumentParser(
        prog="soak", description=__doc__.splitlines()[0], allow_abbrev=False,
        epilog="What stands behind -- are options for meari serve, such as --fault corrupt=1M: then "
               "the soak must fail. Status: 0 nothing was lost and everything is as at the beginning, "
               "1 something was lost or is left, or it could not run, 2 wrong use. Ctrl-C ends it "
               "early, with the table; a second one at once, without.")
    parser.add_argument("seconds", nargs="?", type=float, default=600, metavar="SECONDS",
                        help="how long (default: 600)")
    parser.add_argument("--engine", choices=("auto", "epoll", "uring"), default="auto",
                        help="of meari serve (default: auto)")
    parser.add_argument("--seed", type=int, default=862,
                        help="where all dice begin: weather, sizes, moments (default: 862)")
    parser.add_argument("--loopback", action="store_true", help="without the bad link")
    parser.add_argument("--build", default="build", metavar="DIR",
                        help="the build to soak, such as build-asan (default: build)")
    parser.add_argument("--json", metavar="FILE", help="all figures, also to this file")
    given, serving = sys.argv[1:], []
    if "--" in given:
        at = given.index("--")
        given, serving = given[:at], given[at + 1:]
    options = parser.parse_args(given)
    if not 1 <= options.seconds <= 86400:
        parser.error(f"SECONDS is from 1 to 86400, not {options.seconds:g}")
    options.serving = serving
    return options


class Stop:
    """Ctrl-C and SIGTERM: the first ends the run early and in order, the second at once."""

    def __init__(self):
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, *_):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        # Not print(): the signal may have come in the middle of one, and its buffer cannot be entered twice.
        os.write(2, b"soak: ending early; once more ends it at once\n")


class Crowd:
    """A process of clients.py."""

    def __init__(self, prefix, setting):
        self.name = setting["name"]
        self.process = subprocess.Popen(
            [*prefix, PYTHON, str(HERE / "clients.py"), json.dumps(setting)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def tell_end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("end\n")
            self.process.stdin.flush()

    def result(self):
        try:
            out, trouble = self.process.communicate(timeout=PATIENCE_S + 60)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the clients '{self.name}' do not end") from None
        if self.process.returncode != 0:
            raise RuntimeError(f"the clients '{self.name}' died:\n{trouble}")
        return json.loads(out)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Soak:
    """One run. What it finds is in .result, a dict of figures, and .faults, sentences."""

    def __init__(self, options, stop, net):
        self.options, self.stop, self.net = options, stop, net
        self.faults, self.result, self.most = [], {}, {}
        self.course, self.course_due = [], 0  # the server's memory over time, for --json
        self.started = time.monotonic()
        self.signals = 0  # SIGHUPs sent
        self.unix_name = f"meari-soak-{os.getpid()}"

    def new_server(self):
        hosts = ("*",) if self.net else ("127.0.0.1", "[::1]")
        return meari.Server(
            *(f"{kind}://{host}:0" for kind in ("tcp", "udp") for host in hosts),
            f"unix:@{self.unix_name}", "--threads", "2", "--idle-timeout", "1h",
            "--deny", network.FAR_REFUSED, "--deny", REFUSED_NEAR, "--log-format", "json",
            *self.options.serving, engine=self.options.engine,
            prefix=self.net.near if self.net else network.MORTAL,
            preexec_fn=os.setsid)  # Ctrl-C at a terminal is for this program only

    def setting(self, far, seed):
        """What clients.py wants to know."""
        def targets(kind):
            ports = [int(address.rsplit(":", 1)[1]) for address in self.server.addresses
                     if address.startswith(kind)]
            hosts = (network.NEAR, network.NEAR6) if far else ("127.0.0.1", "::1")
            return [(kind + family, (host, port))
                    for family, host, port in zip("46", hosts, ports * 2)]

        streams = targets("tcp")
        if not far:
            streams.append(("unix", self.unix_name))
        return {"name": "link" if far else "loopback", "seed": seed, "link": far,
                "patience_s": min(PATIENCE_S, PATIENCE_LEAST_S + self.options.seconds),
                "idle": 20, "streams": streams,
                "datagrams": targets("udp"),
                "refused_source": network.FAR_REFUSED if far else REFUSED_NEAR,
                "bulk_bytes": (32 << 10, 384 << 10) if far else (256 << 10, 4 << 20),
                "stall_bytes": (1 if far else 8) << 20,
                "stall_s": (0.5, max(1, min(20, self.options.seconds / 6)))}

    def load(self, seconds, seed, weathers):
        """Both crowds for so long; gives what each tells of itself."""
        crowds = []
        try:
            if self.net:
                crowds.append(Crowd(self.net.far, self.setting(True, seed)))
            crowds.append(Crowd(self.net.near if self.net else network.MORTAL,
                                self.setting(False, seed + 1)))
            self.watch(seconds, weathers, crowds)
            for crowd in crowds:
                crowd.tell_end()
            return {crowd.name: crowd.result() for crowd in crowds}
        finally:
            for crowd in crowds:
                crowd.kill()

    def watch(self, seconds, weathers, crowds):
        """Changes the weather, sends signals, and looks at the server, until the time is over."""
        start = now = time.monotonic()
        weather_ends = signal_due = start
        every_s = min(10, seconds / 4)
        name, weather_s = "none", {}
        self.result["weather_s"] = weather_s
        while not self.stop.asked and now < start + seconds:
            if self.net and now >= weather_ends:
                name, lasts = next(weathers)
                self.net.set_weather(name)
                weather_ends = now + lasts
            if now >= signal_due:
                signal_due = now + every_s
                self.send_signals()
            self.look()
            if any(crowd.process.poll() is not None for crowd in crowds):
                break  # it tells why when it is asked for its result
            time.sleep(LOOK_S)
            passed, now = now, time.monotonic()
            weather_s[name] = weather_s.get(name, 0) + now - passed
        if self.net:
            self.net.set_weather("calm")
        self.result["seconds"] = round(now - start, 1)

    def send_signals(self):
        """The lists are read again, and the counters told: both are answered by a line."""
        pid, before = self.server.process.pid, self.events().count("reloaded")
        os.kill(pid, signal.SIGHUP)
        procfs.wait_until(lambda: self.events().count("reloaded") > before, "SIGHUP is answered")
        self.signals += 1
        self.counters()

    def events(self):
        """Names of the events in the log; a line that is none stands as it is."""
        return [event_of(line) for line in self.log_lines()]

    def log_lines(self):
        text = self.server.stderr
        return text[:text.rfind("\n") + 1].splitlines()

    def counters(self):
        before = self.events().count("counters")
        os.kill(self.server.process.pid, signal.SIGUSR1)
        procfs.wait_until(lambda: self.events().count("counters") > before, "SIGUSR1 is answered")
        last = [line for line in self.log_lines() if event_of(line) == "counters"][-1]
        return {key: value for key, value in json.loads(last).items() if isinstance(value, int)}

    def look(self):
        pid = self.server.process.pid
        if self.server.process.poll() is not None:
            raise RuntimeError(f"the server died:\n{self.server.stderr[-2000:]}")
        seen = {"descriptors": procfs.descriptor_count(pid), "memory_bytes": memory_bytes(pid),
                **thread_counts(pid)}
        for name, value in seen.items():
            self.most[name] = max(self.most.get(name, 0), value)
        if time.monotonic() >= self.course_due:
            self.course.append((round(time.monotonic() - self.started, 1), seen["memory_bytes"]))
            self.course_due = time.monotonic() + self.options.seconds / 100

    def measure(self):
        """The server when nobody is there any more."""
        pid = self.server.process.pid
        with contextlib.suppress(AssertionError):
            procfs.wait_until(lambda: self.pause() and self.counters()["connections_open"] == 0,
                              "all connections are gone", GONE_S)
        return {"connections": self.counters()["connections_open"],
                "descriptors": procfs.descriptor_count(pid), **thread_counts(pid),
                "idle_cpu": procfs.cpu_share_while_idle(pid, 2.0), "memory_bytes": memory_bytes(pid)}

    def pause(self):
        time.sleep(LOOK_S)
        return True

    def run(self):
        options = self.options
        weathers = network.script(options.seed, options.seconds)
        with self.new_server() as self.server:
            procfs.wait_until(lambda: "started" in self.events(), "the server tells that it has started")
            self.result["engine"] = next(
                json.loads(line)["engine"] for line in self.log_lines() if event_of(line) == "started")
            self.load(min(WARM_UP_MOST_S, options.seconds * WARM_UP_SHARE), options.seed + 2,
                      itertools.repeat(("calm", 60)))
            before, counted = self.measure(), self.counters()
            packets = self.net.counts() if self.net else {}
            self.most, self.course, self.started = dict(before), [], time.monotonic()
            say(f"warm; soaking for {options.seconds:g} s (Ctrl-C ends it early, with the table)")
            self.result["crowds"] = self.load(options.seconds, options.seed, weathers)
            self.result["ended_early"] = self.stop.asked
            after = self.measure()
            if self.net:
                self.result["link"] = {name: value - (packets[name] if name != "held_most" else 0)
                                       for name, value in self.net.counts().items()}
            self.result["server"] = {"before": before, "most": self.most, "after": after}
            self.result["counters"] = {name: value - counted[name]
                                       for name, value in self.counters().items()}
            self.result["memory_course"] = self.course
            self.result["reloads"] = self.signals
            self.result["status"] = self.server.stop()
            self.result["unexpected"] = [line for line in self.log_lines()
                                         if event_of(line) not in EXPECTED_EVENTS]
        self.faults = verdict.faults_of(self.result, procfs.SANITIZER)


def event_of(line):
    try:
        return json.loads(line)["event"]
    except (ValueError, KeyError, TypeError):
        return line


def thread_counts(pid):
    """The server's own threads, and the kernel's for its rings: those come when an order of the ring's
    must wait inside the kernel, and one a ring may stay."""
    own = kernels = 0
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if (thread / "comm").read_text().startswith("iou-"):
                kernels += 1
            else:
                own += 1
    return {"threads": own, "ring_workers": kernels}


def memory_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        for line in rollup:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no Pss in smaps_rollup")


def say(text):
    print(f"soak: {text}", file=sys.stderr, flush=True)


def enter_network(stack, options):
    """The bad link, or None and the reason."""
    if options.loopback:
        return None, "--loopback"
    try:
        program = meari.BUILD / "tests/soak/link"
        if not program.exists():
            raise network.NoNetwork(f"{program} is not there: run script/build first")
        return stack.enter_context(network.Network(options.seed, program)), None
    except network.NoNetwork as error:
        return None, str(error)


def main():
    options = arguments()
    if sys.version_info < (3, 11):
        say("this needs Python 3.11 or newer")
        return 1
    os.environ["MEARI_BUILD"] = options.build  # which meari.py looks at when it is imported
    global meari, procfs
    import meari

    if not os.access(meari.MEARI, os.X_OK):
        say(f"{meari.MEARI} is not there: run script/build first")
        return 1
    import procfs

    stop = Stop()
    with contextlib.ExitStack() as stack:
        try:
            net, why_not = enter_network(stack, options)
            say(f"meari serve with the engine {options.engine}, seed {options.seed}; over loopback" +
                (" and a bad link between two network namespaces" if net else
                 f" only: the bad link is left out ({why_not})"))
            soak = Soak(options, stop, net)
            soak.result = {"seed": options.seed, "build": options.build, "link_left_out": why_not}
            soak.run()
        except KeyboardInterrupt:
            say("ended at once")
            return 1
        except (RuntimeError, AssertionError, OSError) as error:
            say(str(error))
            return 1
    soak.result["faults"] = soak.faults
    print(verdict.table(soak.result), flush=True)
    if options.json:
        try:
            pathlib.Path(options.json).write_text(json.dumps(soak.result, indent=2) + "\n")
        except OSError as error:
            say(f"cannot write '{options.json}': {error.strerror}")
            return 1
    return 1 if soak.faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever read the table has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
