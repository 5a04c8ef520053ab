"""Four generators in four namespaces: one is killed, one is late, one is at its limit. Each is told."""

import json
import os
import signal
import subprocess
import time

import meari
from namespaces import INSIDE, Network

RANKS = 4
KILLED, LATE, LIMITED = 1, 2, 3
AHEAD_S = 4
LATE_S = 0.5


def socket_count(pid):
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
        except OSError:
            pass  # closed meanwhile
    return found


def wait_until(true, what, limit_s=meari.ANSWER_S):
    until = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.01)


def begin(network, rank, address, at, folder):
    # A rate that no generator makes, of a load that is of the same kind as the others'.
    rate = "900M" if rank == LIMITED else "200"
    with open(folder / f"{rank}.json", "w") as out:
        return subprocess.Popen(
            [*network.prefix(rank), meari.MEARI, "bench", "--json", "-q", "--rank", f"{rank}/{RANKS}", "--start-at", f"@{at:.3f}",
             "-c", "10", "--rate", rate, "-w", "100ms", "-d", "2s", address],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL, env=meari.environment())


def test_each_is_told(tmp_path):
    processes = []
    with Network(RANKS) as network, meari.Server(f"tcp://{INSIDE}:0", prefix=network.prefix(None)) as server:
        at = time.time() + AHEAD_S
        try:
            for rank in range(RANKS):
                processes.append(begin(network, rank, server.addresses[0], at, tmp_path))
            # All have read the time, and hold their connections until it comes.
            for process in processes:
                wait_until(lambda: socket_count(process.pid) >= 10, "not connected")
            processes[LATE].send_signal(signal.SIGSTOP)
            wait_until(lambda: time.time() > at + LATE_S, "the clock stands still")
            processes[KILLED].kill()
            processes[LATE].send_signal(signal.SIGCONT)
            statuses = [process.wait(meari.ANSWER_S) for process in processes]
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                    process.wait()
    assert statuses[KILLED] == -signal.SIGKILL and statuses[0] == statuses[LATE] == 0, statuses
    files = [tmp_path / f"{rank}.json" for rank in range(RANKS)]
    assert files[KILLED].read_bytes() == b""
    finished = meari.run("report", "--expect", RANKS, *files)
    shown = finished.stdout
    assert finished.returncode == 3, shown
    assert "3 of 4 ranks" in shown
    assert f"missing: rank {KILLED}\n" in shown and f"{KILLED}.json' is empty" in shown
    assert f"rank {LATE} (" in shown.partition("Not all began together")[2], shown
    assert f"rank {LIMITED} (" in shown.partition("cannot be trusted")[2], shown

    told = json.loads(meari.run("report", "--json", "--expect", RANKS, *files).stdout)
    assert told["missing"] == [KILLED] and not told["complete"]
    assert LATE in told["late"] and LIMITED in told["limited"]
    assert told["start_skew_ns"] >= (LATE_S - 0.1) * 1e9
    results = [json.loads(files[rank].read_text()) for rank in (0, LATE, LIMITED)]
    assert results[1]["fleet"]["late_ns"] >= (LATE_S - 0.01) * 1e9
    # What was counted is there to the last message, and asked for as one load.
    for name in "sent", "received", "unsent":
        assert told["result"]["counts"][name] == sum(result["counts"][name] for result in results)
    assert told["result"]["latency"]["intended"]["count"] == \
        sum(result["latency"]["intended"]["count"] for result in results)
    assert told["result"]["load"]["connections"] == 30
    assert told["result"]["load"]["rate_per_s"] == 900e6 + 400

