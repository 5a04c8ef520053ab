"""compare/run: the machinery works. How fast anything is, is no matter of a test."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import meari

COMPARE = meari.ROOT / "compare/run"
CELL = "tcp-64x50"

# Answers, but with other bytes from the tenth receive on: quick, and no echo.
LIAR = '''
import socket, sys, threading

def serve(peer):
    count = 0
    with peer:
        while data := peer.recv(65536):
            count += 1
            peer.sendall(bytes(len(data)) if count > 9 else data)

with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
'''

pytestmark = [
    pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc") or os.environ.get("CC")),
                       reason="no C compiler to build the floor with"),
    pytest.mark.skipif(meari.SANITIZER is not None, reason="nothing here is about the program"),
]


def compare(folder, *arguments, timeout=120, program="compare/run"):
    return subprocess.run(
        ["/usr/bin/python3", str(meari.ROOT / program), "--build-folder", str(folder), "--meari", meari.MEARI,
         *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env=meari.environment(PYTHONDONTWRITEBYTECODE="1"), timeout=timeout)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The result of one short comparison, and its text."""
    folder = tmp_path_factory.mktemp("bench")
    liar = folder / "liar.py"
    liar.write_text(LIAR)
    file = folder / "result.json"
    done = compare(folder / "build", "--cells", CELL, "--runs", 2, "--seconds", "0.1",
                   "--patience", 0, "--servers", "floor-epoll,meari-epoll", "--json", file,
                   "--server", f"liar={sys.executable} {liar} {{place}}")
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text()), done.stdout


@pytest.fixture(scope="module")
def told_of_others(tmp_path_factory):
    """The same of the cells with something beside the small messages, and of bulk with the floor that is exact."""
    folder = tmp_path_factory.mktemp("beside")
    liar = folder / "liar.py"
    liar.write_text(LIAR)
    file = folder / "result.json"
    done = compare(folder / "build", "--cells", "mixed,storm,tcp-1m", "--runs", 1, "--seconds", "0.1", "--patience", 0,
                   "--servers", "floor-splice,meari-epoll", "--json", file,
                   "--server", f"liar={sys.executable} {liar} {{place}}")
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text()), done.stdout


def servers(result, name=None):
    cell = next(one for one in result["cells"] if name in (None, one["name"]))
    return {one["name"]: one for one in cell["servers"]}


def assert_documented(*keys):
    documented = (meari.ROOT / "compare/README.md").read_text()
    for key in keys:
        assert f"`{key}`" in documented or f"`{key}[]`" in documented, key


def test_what_the_readme_documents_is_there(told):
    result, _ = told
    assert set(result) == {"format", "program", "started", "runs", "seconds", "machine", "probe",
                           "cells", "marks"}
    assert set(result["machine"]) == {"processor", "processors", "kernel", "architecture",
                                      "load_average", "server_cpu", "client_cpu"}
    (cell,) = result["cells"]
    assert set(cell) == {"name", "title", "connections", "ranked_by", "better", "churns", "beside",
                         "best_floor", "best_peer", "servers"}
    assert cell["name"] == CELL
    for one in cell["servers"]:
        assert set(one) - {"syscalls_per_echo"} == {
            "name", "role", "splices", "exact", "bad", "counts", "ranked", "ratio_to_floor", "ratio_to_peer",
            "medians", "runs"}
        assert_documented(*{key for run in one["runs"] for key in run} | set(one) | set(cell))


def test_figures_fit_together(told):
    found = servers(told[0])
    for name in ("floor-epoll", "meari-epoll"):
        one = found[name]
        assert one["counts"] and one["bad"] is None and len(one["runs"]) == 2
        for run in one["runs"]:
            assert run["echoes"] > 0 and run["mismatches"] == run["errors"] == 0
            assert run["echoes_per_s"] == pytest.approx(run["echoes"] / run["seconds"])
            assert run["bytes"] >= 64 * (run["echoes"] - 50) > 0
            assert run["cpu_ns_per_echo"] > 0
            assert 0 < run["rtt_p50_ns"] <= run["rtt_p99_ns"]
        assert one["ranked"]["min"] <= one["ranked"]["median"] <= one["ranked"]["max"]
    assert found["floor-epoll"]["ratio_to_floor"] == {"median": 1, "min": 1, "max": 1}
    assert found["meari-epoll"]["ratio_to_floor"]["median"] > 0


def test_who_is_no_echo_is_said_and_not_ranked(told):
    result, text = told
    assert result["probe"]["meari-epoll tcp"] == {"exact": True, "failures": [], "notes": []}
    assert not result["probe"]["liar tcp"]["exact"]
    assert any("bulk to a slow reader" in failure
               for failure in result["probe"]["liar tcp"]["failures"])
    liar = servers(result)["liar"]
    assert liar["exact"] is False and not liar["counts"]
    assert "wrong bytes" in liar["bad"]
    assert result["cells"][0]["best_peer"] is None
    assert "INEXACT" in next(line for line in text.splitlines() if line.startswith("liar "))


@pytest.mark.parametrize("name, beside", [("mixed", "beside_bytes_per_s"), ("storm", "beside_connects_per_s")])
def test_small_messages_beside_others(told_of_others, name, beside):
    result, text = told_of_others
    one = servers(result, name)["meari-epoll"]
    assert one["counts"], one["bad"]
    (run,) = one["runs"]
    assert run["echoes"] > 0 and run["errors"] == run["mismatches"] == run["lost"] == 0
    assert 0 < run["rtt_p50_ns"] <= run["rtt_p99_ns"] <= run["rtt_p999_ns"]
    assert one["ranked"]["median"] == run["rtt_p99_ns"]
    assert run[beside] > 0 and 0 < run["server_busy"]
    assert_documented(*run)
    (head,) = [line for line in text.splitlines() if {"mixed": "beside MB/s", "storm": "beside conn/s"}[name] in line]
    assert "p99.9 us" in head


@pytest.mark.parametrize("name", ["mixed", "storm", "tcp-1m"])
def test_who_is_no_echo_does_not_count_there_either(told_of_others, name):
    liar = servers(told_of_others[0], name)["liar"]
    assert not liar["counts"] and liar["bad"]


def test_the_floor_that_is_exact_is_asked(told_of_others):
    result, _ = told_of_others
    assert result["probe"]["floor-splice tcp"] == {"exact": True, "failures": [], "notes": []}
    floor = servers(result, "tcp-1m")["floor-splice"]
    assert floor["splices"] and floor["exact"] and floor["counts"]
    assert "CPU a MiB against the floor that splices" in {one["mark"] for one in result["marks"]}


def test_the_tail_beside_others(tmp_path):
    file = tmp_path / "tail.json"
    done = compare(tmp_path / "build", "--runs", 1, "--seconds", "0.1", "--servers", "meari-epoll",
                   "--cells", "mixed", "--json", file, program="compare/tail")
    assert done.returncode == 0, done.stderr
    (cell,) = json.loads(file.read_text())["cells"]
    (one,) = cell["servers"]
    assert cell["cell"] == "mixed" and 0 < one["p50_ns"] <= one["p99_ns"] <= one["p99.9_ns"]
    assert "p99.9" in done.stdout
    done = compare(tmp_path / "build", "--cells", "mixed,nothing", program="compare/tail")
    assert done.returncode != 0 and "no cell is called 'nothing' (there are: half, mixed, storm)" in done.stderr


# The marks, from made-up results


@pytest.fixture
def marks(monkeypatch):
    """Cells as {name: {server: {figure: [of each run]}}}; gives {(cell, mark): (figure, met)}."""
    monkeypatch.syspath_prepend(str(COMPARE.parent))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import cells
    import results
    import servers as known_servers

    known = {one.name: one for one in known_servers.known(meari.BUILD, meari.BUILD / "meari")}
    all_cells = {cell.name: cell for cell in cells.all_cells()}

    def judge(told):
        found = []
        for name, figures in told.items():
            one_cell = []
            for server, runs in figures.items():
                rows = [dict(zip(runs, values)) for values in zip(*runs.values())]
                one_cell.append(results.summarize(all_cells[name], known[server], rows, {"exact": True}))
            found.append(results.compare(all_cells[name], one_cell))
        return {(one["cell"], one["mark"]): (one["figure"], one["met"]) for one in results.Marks(found).all()}

    return judge


def test_marks_of_bulk(marks):
    def runs(cpu, rate):
        return {"cpu_ns_per_echo": [cpu] * 3, "bytes_per_s": [rate] * 3}

    found = marks({"tcp-1m": {"floor-splice": runs(200, 90), "floor-epoll": runs(300, 100), "tokio": runs(400, 80),
                              "go": runs(500, 70), "go-copy": runs(250, 75), "meari-epoll": runs(225, 85),
                              "meari-uring": runs(190, 84)}})
    # Of the engine that is ahead in bytes, all of them: nobody gets one mark by one and another by another.
    assert found == {
        ("tcp-1m", "CPU a MiB against the floor that splices"): (1.125, True),
        ("tcp-1m", "CPU a MiB against the best peer that copies"): (0.5625, True),
        ("tcp-1m", "CPU a MiB against the best peer that splices"): (0.9, True),
        ("tcp-1m", "bytes a second against the best peer"): (85 / 80, False)}


@pytest.mark.parametrize("ours, met", [([100, 100, 100], True), ([101, 102, 99], True), ([101, 102, 103], False),
                                       ([99, 104, 105], False)])
def test_no_difference_seen_is_met_but_no_more(marks, ours, met):
    found = marks({"tcp-64x50": {"tokio": {"cpu_ns_per_echo": [100] * 3}, "meari-epoll": {"cpu_ns_per_echo": ours}}})
    assert found["tcp-64x50", "CPU against the best peer"][1] is met


def test_marks_of_churn_mixed_and_growth(marks):
    found = marks({
        "tcp-churn": {"floor-epoll": {"cpu_ns_per_echo": [100], "echoes_per_s": [10]},
                      "tokio": {"cpu_ns_per_echo": [100], "echoes_per_s": [11]},
                      "meari-epoll": {"cpu_ns_per_echo": [110], "echoes_per_s": [11]}},
        "mixed": {"tokio": {"rtt_p99_ns": [100]}, "meari-epoll": {"rtt_p99_ns": [101]}},
        "tcp-64x50": {"floor-epoll": {"cpu_ns_per_echo": [100]}, "meari-epoll": {"cpu_ns_per_echo": [100]}},
        "tcp-64x10000": {"floor-epoll": {"cpu_ns_per_echo": [150]}, "meari-epoll": {"cpu_ns_per_echo": [140]}}})
    assert found["tcp-churn", "CPU a connection against the best floor"] == (1.1, False)
    assert found["tcp-churn", "connections a second against the best peer"] == (1, True)
    assert found["mixed", "p99 of the small ones against the best peer"] == (1.01, False)
    assert found["tcp-64x10000", "growth of CPU since 50 connections, over the floor's growth"][1] is True


def test_each_floor_and_the_load_generator_compile(tmp_path):
    done = subprocess.run(
        ["/usr/bin/python3", "-c", "import pathlib, sys, programs\n"
         "names = [name for name in programs.PROGRAMS if name.startswith(('floor-', 'load'))]\n"
         "programs.C_FLAGS.append('-Werror')\n"
         "for name, why in programs.build(pathlib.Path(sys.argv[1]), names).items():\n"
         "    print(name, why)", str(tmp_path)],
        capture_output=True, text=True, timeout=120,
        env=meari.environment(PYTHONPATH=str(COMPARE.parent), PYTHONDONTWRITEBYTECODE="1"))
    assert done.returncode == 0, done.stderr
    # liburing is optional; everything else needs nothing but a C compiler.
    assert [line for line in done.stdout.splitlines() if "(package liburing-dev)" not in line] == []


@pytest.mark.parametrize("arguments, said", [
    (("--cells", "no-such-cell"), "nothing is called 'no-such-cell'"),
    (("--servers", "no-such-server"), "nothing is called 'no-such-server'"),
    (("--server", "nameless"), "'nameless' is not NAME=COMMAND"),
    (("--runs", "0"), "must be more than 0"),
])
def test_a_wrong_word_is_named(tmp_path, arguments, said):
    done = compare(tmp_path, *arguments)
    assert done.returncode != 0
    assert said in done.stderr


def test_help():
    done = compare("unused", "--help")
    assert done.returncode == 0
    for option in ("--cells", "--servers", "--runs", "--seconds", "--json", "--list", "--markdown"):
        assert option in done.stdout
