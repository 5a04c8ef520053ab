"""Logs of histograms are understood by others, and theirs by us.

The other is hdr-histogram-js, the published implementation for JavaScript. It comes from npm while the
tests run, into the build folder; where there is no npm, or no way to its registry, these tests are
skipped and say so. Each side writes a log of the same values and reads both logs; what is told of
them (bounds, times, tags, counts, percentiles, mean, deviation, every step) must be the same.
"""

import random
import re
import shutil
import subprocess

import pytest

import meari

PACKAGE, VERSION = "hdr-histogram-js", "3.0.1"
PEER = meari.BUILD / "tests/e2e/hdrlog_peer"
SCRIPT = meari.ROOT / "tests/e2e/hdrlog_peer.js"
NS_PER_HOUR = 3_600_000_000_000


def call(*command, input):
    done = subprocess.run([str(part) for part in command], input=input, text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def script():
    """The command of the other side, all but its last word."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = meari.BUILD / "npm"
    package = folder / "node_modules" / PACKAGE / "package.json"
    if not package.exists():
        folder.mkdir(exist_ok=True)
        got = subprocess.run(["npm", "install", "--prefix", folder, "--no-save", "--ignore-scripts",
                              "--no-package-lock", "--no-audit", "--no-fund", "--fetch-retries=1",
                              "--fetch-timeout=20000", f"{PACKAGE}@{VERSION}"],
                             capture_output=True, text=True, timeout=180)
        if got.returncode != 0:
            code = re.search(r"\bcode (\w+)", got.stderr)
            pytest.skip(f"npm cannot install {PACKAGE}: {code[1] if code else got.stderr[:300]}")
    return ["node", SCRIPT, folder]


def some_intervals():
    """What both write: all magnitudes, long runs of zeros, large counts, coarse and fine bounds."""
    draw = random.Random(862)
    lines = []
    bounds = [(1, NS_PER_HOUR, 3), (1, NS_PER_HOUR, 3), (1, NS_PER_HOUR, 1), (1, 2, 1),
              (1000, NS_PER_HOUR, 2), (1024, 10**9, 4), (1, 10**8, 5), (1, 2**53 - 1, 3)]
    for number, (lowest, highest, digits) in enumerate(bounds):
        tag = "-" if number % 2 == 0 else f"tag{number}"
        lines.append(f"interval {tag} {1000 * number} 1000 {lowest} {highest} {digits}")
        if number == 1:
            continue  # an empty one
        for _ in range(2000):
            value = min(int(10 ** draw.uniform(0, 15.95)), highest)
            lines.append(f"value {value} {draw.choice([1, 1, 1, 2, 63, 64, 8192, 10**9])}")
        lines.append("value 0 3")
        lines.append(f"value {highest} 1")
    return "\n".join(lines) + "\n"


def without_rounding(told):
    """Mean and deviation are sums of many floating point numbers: compared by their first 9 digits."""
    lines = []
    for line in told.splitlines():
        kind, _, rest = line.partition(" ")
        lines.append(f"{kind} {float(rest):.8e}" if kind in ("mean", "stddev") else line)
    return lines


@pytest.fixture(scope="module")
def theirs_of_ours(script):
    ours = call(PEER, "write", input=some_intervals())
    return ours, call(*script, "read", input=ours)


def test_they_read_what_we_write(theirs_of_ours):
    ours, told = theirs_of_ours
    assert told.count("interval ") == 8
    assert without_rounding(told) == without_rounding(call(PEER, "read", input=ours))


def test_they_find_the_values_that_were_recorded(theirs_of_ours):
    """Not only that both are alike: the counts are those of the input."""
    counts = []
    for line in some_intervals().splitlines():
        fields = line.split()
        if fields[0] == "interval":
            counts.append(0)
        else:
            counts[-1] += int(fields[2])
    told = [int(line.split()[1]) for line in theirs_of_ours[1].splitlines()
            if line.startswith("count ")]
    assert told == counts


def test_we_read_what_they_write(script):
    theirs = call(*script, "write", input=some_intervals())
    told = call(PEER, "read", input=theirs)
    assert told.count("interval ") == 8
    assert without_rounding(told) == without_rounding(call(*script, "read", input=theirs))


def test_both_write_the_same_histograms(script, theirs_of_ours):
    theirs = call(*script, "write", input=some_intervals())
    assert call(*script, "read", input=theirs) == theirs_of_ours[1]
