"""script/soak, in short: it finds nothing wrong with meari serve, and what is wrong when something is.

The ten minutes are for people (tests/soak); here some seconds prove that the server stands them, and that
the soak can fail. Without root or TUN the bad link is left out; a test that is about it skips then.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys

import pytest

import meari
import procfs

SOAK = ["/usr/bin/python3", str(meari.ROOT / "tests/soak/soak.py")]
END_S = 300  # a short soak, with a sanitizer, on a machine that is busy with others
NICE = 10  # it keeps every processor busy, and others measure meanwhile
CAN_LINK = os.geteuid() == 0 and os.path.exists("/dev/net/tun")

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="needs Python 3.11")


@contextlib.contextmanager
def soaking(*arguments):
    process = subprocess.Popen([*SOAK, "--build", str(meari.BUILD), *map(str, arguments)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, preexec_fn=lambda: os.nice(NICE))
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def soak(*arguments):
    """Gives its exit status and its table."""
    with soaking(*arguments) as process:
        table, told = process.communicate(timeout=END_S)
    assert table, told
    return process.returncode, table


def wait_warm(process):
    for line in process.stderr:
        if "soaking for" in line:
            return
    raise AssertionError("it did not come so far")


def descendants(pid):
    """By the kernel's list of each thread's children."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children") as children:
            for child in map(int, children.read().split()):
                found += [child, *descendants(child)]
    return found


def is_there(pid):
    """A zombie is not: nobody may be left to collect it."""
    try:
        return procfs.state(pid) not in "ZX"
    except FileNotFoundError:
        return False


def test_nothing_is_lost_over_a_bad_link(engine, tmp_path):
    figures = tmp_path / "figures"
    status, table = soak(10, "--engine", engine, "--json", figures)
    assert status == 0, table
    result = json.loads(figures.read_text())
    assert result["engine"] == engine
    for name, crowd in result["crowds"].items():
        assert all(tally["conversations"] > 0 for tally in crowd["kinds"].values()), table
        assert crowd["kinds"]["reset"]["reset"] > 0 and crowd["kinds"]["not allowed"]["refused"] > 0
        assert crowd["kinds"]["stalled reader"]["blocked"] > 0 or name == "link", table
    if result["link_left_out"]:
        assert not CAN_LINK, table
        pytest.skip(f"over loopback only, and well: {result['link_left_out']}")
    for deed in "lost", "duplicated", "reordered", "damaged", "found_damaged":
        assert result["link"][deed] > 0, table


@pytest.mark.parametrize("fault, found", [
    ("corrupt=1M", r"FAULT .* bytes wrong"),
    ("close,after=20K,p=20%", r"FAULT .* bytes lost"),
])
def test_a_server_at_fault_is_found(fault, found):
    status, table = soak(2, "--loopback", "--", "--fault", fault)
    assert status == 1 and re.search(found, table), table


def test_ctrl_c_ends_early_with_the_table():
    with soaking(20, "--loopback") as process:
        wait_warm(process)
        process.send_signal(signal.SIGINT)
        table, told = process.communicate(timeout=END_S)
        assert process.returncode == 0 and "(ended early)" in table, table + told


def test_nothing_stays_behind_when_it_is_killed():
    """No process, and with the last one the namespaces are gone, which have no names."""
    with soaking(20) as process:
        wait_warm(process)
        procfs.wait_until(lambda: len(descendants(process.pid)) >= (4 if CAN_LINK else 2),
                          "the crowds have come")
        left = descendants(process.pid)
        process.kill()
        process.wait()
        procfs.wait_until(lambda: not any(map(is_there, left)), "all are gone")


def test_bad_options():
    with soaking("0") as process:
        _, told = process.communicate(timeout=END_S)
    assert process.returncode == 2 and "SECONDS is from 1 to 86400, not 0" in told
