"""`meari report`: what it reads, merges and compares, against arithmetic done here."""

import json
import os
import re
import statistics

import pytest

import meari
from results import Histogram, PERCENTILES, latencies, result, save


def report(*arguments, **options):
    return meari.run("report", *arguments, **options)


def merged(*arguments):
    shown = report("--json", *arguments)
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    [line] = shown.stdout.splitlines()
    return json.loads(line)


def runs(count, seed=0, **options):
    return [result(latencies(seed + i, 2000, **options), started=1_700_000_000 + 20 * i)
            for i in range(count)]


# ---- reading ----

def test_one_result_comes_back_as_it_is(tmp_path):
    values = latencies(1, 5000)
    given = result(values, label="메아리 </script>", asked=500)
    found = merged(save(tmp_path / "a.json", given))
    for key in ("format", "version", "label", "command", "environment", "intervals", "duration_ns"):
        assert found[key] == given[key]
    sent = found["latency"]["sent"]
    expected = Histogram(values)
    assert (sent["count"], sent["min_ns"], sent["max_ns"]) == (5000, min(values), max(values))
    for key in PERCENTILES:
        assert sent["percentiles_ns"][key] == expected.percentile(float(key))
    assert sent["mean_ns"] == pytest.approx(expected.mean())
    assert sent["stddev_ns"] == pytest.approx(statistics.pstdev(values), rel=2e-3)


def test_what_it_writes_it_reads(tmp_path):
    once = report("--json", save(tmp_path / "a.json", *runs(3))).stdout
    assert report("--json", "-", input=once).stdout == once


def test_standard_input(tmp_path):
    shown = report("-", input=json.dumps(result([1000] * 10, label="piped")))
    assert shown.returncode == 0 and "piped" in shown.stdout


@pytest.mark.parametrize("text, told", [
    ("", "it is empty"),
    ("\n \n", "it is empty"),
    ("{}", "line 1: this is JSON, but not a result of meari's"),
    ('{"format": "meari-result", "version": 1}\n{"format": "meari-result",\n "version": ]',
     "line 3, column 13: this is not JSON"),
    ('{"format": "meari-result", "version": 9}', "line 1: version: a later meari has written this"),
    ('{"format": "meari-result", "version": 1}\n'
     '{"format": "meari-result", "version": 1, "rate": {"asked_per_s": "many"}}',
     "line 2: rate.asked_per_s: a number, 0 or more, is expected"),
    ("not a log\n", "line 1: "),
])
def test_what_is_wrong_is_told_in_one_line(tmp_path, text, told):
    path = tmp_path / "wrong.json"
    path.write_text(text)
    shown = report(path)
    assert shown.returncode == 1 and shown.stdout == ""
    [line] = shown.stderr.splitlines()
    assert line.startswith(f"meari: cannot read '{path}': ") and told in line


@pytest.mark.parametrize("change, told", [
    ({"count": 11}, "latency.sent.count: this does not agree"),
    ({"max_ns": 10 ** 9}, "latency.sent.max_ns: this does not agree"),
    ({"min_ns": 1}, "latency.sent.min_ns: this does not agree"),
    ({"hdr": "HISTFAAA"}, "latency.sent.hdr: "),
    ({"hdr": 5}, "latency.sent.hdr: a text is expected"),
])
def test_a_histogram_must_agree_with_itself(tmp_path, change, told):
    given = result([1_000_000 + i for i in range(10)])
    given["latency"]["sent"].update(change)
    shown = report(save(tmp_path / "a.json", given))
    assert shown.returncode == 1 and told in shown.stderr


def test_no_such_file(tmp_path):
    shown = report(tmp_path / "none.json")
    assert shown.returncode == 1 and "No such file or directory" in shown.stderr


def test_a_file_that_is_too_large(tmp_path):
    """A result may have 16 MiB, a file of several 128 MiB."""
    path = tmp_path / "large.json"
    small = json.dumps(result([1000] * 10))
    start, end = small[:-1], small[-1]
    path.write_text(small + "\n" + start + " " * (2 ** 24 - len(small)) + end)
    assert report(path).returncode == 0
    path.write_text(small + "\n" + start + " " * (2 ** 24 - len(small) + 1) + end)
    shown = report(path)
    assert shown.returncode == 1 and "it is larger than a result can be" in shown.stderr
    with open(path, "w") as file:
        file.write(small)
        file.truncate(128 * 2 ** 20 + 1)
    shown = report(path)
    assert shown.returncode == 1 and "it is larger than a result can be" in shown.stderr


def test_too_many_runs(tmp_path):
    small = json.dumps({"format": "meari-result", "version": 1}) + "\n"
    path = tmp_path / "many.json"
    path.write_text(small * 1024)
    assert report(path).returncode == 0
    path.write_text(small * 1025)
    shown = report(path)
    assert shown.returncode == 1 and "it is larger than a result can be" in shown.stderr


def test_too_much_in_histograms(tmp_path):
    """A few bytes in a file can be megabytes of counters: 26 MiB each here, 512 MiB are the cap."""
    one = {"format": "meari-result", "version": 1,
           "latency": {"sent": {"hdr": Histogram([0]).encode(digits=5)}}}
    assert report(save(tmp_path / "a.json", *[one] * 19)).returncode == 0
    shown = report(save(tmp_path / "b.json", *[one] * 20))
    assert shown.returncode == 1 and "it is larger than a result can be" in shown.stderr


def test_a_histogram_log(tmp_path):
    path = tmp_path / "a.hlog"
    parts = [latencies(seed, 500) for seed in range(3)]
    path.write_text("#[Histogram log format version 1.3]\n#[StartTime: 1700000000.0]\n"
                    '"StartTimestamp","Interval_Length","Interval_Max",...\n'
                    + "".join(f"{i}.0,1.0,{max(part) / 1e6:.3f},{Histogram(part).encode()}\n"
                              + f"Tag=other,{i}.0,1.0,0.000,{Histogram([7]).encode()}\n"
                              for i, part in enumerate(parts)))
    found = merged(path)
    expected = Histogram(sum(parts, []))
    assert found["latency"]["sent"]["count"] == 1500
    assert found["latency"]["sent"]["percentiles_ns"]["99"] == expected.percentile(99)
    assert found["duration_ns"] == 3 * 10 ** 9
    assert found["rate"]["reached_per_s"] == 500
    assert [each["received"] for each in found["intervals"]] == [500] * 3
    assert merged("--tag=other", path)["latency"]["sent"]["count"] == 3
    shown = report("--tag=none", path)
    assert shown.returncode == 1 and "no line has this tag" in shown.stderr


# ---- merging ----

def test_percentiles_are_of_all_values_together(tmp_path):
    """A quiet run and a short bad one: the mean of their p99 would be far from the truth."""
    quiet, bad = latencies(1, 9900), latencies(2, 100, median=50_000_000)
    found = merged(save(tmp_path / "a.json", result(quiet)), save(tmp_path / "b.json", result(bad)))
    expected = Histogram(quiet + bad)
    for key in PERCENTILES:
        assert found["latency"]["sent"]["percentiles_ns"][key] == expected.percentile(float(key))
    average = (Histogram(quiet).percentile(99) + Histogram(bad).percentile(99)) / 2
    assert abs(found["latency"]["sent"]["percentiles_ns"]["99"] - average) > average / 10
    assert found["counts"]["received"] == 10000
    assert found["latency"]["sent"]["max_ns"] == max(quiet + bad)


@pytest.mark.parametrize("starts, rate, seconds", [
    ((0, 0), 300, 10),       # two machines at once
    ((0, 4), 300, 10),       # ... one a little later
    ((0, 6), 150, 20),       # more apart than together
    ((0, 20), 150, 20),      # one after the other
    ((0, 20, 20), 200, 20),  # one alone, then two at once
])
def test_rates_add_up_at_the_same_time_only(tmp_path, starts, rate, seconds):
    counts = (1000, 2000, 1000)
    given = [result([1000] * counts[i], started=1_700_000_000 + start)
             for i, start in enumerate(starts)]
    found = merged(save(tmp_path / "a.json", *given))
    assert found["rate"]["reached_per_s"] == pytest.approx(rate)
    assert found["duration_ns"] == seconds * 10 ** 9


def test_runs_that_differ_are_told(tmp_path):
    other = result([1000] * 10)
    other["environment"]["kernel"] = "Linux 6.9 \x1b[31m"
    shown = report(save(tmp_path / "a.json", result([1000] * 10), other))
    assert 'environment.kernel: "Linux 6.1.0-28-amd64", "Linux 6.9 \\u001B[31m"' in shown.stdout
    assert "\x1b" not in shown.stdout


def test_doubt_outlives_merging(tmp_path):
    doubted = result([1000] * 10, trust={"trusted": False, "reasons": [
        {"code": "generator-cpu", "text": "no CPU was left"}]})
    path = save(tmp_path / "a.json", result([1000] * 10), {**doubted, "started_unix_ns": 6},
                {**doubted, "started_unix_ns": 5})
    kept = merged(path)["trust"]
    assert kept["trusted"] is False
    assert kept["reasons"] == [{"figures": [], **doubted["trust"]["reasons"][0]}]
    shown = report(path).stdout
    assert "cannot be trusted" in shown and shown.count("no CPU was left") == 1
    # Which of the runs it was.
    assert [line.split()[1] == "!" for line in shown.splitlines()
            if re.match(r"  [123] ", line)] == [False, True, True]


def doubted(late_ns, code="behind-schedule", **more):
    return result([1000] * 10, trust={"trusted": False, "reasons": [
        {"code": code, "text": "in English",
         "figures": [{"name": "late_ns", "value": late_ns}], **more}]})


@pytest.mark.parametrize("language, told", [
    ("C.UTF-8", "1 message in 100 was handed out 5.00ms late or more"),
    ("ko_KR.UTF-8", "메시지 100개 가운데 1개는 5.00ms 이상 늦게 나감"),
])
def test_a_reason_is_told_in_the_readers_language(tmp_path, language, told):
    """Of several runs with one fault the gravest stands for all."""
    path = save(tmp_path / "a.json", doubted(1e6), doubted(5e6), doubted(2e6))
    shown = report(path, env=meari.environment(LANG=language)).stdout
    assert shown.count(told) == 1 and "in English" not in shown


def test_a_reason_without_figures_is_told_by_its_text(tmp_path):
    """As results had it before they had figures, and as those of a newer meari may."""
    path = save(tmp_path / "a.json", doubted(1, figures=[]))
    korean = report(path, env=meari.environment(LANG="ko_KR.UTF-8")).stdout
    assert "부하 생성기가 예정보다 늦었습니다" in korean and "(in English)" in korean
    path = save(tmp_path / "b.json", doubted(1, code="moon-phase"))
    assert "  in English\n" in report(path, env=meari.environment(LANG="ko_KR.UTF-8")).stdout


# ---- comparing ----

def compared(tmp_path, baseline, now, *arguments):
    shown = report("--json", "-b", save(tmp_path / "base.json", *baseline), *arguments,
                   save(tmp_path / "now.json", *now))
    found = json.loads(shown.stdout)
    return shown.returncode, found, {each["figure"]: each for each in found["figures"]}


@pytest.mark.parametrize("counts", [(4, 5), (5, 4), (1, 1)])
def test_not_enough_runs(tmp_path, counts):
    status, found, figures = compared(tmp_path, runs(counts[0]), runs(counts[1], 50, median=10 ** 6),
                                      "--fail-if-worse")
    assert status == 4
    assert found["verdict"] == figures["p99"]["verdict"] == "not-enough-runs"
    assert figures["p99"]["low"] is None
    text = report("-b", tmp_path / "base.json", tmp_path / "now.json").stdout
    assert f"{counts[1]} here and {counts[0]} in the baseline" in text


def test_worse(tmp_path):
    status, found, figures = compared(tmp_path, runs(5), runs(5, 50, median=180_000),
                                      "--fail-if-worse")
    assert status == 3
    assert found["verdict"] == "worse" and figures["p50"]["verdict"] == "worse"
    assert figures["p50"]["low"] < 1.5 < figures["p50"]["high"]
    assert figures["p50"]["change"] == pytest.approx(1.5, rel=0.05)
    assert figures["rate"]["verdict"] == "same"
    assert "max" not in figures


def test_better(tmp_path):
    status, found, figures = compared(tmp_path, runs(5), runs(5, 50, median=90_000),
                                      "--fail-if-worse")
    assert status == 0
    assert figures["p99"]["verdict"] == "better" and found["verdict"] == "better"


def test_the_interval_is_that_of_mann_and_whitney(tmp_path):
    """Five against five at 99%: from the least factor to the greatest."""
    _, _, figures = compared(tmp_path, runs(5), runs(5, 50))
    p99 = figures["p99"]
    factors = sorted(b / a for a in p99["baseline"] for b in p99["values"])
    assert p99["low"] == pytest.approx(factors[0]) and p99["high"] == pytest.approx(factors[-1])
    assert p99["change"] == pytest.approx(factors[12])
    # Ten against ten: U is at most 16 in 0.4987% of all orders, at most 15 in fewer.
    _, _, figures = compared(tmp_path, runs(10), runs(10, 50))
    p99 = figures["p99"]
    factors = sorted(b / a for a in p99["baseline"] for b in p99["values"])
    assert p99["low"] == pytest.approx(factors[16]) and p99["high"] == pytest.approx(factors[-17])


def test_noise_is_no_verdict(tmp_path):
    status, found, figures = compared(tmp_path, runs(6, spread=0.6), runs(6, 77, spread=0.6),
                                      "--fail-if-worse")
    assert status == 0
    assert figures["p99.9"]["verdict"] == "unclear"
    _, _, figures = compared(tmp_path, runs(6), runs(6, 77), "--margin=100")
    assert {each["verdict"] for each in figures.values()} == {"same"}


def test_errors_are_compared_by_difference(tmp_path):
    now = runs(5)
    for each in now:
        each["counts"]["lost"] = 2
    status, _, figures = compared(tmp_path, runs(5), now, "--fail-if-worse")
    errors = figures["errors"]
    assert status == 3 and errors["verdict"] == "worse"
    assert (errors["effect"], errors["change"]) == ("difference", 1000)


# ---- options, and how it looks ----

@pytest.mark.parametrize("arguments, told", [
    ([], "no file is given"),
    (["--fail-if-worse", "a"], "'--fail-if-worse' needs --baseline"),
    (["--margin=5", "a"], "'--margin' needs --baseline"),
    (["-b", "b", "--margin=x", "a"], "--margin 'x' is not a percentage between 0 and 100"),
    (["-b", "b", "--margin=101", "a"], "--margin '101' is not"),
    (["-b", "b", "--margin=nan", "a"], "--margin 'nan' is not"),
    (["--json", "--html=-", "a"], "cannot both go to standard output"),
])
def test_usage(arguments, told):
    shown = report(*arguments)
    assert shown.returncode == 2 and told in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


def test_text(tmp_path):
    values = latencies(3, 4000)
    shown = report("--label=night", save(tmp_path / "a.json", *runs(2), result(values))).stdout
    assert re.search(r"^  what +night, meari bench, tcp://192\.0\.2\.1:7$", shown, re.MULTILINE)
    assert re.search(r"^  p99\.9 ", shown, re.MULTILINE)
    assert re.search(r"^  run +rate +p50 ", shown, re.MULTILINE)
    assert re.search(r"^  3 ", shown, re.MULTILINE)


def test_a_label_cannot_command_the_terminal(tmp_path):
    shown = report(save(tmp_path / "a.json", result([1000] * 10, label="a\x1b[2J\x9b\u202eb\nc")))
    assert "a?[2J??b?c" in shown.stdout


def terminal(columns, *arguments, env=None):
    """What it writes to a terminal of that width."""
    master, slave = os.openpty()
    import fcntl
    import struct
    import termios
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    shown = meari.run("report", *arguments, stdout=slave, env=env)
    os.close(slave)
    assert shown.returncode == 0, shown.stderr
    data = b""
    while True:
        try:
            more = os.read(master, 65536)
        except OSError:
            break
        if not more:
            break
        data += more
    os.close(master)
    return data.decode().replace("\r\n", "\n")


def width_of(line):
    import unicodedata
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_a_narrow_terminal(tmp_path, columns):
    path = save(tmp_path / "a.json", *runs(5))
    base = save(tmp_path / "b.json", *runs(5, 50))
    shown = terminal(columns, path, "-b", base)
    assert "p99.9" in shown and "verdict" in shown
    tables = [line for line in shown.splitlines() if re.match(r"  (p\d|\d|run|figure)", line)]
    assert max(map(width_of, tables)) <= columns


@pytest.mark.parametrize("language", ["C.UTF-8", "ko_KR.UTF-8"])
def test_a_reason_is_broken_between_words(tmp_path, language):
    path = save(tmp_path / "a.json", {**doubted(5e6), **result(latencies(1), both=latencies(2)),
                                      "trust": doubted(5e6)["trust"]})
    shown = terminal(50, path,
                     env=meari.environment(LANG=language)).splitlines()
    told = shown[next(i for i, line in enumerate(shown) if line.startswith("!")) + 1:]
    assert len(told) > 1 and all(line.startswith("  ") for line in told)
    assert max(map(width_of, shown)) < 50


def test_a_full_disk(tmp_path):
    path = save(tmp_path / "a.json", *runs(1))
    with open("/dev/full", "w") as full:
        shown = report(path, stdout=full)
    assert shown.returncode == 1 and "No space left on device" in shown.stderr
    shown = report("--html=/dev/full", path)
    assert shown.returncode == 1 and len(shown.stderr.splitlines()) == 1
