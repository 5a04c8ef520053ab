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


def compare(folder, *arguments, timeout=120):
    return subprocess.run(
        ["/usr/bin/python3", str(COMPARE), "--build-folder", str(folder), "--meari", meari.MEARI,
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


def servers(result):
    (cell,) = result["cells"]
    return {one["name"]: one for one in cell["servers"]}


def test_what_the_readme_documents_is_there(told):
    result, _ = told
    assert set(result) == {"format", "program", "started", "runs", "seconds", "machine", "probe",
                           "cells", "marks"}
    assert set(result["machine"]) == {"processor", "processors", "kernel", "architecture",
                                      "load_average", "server_cpu", "client_cpu"}
    (cell,) = result["cells"]
    assert set(cell) == {"name", "title", "connections", "ranked_by", "better", "best_floor",
                         "best_peer", "servers"}
    assert cell["name"] == CELL
    documented = (meari.ROOT / "compare/README.md").read_text()
    for one in cell["servers"]:
        assert set(one) - {"syscalls_per_echo"} == {
            "name", "role", "exact", "bad", "counts", "ranked", "ratio_to_floor", "ratio_to_peer",
            "medians", "runs"}
        for key in {key for run in one["runs"] for key in run} | set(one) | set(cell):
            assert f"`{key}`" in documented or f"`{key}[]`" in documented, key


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
