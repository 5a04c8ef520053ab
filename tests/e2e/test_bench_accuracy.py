"""What `meari bench` says is true: known delays, a stop, and counted faults (see accuracy.py)."""

import collections

import pytest

import accuracy
import meari
import reference
from test_hdrlog import call, script  # noqa: F401: a fixture

# Where the engine has a part in what is counted and timed; the rest is proven once.
ON_EVERY_ENGINE = {"stop-open", "faults-10", "faults-stream"}


def experiments(are_of_faults):
    return [pytest.param(name, engine, id=f"{name}-{engine}")
            for name in accuracy.EXPERIMENTS if name.startswith("faults") == are_of_faults
            for engine in (meari.ENGINES if name in ON_EVERY_ENGINE else meari.ENGINES[:1])]


def assert_all(findings):
    wrong = [one for one in findings if not one.holds]
    assert not wrong, "\n".join(
        f"{one.what}: {one.says:,.0f}, must be from {one.least:,.0f} to {one.most:,.0f}"
        for one in wrong)


@pytest.mark.skipif(meari.SANITIZER is not None, reason="times are not those of the program")
@pytest.mark.parametrize("name, engine", experiments(are_of_faults=False))
def test_times_are_true(name, engine):
    assert_all(accuracy.try_hard(accuracy.EXPERIMENTS[name], engine))


@pytest.mark.parametrize("name, engine", experiments(are_of_faults=True))
def test_faults_are_counted(name, engine):
    assert_all(accuracy.EXPERIMENTS[name](engine))


@pytest.fixture(scope="module")
def run_with_log(tmp_path_factory):
    """A result, and the log of the same run."""
    log = tmp_path_factory.mktemp("log") / "run.hlog"
    with reference.Echo("tcp", delays="500:80,2000:20") as echo:
        result = accuracy.bench("auto", echo, "-c", 4, "--rate=1000", "--duration=1500ms",
                                "--interval=300ms", f"--hdr={log}")
    return result, log


@pytest.mark.parametrize("kind", ["intended", "sent"])
def test_figures_are_those_of_their_histogram(run_with_log, kind):
    """Computed anew from the encoding, by other code."""
    told = run_with_log[0]["latency"][kind]
    histogram = reference.Histogram(told["hdr"])
    assert told["count"] == histogram.count == 1500
    assert histogram.steps[0][0] <= told["min_ns"] <= histogram.steps[0][1]
    assert histogram.steps[-1][0] <= told["max_ns"] <= histogram.steps[-1][1]
    assert len(told["percentiles_ns"]) > 4
    for percent, value in told["percentiles_ns"].items():
        assert value == min(histogram.percentile(float(percent)), told["max_ns"]), percent
    middles = [((lower + upper + 1) // 2, count) for lower, upper, count in histogram.steps]
    mean = sum(middle * count for middle, count in middles) / histogram.count
    assert told["mean_ns"] == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("kind", ["intended", "sent"])
def test_log_holds_what_the_result_holds(run_with_log, kind):
    """All intervals together are the whole, to the last count."""
    result, log = run_with_log
    steps, lines = collections.Counter(), 0
    for line in log.read_text().splitlines():
        if line.startswith(f"Tag={kind},"):
            lines += 1
            for lower, upper, count in reference.Histogram(line.split(",")[-1]).steps:
                steps[lower, upper] += count
    assert lines >= 3
    whole = reference.Histogram(result["latency"][kind]["hdr"])
    assert steps == {(lower, upper): count for lower, upper, count in whole.steps}


def test_others_read_the_log(run_with_log, script):
    told = call(*script, "read", input=run_with_log[1].read_text())
    counts = [int(line.split()[1]) for line in told.splitlines() if line.startswith("count ")]
    assert sum(counts) == 2 * 1500  # from intended and from sent
