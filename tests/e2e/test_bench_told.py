"""meari bench: what is said of options that cannot take effect, of a search, and of time without an answer."""

import json

import pytest

import meari
from meari import Server


@pytest.fixture(scope="module")
def address():
    with Server("tcp://127.0.0.1:0") as running:
        yield running.addresses[0]


# A run of one second in five intervals; the service that it is for answers 400 ms of it.
DYING = ["-r100", "-w0", "-c1", "-p1", "-d1s", "--interval=200ms", "--timeout=100ms"]


def bench(*arguments):
    return meari.run("bench", "--quiet", "--json", *arguments)


@pytest.mark.parametrize("options, told", [
    (["-r", "1k@100ms,5k", "-d", "100ms"],
     "stage 2 of --rate never comes: it begins after 100ms, and the measuring ends after 100ms"),
    (["-r", "1k@100ms,5k@1s,1k..5k@1s", "-d", "50ms"], "stage 2 of --rate never comes"),
    (["-r", "1k@50ms,2k@50ms,3k", "-d", "80ms"], "stage 3 of --rate never comes: it begins after 100ms"),
    (["-r", "1k@50ms", "-d", "10s"], "--duration 10.0s has no effect beyond 50.0ms"),
    (["-d", "50ms", "--interval", "2s"], "--interval 2.00s is longer than the measuring, 50.0ms"),
    (["-d", "50ms", "-t", "8", "-c", "2"],
     "--threads 8: no more are used than there are connections, 2"),
    (["-d", "50ms", "--churn=2", "-p", "5"], "--pipeline 5 has no effect beyond 2"),
    (["-d", "50ms", "--seed=5"], "--seed has no effect"),
    (["-d", "50ms", "--arrivals=constant"], "--arrivals has no effect without --rate"),
])
def test_an_option_that_cannot_take_effect_is_told(address, options, told):
    done = bench("-w0", *options, address)
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert line.startswith("meari: ") and told in line


@pytest.mark.parametrize("options", [
    ["-r", "1k@20ms,2k", "-d", "50ms"], ["-r", "1k@20ms,2k@20ms"], ["-r", "1k", "-d", "50ms"],
    ["-d", "50ms", "-t", "2", "-c", "2"], ["-r", "1k", "--arrivals=poisson", "--seed=2", "-d", "50ms"],
    ["-d", "50ms", "--churn=5", "-p", "5"], ["-d", "50ms"]])
def test_nothing_is_said_of_what_takes_effect(address, options):
    assert bench("-w0", *options, address).stderr == ""


def found(*arguments, status=0):
    done = bench("-w0", *arguments)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def test_what_a_search_found_is_in_the_result(tmp_path, address):
    page = tmp_path / "page.html"
    result = found("--find-max=p99<10s", "-r", "500k", "-d", "40ms", f"--html={page}", address)
    answer = result["find_max"]
    # More than half a million a second cannot be made here without doubt, or at all.
    assert answer["promise"] == "p99<10s" and answer["limit"] == 10e9
    assert answer["end"] in ("found", "at-least", "no-rate")
    assert result["asserts"][0]["text"] == "p99<10s"
    assert result["asserts"][0]["holds"] is (answer["rate_per_s"] > 0)
    assert all(isinstance(step["trusted"], bool) for step in result["search"])
    assert '"promise":"p99<10s"'.replace("<", "\\u003c") in page.read_text()
    if answer["end"] == "at-least":
        last_broken = [step for step in result["search"] if not step["kept"]][-1]
        assert last_broken["trusted"] is False


def test_a_search_that_found_nothing(tmp_path, address):
    result = found("--find-max=p50<1ns", "-r", "64", "-d", "40ms", address, status=3)
    assert result["find_max"] == {"promise": "p50<1ns", "limit": 1.0, "end": "no-rate", "rate_per_s": 0.0}
    assert result["asserts"] == [{"text": "p50<1ns", "value": result["asserts"][0]["value"],
                                  "holds": False}]


def test_an_interval_without_an_answer_has_no_latency(tmp_path):
    """A service that answers a while and then nothing: null in JSON, and '-' in text."""
    with Server("--fault=stall,after=2560", "tcp://127.0.0.1:0") as server:  # 40 messages
        options = [*DYING, server.addresses[0]]
        lines = meari.run("bench", "--json-lines", *options)
        *intervals, result = map(json.loads, lines.stdout.splitlines())
        text = meari.run("bench", *options).stdout
    dead = intervals[3]["interval"]
    assert dead["received"] == 0
    assert dead["p50_ns"] is dead["p99_ns"] is dead["max_ns"] is None
    assert result["intervals"][3]["p99_ns"] is None
    assert intervals[0]["interval"]["p99_ns"] > 0
    assert "0/s  p50 -  p99 -  max -" in text
    assert "p50 0ns" not in text
    shown = meari.run("report", "--json", "-", input=lines.stdout)
    assert json.loads(shown.stdout)["intervals"][3]["max_ns"] is None


def test_time_without_an_answer_is_in_the_log_too(tmp_path):
    """A time of which no line tells would make the run shorter, and its rate higher."""
    log = tmp_path / "run.hlog"
    with Server("--fault=stall,after=2560", "tcp://127.0.0.1:0") as server:
        meari.run("bench", *DYING, f"--hdr={log}", server.addresses[0])
    result = json.loads(meari.run("report", "--json", log).stdout)
    assert result["duration_ns"] >= 900_000_000
    assert result["intervals"][3]["received"] == 0
    assert result["intervals"][3]["p99_ns"] is None
