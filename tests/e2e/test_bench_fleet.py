"""`meari bench` as one of many: the moment at which the load begins, and who it says that it is."""

import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

import meari

VARIABLES = ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE", "PMIX_RANK", "PMIX_SIZE", "PARALLEL_SEQ",
             "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "JOB_COMPLETION_INDEX"]
SHORT = ["-w", "0", "-d", "200ms", "-q", "--json"]
# From the time asked for to a program that has read it: a busy machine takes its time.
AHEAD_S = 2


def alone(**more):
    """An environment in which no launcher has spoken."""
    return meari.environment(**({name: None for name in VARIABLES} | more))


def bench(*arguments, env=None, **options):
    return meari.run("bench", *arguments, env=env or alone(), **options)


def result(*arguments, env=None):
    finished = bench(*SHORT, *arguments, env=env)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("\n") == 1 and finished.stdout.endswith("\n")
    return json.loads(finished.stdout)


class Recorder:
    """An echo service that notes when each connection was made, and when its first byte came."""

    def __init__(self):
        self.accepted, self.first, self.sources = [], [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(meari.ANSWER_S)
        self.listener.close()

    def wait_accepted(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.accepted) >= count, meari.ANSWER_S)

    def _accept(self):
        while True:
            try:
                peer, name = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.accepted.append(time.time())
                self.sources.append(name[0])
                self.changed.notify_all()
            self.threads.append(threading.Thread(target=self._echo, args=(peer,), daemon=True))
            self.threads[-1].start()

    def _echo(self, peer):
        with peer:
            begun = False
            try:
                while some := peer.recv(65536):
                    if not begun:
                        self.first.append(time.time())
                        begun = True
                    peer.sendall(some)
            except OSError:
                pass


# ---- the time to begin ----


LOADS = {"closed": [], "open": ["--rate", "500"], "churn": ["-p", "4", "--churn=100"],
         "search": ["--find-max", "p99<5s", "--rate", "100", "-d", "100ms"]}


@pytest.mark.parametrize("name", LOADS)
def test_connections_come_before_and_the_load_then(engine, name):
    load = LOADS[name]
    if name in ("churn", "search") and engine != meari.ENGINES[0]:
        pytest.skip("what is done before the time is the same for every load; once is enough")
    with Recorder() as service:
        at = time.time() + AHEAD_S
        command = [meari.MEARI, "bench", "--engine", engine, "--start-at", f"@{at:.6f}", "-c", "4", "-q", "--json",
                   "-w", "50ms", "-d", "200ms", *load, service.address]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=alone()) as process:
            # One that asks whether anybody is there, and those of the load.
            service.wait_accepted(5)
            if "--find-max" in load:
                process.wait(meari.ANSWER_S * 3)
            out = process.stdout.read()
            assert process.wait(meari.ANSWER_S) == 0
    told = json.loads(out)
    assert sorted(service.accepted)[4] < at
    # The two clocks of the kernel are read one after the other.
    assert min(service.first) >= at - 0.001
    assert told["fleet"]["start_unix_ns"] == pytest.approx(at * 1e9, abs=2000)
    assert told["fleet"]["late_ns"] <= (min(service.first) - at) * 1e9 + 2e6
    assert set(told["fleet"]) == {"start_unix_ns", "late_ns"}
    assert told["counts"]["received"] > 0


def test_datagrams_begin_then_too(engine):
    with meari.Server("udp://127.0.0.1:0") as server:
        told = result("--engine", engine, "--start-at", "+300ms", server.addresses[0])
    assert told["counts"]["received"] > 0 and told["counts"]["lost"] == 0
    # The two clocks are read one after the other: they agree to less than a microsecond or so, here to a millisecond.
    assert told["started_unix_ns"] >= told["fleet"]["start_unix_ns"] - 1e6


def test_the_time_of_day_is_that_of_this_zone(server):
    """Of the four forms, the one that depends on where this is; the unit test has the others."""
    at = int(time.time()) + 2
    local = time.strftime("%H:%M:%S", time.gmtime(at + 5 * 3600 + 45 * 60))
    told = result("--start-at", local, server.addresses[0], env=alone(TZ="QQQ-05:45"))
    assert told["fleet"]["start_unix_ns"] == at * 10 ** 9


@pytest.mark.parametrize("when, what", [
    ("@1", "has passed"), ("2020-01-31T12:00:00Z", "has passed"), ("+0s", "has passed"),
    ("tomorrow", "2026-01-31T12:00:00Z, 12:00:00, @SECONDS or +10s is expected (column 1)"),
    ("2030-02-29T12:00:00Z", "this month has no such day (column 9)"),
    ("2030-01-31T12:00:00", "'Z' for UTC"), ("25:00:00", "hours are expected here"),
    ("+10x", "a time is expected behind the '+'"), ("", "is expected")])
def test_times_that_are_refused(when, what):
    with Recorder() as service:
        finished = bench("--start-at", when, service.address)
        assert finished.returncode == 2 and finished.stdout == ""
        assert finished.stderr.count("\n") == 1 and what in finished.stderr and f"--start-at '{when}'" in finished.stderr
        assert service.accepted == []


def test_a_time_that_today_skips_or_has_twice():
    """By a zone whose clocks change today, whatever the day."""
    now = time.gmtime()
    day = now.tm_yday - 1  # zones count from 0, with February 29
    skipped = f"AAA0BBB-1,{day}/12:00:00,{(day + 100) % 365}/12"
    finished = bench("--start-at", "12:30:00", "tcp://127.0.0.1:9", env=alone(TZ=skipped))
    assert finished.returncode == 2 and "today's clocks skip this time here" in finished.stderr
    twice = f"AAA0BBB-1,{(day + 100) % 365}/12,{day}/13:00:00"
    finished = bench("--start-at", "12:30:00", "tcp://127.0.0.1:9", env=alone(TZ=twice))
    assert finished.returncode == 2 and "today's clocks show this time twice here" in finished.stderr


def test_nobody_there_is_said_at_once():
    finished = bench("--start-at", "+1h", "tcp://127.0.0.1:9")
    assert finished.returncode == 1 and "Connection refused" in finished.stderr


@pytest.mark.parametrize("ahead", ["1h", "4s"], ids=["before-connecting", "connected"])
def test_ctrl_c_ends_the_waiting(ahead):
    with Recorder() as service:
        with subprocess.Popen([meari.MEARI, "bench", "--start-at", f"+{ahead}", "-c", "4", "--json", "-q", service.address],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=alone()) as process:
            service.wait_accepted(1 if ahead == "1h" else 5)
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=meari.ANSWER_S)
        assert len(service.accepted) == (1 if ahead == "1h" else 5)
    if process.returncode == -signal.SIGINT:
        pytest.skip("the signal came before it was waited for")
    assert process.returncode == 128 + signal.SIGINT
    assert "interrupted before anything was measured" in errors
    told = json.loads(out)
    assert told["interrupted"] and told["counts"]["sent"] == 0 and "late_ns" not in told["fleet"]


def test_a_late_start_is_in_the_result():
    with Recorder() as service:
        at = time.time() + 2
        with subprocess.Popen([meari.MEARI, "bench", "--start-at", f"@{at:.3f}", "-c", "2", *SHORT, service.address],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=alone()) as process:
            service.wait_accepted(3)
            process.send_signal(signal.SIGSTOP)
            while time.time() < at + 0.3:
                time.sleep(0.01)
            process.send_signal(signal.SIGCONT)
            told = json.loads(process.communicate(timeout=meari.ANSWER_S)[0])
    assert told["fleet"]["late_ns"] >= 0.29e9
    assert told["started_unix_ns"] >= (at + 0.29) * 1e9


def test_the_text_says_both(server):
    finished = bench("--start-at", "+300ms", "--rank", "1/4", "-w", "0", "-d", "100ms", server.addresses[0])
    line = re.search(r"^  generator +rank 1 of 4, (\S+), began \S+ after the time asked for$", finished.stdout, re.MULTILINE)
    assert line and line[1] == socket.gethostname(), finished.stdout


# ---- the clock ----

# Before libc: CLOCK_REALTIME with a shift that the test changes.
SHIFT = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now)
{
	static volatile int64_t *shift_s;
	int r = (int)syscall(SYS_clock_gettime, id, now);

	if (shift_s == NULL)
		shift_s = mmap(NULL, 8, PROT_READ, MAP_SHARED, open(getenv("CLOCK_SHIFT"), O_RDONLY), 0);
	if (id == CLOCK_REALTIME)
		now->tv_sec += *shift_s;
	return r;
}
"""


@pytest.fixture
def shifted(tmp_path):
    """Sets the clock of a program: an environment for it, and shift(seconds)."""
    if meari.SANITIZER or shutil.which("cc") is None:
        pytest.skip("what stands before libc needs a compiler, and no sanitizer there")
    (tmp_path / "shift.c").write_text(SHIFT)
    (tmp_path / "shift").write_bytes(bytes(8))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "shift.so", tmp_path / "shift.c"], check=True)

    def shift(seconds):
        with open(tmp_path / "shift", "r+b") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))

    shift.env = alone(LD_PRELOAD=tmp_path / "shift.so", CLOCK_SHIFT=tmp_path / "shift")
    return shift


@pytest.mark.parametrize("ahead_s, shift_s, late", [(7200, 7200, True), (3, 1, False), (2, -1, False)],
                         ids=["forward-over-it", "forward", "back"])
def test_the_clock_is_set_while_it_waits(shifted, ahead_s, shift_s, late):
    with Recorder() as service:
        at = int(time.time()) + ahead_s
        with subprocess.Popen([meari.MEARI, "bench", "--start-at", f"@{at}", "-c", "2", *SHORT, service.address],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=shifted.env) as process:
            service.wait_accepted(1 if late else 3)
            shifted(shift_s)
            told = json.loads(process.communicate(timeout=meari.ANSWER_S)[0])
    # By the clock as it was set.
    assert min(service.first) + shift_s >= at - 0.001
    if late:
        assert told["fleet"]["late_ns"] > 0 and min(service.first) < at - 3600


def test_a_result_is_one_write(server):
    """Generators that share a file or a pipe do not mix their lines: each write of a datagram socket is one datagram."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        finished = bench("-w", "0", "-d", "1s", "--interval", "5ms", "-q", "--json", server.addresses[0], stdout=theirs)
        assert finished.returncode == 0
        ours.settimeout(meari.ANSWER_S)
        line = ours.recv(1 << 20).decode()
    assert len(line) > 4096 and line.endswith("\n") and json.loads(line)["format"] == "meari-result"


# ---- the rank ----


def test_who_it_is(server):
    told = result("--rank", "0/4", server.addresses[0])["fleet"]
    assert told == {"rank": 0, "size": 4, "host": socket.gethostname(), "from": "--rank"}
    assert "fleet" not in result(server.addresses[0])
    told = result(server.addresses[0], env=alone(PARALLEL_SEQ=1))["fleet"]
    assert told["rank"] == 0 and "size" not in told and told["from"] == "PARALLEL_SEQ"
    told = result(server.addresses[0], env=alone(SLURM_PROCID=0, SLURM_NTASKS=9, PMI_RANK=2, PMI_SIZE=3))["fleet"]
    assert (told["rank"], told["size"], told["from"]) == (2, 3, "PMI_RANK")
    told = result("--rank", "7/8", server.addresses[0], env=alone(PMI_RANK="nonsense"))["fleet"]
    assert (told["rank"], told["size"]) == (7, 8)


@pytest.mark.parametrize("text", ["", "1", "4/4", "-1/4", "1/0", "a/b", "1/4/4"])
def test_ranks_that_are_refused(text):
    finished = bench("--rank", text, "tcp://127.0.0.1:9")
    assert finished.returncode == 2 and f"--rank '{text}'" in finished.stderr and finished.stderr.count("\n") == 1


def test_launchers_that_make_no_sense():
    finished = bench("tcp://127.0.0.1:9", env=alone(JOB_COMPLETION_INDEX="first"))
    assert finished.returncode == 2
    assert "JOB_COMPLETION_INDEX 'first' in the environment: this is no rank (--rank I/N wins over it)" in finished.stderr


def test_sources_are_split():
    seen = []
    for rank in range(2):
        with Recorder() as service:
            result("--rank", f"{rank}/2", "--source", "127.0.0.2-127.0.0.5", "-c", "4", service.address)
            seen.append(set(service.sources))
    assert seen == [{"127.0.0.2", "127.0.0.3"}, {"127.0.0.4", "127.0.0.5"}]


def test_sources_that_cannot_be_split_are_told():
    with Recorder() as service:
        finished = bench(*SHORT, "--source", "127.0.0.2-127.0.0.5", "-c", "4", service.address, env=alone(PARALLEL_SEQ=3))
        assert finished.returncode == 0
        assert "--source is not split: this is rank 2" in finished.stderr and "--rank 2/N" in finished.stderr
        assert set(service.sources) == {f"127.0.0.{last}" for last in range(2, 6)}
