"""`meari report --fail-if-worse`: it says that nothing is worse only if it has seen it."""

import json

import pytest

import meari
from results import Histogram, latencies, result, save


def runs(count, seed=0, median=120_000, **options):
    return [result(latencies(seed + i, 2000, median=median), started=1_700_000_000 + 20 * i + seed,
                   **options) for i in range(count)]


def judged(tmp_path, baseline, now, *arguments, **options):
    """The status, the comparison, the codes of its objections, and the text."""
    files = ("-b", save(tmp_path / "base.json", *baseline), save(tmp_path / "now.json", *now))
    shown = meari.run("report", "--json", "--fail-if-worse", *arguments, *files, **options)
    text = meari.run("report", "--fail-if-worse", *arguments, *files, **options)
    assert text.returncode == shown.returncode
    found = json.loads(shown.stdout)
    return shown.returncode, found, [each["code"] for each in found["objections"]], text.stdout


DOUBT = {"trusted": False, "reasons": [{"code": "behind-schedule", "text": "late",
                                        "figures": [{"name": "late_ns", "value": 5e6}]}]}


EMPTY = {"sent": {"count": 0, "hdr": Histogram([]).encode()}}


def dead(run):
    """The same run with a service that answered nothing."""
    run["counts"].update(received=0, bytes_received=0, lost=run["counts"]["sent"])
    run["rate"].update(reached_per_s=0, bytes_per_s=0)
    run["latency"] = {}
    return run


def without(run, *path):
    place = run
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return run


def test_what_can_be_judged(tmp_path):
    status, found, codes, text = judged(tmp_path, runs(5), runs(5, 50))
    assert (status, codes) == (0, []) and found["verdict"] in ("same", "unclear", "better", "mixed")
    assert "Objections to" not in text


@pytest.mark.parametrize("now, code", [
    (lambda: runs(4, 50), "too-few-runs"),
    (lambda: runs(4, 50) + [{**runs(1, 77)[0], "trust": DOUBT}], "not-trusted"),
    (lambda: runs(4, 50) + [{**runs(1, 77)[0], "interrupted": True}], "interrupted"),
    (lambda: runs(4, 50) + [dead(runs(1, 77)[0])], "no-answer"),
    (lambda: [dead(each) for each in runs(5, 50)], "no-answer"),
    (lambda: runs(4, 50) + [without(runs(1, 77)[0], "latency")], "figure-missing"),
    (lambda: runs(4, 50) + [{**dead(runs(1, 77)[0]), "latency": EMPTY}], "no-answer"),
    (lambda: runs(4, 50) + [{**runs(1, 77)[0], "latency": EMPTY}], "figure-missing"),
    (lambda: [without(each, "latency") for each in runs(5, 50)], "figure-missing"),
    (lambda: runs(4, 50) + [without(runs(1, 77)[0], "rate")], "figure-missing"),
    (lambda: runs(4, 50) + [without(runs(1, 77)[0], "counts")], "figure-missing"),
    (lambda: [{"format": "meari-result", "version": 1, "started_unix_ns": i} for i in range(5)],
     "nothing-in-common"),
    (lambda: runs(4, 50) + [{**each, "load": {**each["load"], "sizes": [{"bytes": 9, "weight": 1}]}}
                            for each in runs(1, 77)], "load-differs"),
    (lambda: [{**each, "load": {**each["load"], "connections": 2}} for each in runs(5, 50)],
     "load-differs"),
    (lambda: [{**each, "load": {**each["load"], "pipeline": 9}} for each in runs(5, 50)],
     "load-differs"),
    (lambda: runs(5, 50, asked=200), "load-differs"),
    (lambda: runs(5, 50, both=latencies(3, 2000)), "load-differs"),
    (lambda: runs(4, 50) + runs(1, 50), "run-twice"),
    (lambda: runs(5), "run-twice"),
])
def test_what_speaks_against_a_verdict(tmp_path, now, code):
    status, found, codes, text = judged(tmp_path, runs(5), now(), "--margin=100")
    assert code in codes
    assert found["verdict"] in ("not-judged", "not-enough-runs", "worse", "mixed")
    assert status == (3 if found["verdict"] in ("worse", "mixed") else 4)
    assert "Objections to a verdict" in text or code == "too-few-runs"
    [told] = [each["text"] for each in found["objections"] if each["code"] == code]
    assert told in text or code == "too-few-runs"
    assert "Over all: same" not in text and "no clear difference." not in text


def test_it_says_so_from_the_other_side_too(tmp_path):
    status, found, codes, text = judged(
        tmp_path, runs(4) + [{**runs(1, 77)[0], "trust": DOUBT}], runs(5, 50))
    assert (status, codes) == (4, ["baseline-not-trusted"])
    assert "The figures of the baseline cannot be trusted" in text
    assert "1 message in 100 was handed out 5.00ms late or more" in text
    status, _, codes, _ = judged(tmp_path, [dead(each) for each in runs(5)],
                                 [dead(each) for each in runs(5, 50)])
    assert status == 4 and "no-answer" in codes


def test_worse_wins(tmp_path):
    baseline = [{**each, "trust": DOUBT} for each in runs(5)]
    status, found, codes, _ = judged(tmp_path, baseline, runs(5, 50, median=240_000))
    assert status == 3 and found["verdict"] == "worse" and "baseline-not-trusted" in codes


def test_a_service_that_died_is_worse(tmp_path):
    """Runs without an answer were left out of the comparison, and the rest was 'same'."""
    status, found, _, _ = judged(tmp_path, runs(5), [dead(each) for each in runs(5, 50)])
    figures = {each["figure"]: each for each in found["figures"]}
    assert status == 3 and figures["rate"]["verdict"] == "worse"
    assert figures["rate"]["values"] == [0] * 5


def test_better_is_not_said_of_what_cannot_be_trusted(tmp_path):
    now = [{**each, "trust": DOUBT} for each in runs(5, 50, median=60_000)]
    status, found, _, text = judged(tmp_path, runs(5), now)
    assert status == 4 and found["verdict"] == "not-judged" and "Over all: cannot be judged" in text


def test_without_the_option_it_is_only_told(tmp_path):
    base, now = save(tmp_path / "b.json", *runs(2)), save(tmp_path / "n.json", *runs(2, 50))
    assert meari.run("report", "-b", base, now).returncode == 0


def test_a_baseline_log_against_results(tmp_path):
    """A log knows neither the load nor errors."""
    log = tmp_path / "a.hlog"
    values = latencies(1, 500)
    log.write_text(f"0.0,1.0,{max(values) / 1e6:.3f},{Histogram(values).encode()}\n")
    shown = meari.run("report", "--fail-if-worse", *["--baseline=" + str(log)] * 5,
                      save(tmp_path / "now.json", *runs(5, 50)))
    assert shown.returncode in (3, 4) and "the runs differ in load." in shown.stdout


def test_nothing_is_said_to_have_had_no_errors_that_was_not_seen(tmp_path):
    bare = save(tmp_path / "bare.json", {"format": "meari-result", "version": 1})
    text = meari.run("report", bare).stdout
    assert "no errors" not in text and "0/s" not in text and "0 received" not in text
    log = tmp_path / "a.hlog"
    log.write_text(f"0.0,1.0,0.001,{Histogram([1000] * 10).encode()}\n")
    text = meari.run("report", log).stdout
    assert "10 received" in text and "no errors" not in text


def test_huge_figures_are_shown_and_not_wrapped(tmp_path):
    """Seen with a sanitizer: a number beyond 64 bits is no number of nanoseconds."""
    run = result([1000] * 10)
    run["rate"]["bytes_per_s"] = 1e300
    run["search"] = [{"rate_per_s": 1e300, "reached_per_s": 1e300, "figure": "p99", "value": 1e300,
                      "kept": True}]
    run["asserts"] = [{"text": "p99<5ms", "value": 1e300, "holds": False}]
    run["find_max"] = {"promise": "p99<5ms", "limit": 1e300, "end": "found", "rate_per_s": 1e300}
    shown = meari.run("report", save(tmp_path / "a.json", run))
    assert shown.returncode == 0 and "broken: p99<5ms" in shown.stdout
    run["duration_ns"] = 2 ** 63 - 1
    shown = meari.run("report", save(tmp_path / "b.json", run, {**run, "started_unix_ns": 0}))
    assert shown.returncode == 1 and "Value too large" in shown.stderr


def test_what_was_demanded_is_told(tmp_path):
    run = result([1000] * 10)
    run["asserts"] = [{"text": "p99<5ms", "value": 1000, "holds": True},
                      {"text": "loss<1%", "value": 0.02, "holds": False},
                      {"text": "p50<1\x1b[2J", "value": None, "holds": False}]
    run["find_max"] = {"promise": "p99<5ms", "limit": 5e6, "end": "at-least", "rate_per_s": 1500}
    path = save(tmp_path / "a.json", run)
    text = meari.run("report", path).stdout
    assert "kept: p99<5ms (1.00us)" in text and "broken: loss<1% (2%)" in text
    assert "broken: p50<1?[2J (-)" in text
    assert "highest rate with p99<5ms: 1.50k/s at least; more could not be generated here" in text
    path = save(tmp_path / "b.json", run, {**run, "started_unix_ns": 1})
    text = meari.run("report", path).stdout
    assert "run 2: broken: loss<1%" in text and "run 2: kept" not in text


# ---- copies ----

def test_a_copy_is_told(tmp_path):
    path = save(tmp_path / "a.json", *runs(1))
    shown = meari.run("report", path, path)
    assert shown.returncode == 0 and "run 2 is a copy of run 1" in shown.stderr
