"""`meari report --expect`: who of a fleet is there, who is not, and what becomes of everything else."""

import json
import os
import resource

import pytest

import meari
from results import Histogram, latencies, result, save

STARTED = 1_700_000_000


def ranked(rank, size=4, values=None, started=STARTED, late_ns=0, **more):
    """A result of one generator of a fleet."""
    values = values or latencies(rank, 400)
    made = result(values, asked=40, both=values, started=started, **more)
    made["started_unix_ns"] += late_ns
    made["fleet"] = {"rank": rank, "size": size, "host": f"host{rank}", "from": "--rank",
                     "start_unix_ns": (started - 1) * 10 ** 9, "late_ns": late_ns}
    return made


def fleet(folder, size=4, **more):
    return [save(folder / f"{rank}.json", ranked(rank, size, **more)) for rank in range(size)]


def report(*arguments, **options):
    return meari.run("report", *arguments, **options)


def told(*arguments, status=None):
    finished = report("--json", *arguments)
    assert finished.stdout.count("\n") == 1, finished.stderr
    made = json.loads(finished.stdout)
    assert finished.returncode == (0 if made["complete"] else 3)
    if status is not None:
        assert finished.returncode == status
    return made


def test_a_whole_fleet(tmp_path):
    files = fleet(tmp_path)
    finished = report("--expect", 4, *files)
    assert finished.returncode == 0 and finished.stderr == ""
    assert "4 of 4 ranks" in finished.stdout and "!" not in finished.stdout
    assert "open loop, 160/s, 200 connections" in finished.stdout
    made = told("--expect", 4, *reversed(files))
    assert [each["rank"] for each in made["ranks"]] == [0, 1, 2, 3]
    assert made["missing"] == made["left_out"] == made["late"] == made["limited"] == []
    # Percentiles are those of all messages together, by an arithmetic of their own.
    together = Histogram([value for rank in range(4) for value in latencies(rank, 400)])
    for name in "50", "99", "99.9":
        assert made["result"]["latency"]["intended"]["percentiles_ns"][name] == together.percentile(float(name))
    p99 = [Histogram(latencies(rank, 400)).percentile(99) for rank in range(4)]
    assert made["slowest"] == p99.index(max(p99))
    assert made["result"]["rate"]["asked_per_s"] == 160 and "fleet" not in made["result"]


def test_the_sums_stand_without_expectations_too(tmp_path):
    files = fleet(tmp_path)
    assert "open loop, 160/s, 200 connections" in report(*files).stdout
    finished = report(*files[:3])
    assert finished.returncode == 0
    assert "these are 3 of 4 ranks (--expect 4 says which are missing)" in finished.stderr


def test_one_stream_of_results(tmp_path):
    text = "".join(json.dumps(ranked(rank), separators=(",", ":")) + "\n" for rank in range(4))
    finished = report("--expect", 4, "-", input=text)
    assert finished.returncode == 0 and "4 of 4 ranks" in finished.stdout


BROKEN = {
    "empty": (b"", "is empty"),
    "blank": (b"\n\n", "is empty"),
    "cut": (json.dumps(ranked(3)).encode()[:700], "the file ends too early"),
    "text": (b"Killed\n", "this is not JSON"),
    "binary": (b"\xff\xfe\x00{" + bytes(range(128, 256)), "not"),
    "later": (b'{"format":"meari-result","version":2}\n', "a later meari has written this"),
    "other": (b'{"format":"meari-comparison","version":1}\n', "not a result of meari's"),
    "intervals": (b'{"interval":{"start_ns":0}}\n', "intervals without a result behind them"),
    "field": (b'{"format":"meari-result","version":1,"fleet":{"rank":-1}}\n', "fleet.rank: a whole number"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_named_and_missing(tmp_path, name):
    content, what = BROKEN[name]
    files = fleet(tmp_path)
    files[3].write_bytes(content)
    finished = report("--expect", 4, *files)
    assert finished.returncode == 3
    assert "3 of 4 ranks" in finished.stdout and "missing: rank 3\n" in finished.stdout
    line = [line for line in finished.stdout.splitlines() if "3.json'" in line]
    assert len(line) == 1 and what in line[0]
    made = told("--expect", 4, *files)
    assert made["missing"] == [3] and made["left_out"][0]["reason"] == "unreadable"
    assert made["result"]["counts"]["received"] == 1200


def test_files_that_cannot_be_opened(tmp_path):
    files = fleet(tmp_path)
    finished = report("--expect", 4, *files[:3], tmp_path / "nowhere.json", tmp_path)
    assert finished.returncode == 3
    assert "nowhere.json' cannot be read: No such file or directory" in finished.stdout
    assert "cannot be read: Is a directory" in finished.stdout


def test_what_stands_behind_a_broken_piece_is_read(tmp_path):
    whole = [json.dumps(ranked(rank), separators=(",", ":")) for rank in range(4)]
    path = tmp_path / "all.json"
    path.write_text(whole[0] + "\n" + whole[1][:500] + whole[2] + "\nsrun: error\n" + whole[3] + "\n")
    made = told("--expect", 4, path)
    assert made["missing"] == [1] and made["counted"] == 3
    assert [each["reason"] for each in made["left_out"]] == ["unreadable", "unreadable"]


def changed(**how):
    made = ranked(how.pop("rank", 3))
    for key, value in how.items():
        group, _, name = key.partition("__")
        if name:
            made[group][name] = value
        else:
            made[group] = value
    return made


STRANGERS = {
    "doubled": (lambda: ranked(1, values=[10 ** 6] * 400), "rank 1 is there twice; the one that came first counts"),
    "surplus": (lambda: ranked(4), "rank 4 is surplus, 4 are expected (0 to 3)"),
    "unranked": (lambda: changed(fleet={}), "a result without a rank"),
    "other-kind": (lambda: changed(load__mode="closed"), "rank 3 ran another kind of load"),
    "other-time": (lambda: ranked(3, started=STARTED - 86400), "rank 3 ran at another time"),
    "nothing-measured": (lambda: changed(duration_ns=0, counts={}, latency={}, interrupted=True),
                         "rank 3 was stopped before it measured anything"),
}


@pytest.mark.parametrize("reason", STRANGERS)
def test_what_does_not_belong(tmp_path, reason):
    make, what = STRANGERS[reason]
    files = fleet(tmp_path)
    stranger = save(tmp_path / "stranger.json", make())
    finished = report("--expect", 4, *files, stranger)
    assert finished.returncode == 3 and f"stranger.json': {what}" in finished.stdout
    assert "4 of 4 ranks" in finished.stdout
    made = told("--expect", 4, *files, stranger)
    assert made["missing"] == [] and made["left_out"][0]["reason"] == reason
    assert made["result"]["counts"]["received"] == 1600  # nothing of it is in the sum


def test_yesterdays_file_does_not_stand_in(tmp_path):
    """The rank that died today has left the result of an earlier run in its place."""
    files = fleet(tmp_path)
    save(files[2], ranked(2, started=STARTED - 86400))
    made = told("--expect", 4, *files, status=3)
    assert made["missing"] == [2] and made["left_out"][0]["reason"] == "other-time"


def test_protocols_are_not_mixed(tmp_path):
    files = fleet(tmp_path)
    save(files[0], changed(rank=0, target={"address": "udp://192.0.2.1:7", "scheme": "udp"}))
    made = told("--expect", 4, *files)
    assert made["missing"] == [0] and made["left_out"][0]["reason"] == "other-kind"


def test_other_targets_and_versions_are_told(tmp_path):
    files = fleet(tmp_path)
    other = ranked(3)
    other["target"]["address"] = "tcp://192.0.2.2:7"
    other["environment"]["version"] = "9.9.9"
    save(files[3], other)
    finished = report("--expect", 4, *files)
    assert finished.returncode == 0
    assert 'target.address: "tcp://192.0.2.1:7", "tcp://192.0.2.2:7"' in finished.stdout
    assert 'environment.version: -, "9.9.9"' in finished.stdout


def test_an_interrupted_rank_has_not_done_its_part(tmp_path):
    files = fleet(tmp_path)
    save(files[1], changed(rank=1, interrupted=True, duration_ns=3 * 10 ** 9))
    finished = report("--expect", 4, *files)
    assert finished.returncode == 3 and "rank 1 (host1) was interrupted after 3.00s" in finished.stdout
    assert told("--expect", 4, *files)["interrupted"] == [1]


def test_late_and_limited_ranks_are_told(tmp_path):
    files = fleet(tmp_path)
    save(files[1], ranked(1, late_ns=300_000_000))
    limited = ranked(2)
    limited["trust"] = {"trusted": False, "reasons": [{
        "code": "generator-cpu", "text": "out of processor time",
        "figures": [{"name": "running_share", "value": 0.99}, {"name": "waiting_share", "value": 0.5}]}]}
    save(files[2], limited)
    finished = report("--expect", 4, *files)
    assert finished.returncode == 0  # all are there
    assert "all within 300ms of one another" in finished.stdout
    assert "rank 1 (host1) began 300ms late" in finished.stdout
    assert "rank 2 (host2): the generator itself was out of processor time" in finished.stdout
    made = told("--expect", 4, *files)
    assert made["late"] == [1] and made["limited"] == [2] and made["start_skew_ns"] == 300_000_000


def test_another_size_is_told(tmp_path):
    finished = report("--expect", 4, *fleet(tmp_path)[:3], save(tmp_path / "3.json", ranked(3, size=8)))
    assert finished.returncode == 0 and "Rank 3 says that it is one of 8, not of 4." in finished.stdout


def test_ranges_of_missing_ranks(tmp_path):
    files = [save(tmp_path / f"{rank}.json", ranked(rank, 12)) for rank in (0, 4, 5, 11)]
    assert "missing: ranks 1-3, 6-10\n" in report("--expect", 12, *files).stdout


def test_nobody_is_there(tmp_path):
    empty = tmp_path / "empty.json"
    empty.touch()
    finished = report("--expect", 2, "--html", tmp_path / "page.html", empty)
    assert finished.returncode == 3 and "0 of 2 ranks" in finished.stdout and "missing: ranks 0-1" in finished.stdout
    assert "there is no result to be shown" in finished.stderr and not (tmp_path / "page.html").exists()
    assert told("--expect", 2, empty)["result"] is None


def test_broken_promises_of_a_rank(tmp_path):
    files = fleet(tmp_path)
    save(files[2], changed(rank=2, asserts=[{"text": "p99<1us", "value": 5000.0, "holds": False}]))
    assert "rank 2: broken: p99<1us (5.00us)" in report("--expect", 4, *files).stdout


@pytest.mark.parametrize("arguments, what", [
    (["--expect", "0"], "--expect '0' is not a number from 1 to 65536"),
    (["--expect", "many"], "--expect 'many' is not a number"),
    (["--expect", "2", "--baseline", "x"], "--expect and --baseline exclude each other"),
    (["--expect", "2", "--tag", "x"], "--expect and --tag exclude each other"),
    (["--expect", "2", "--unit", "ms"], "--expect and --unit exclude each other")])
def test_options_that_make_no_sense(arguments, what):
    finished = report(*arguments, "file.json")
    assert finished.returncode == 2 and what in finished.stderr


def test_names_from_files_do_nothing_to_a_terminal(tmp_path):
    nasty = ranked(0)
    nasty["fleet"]["host"] = "\x1b]0;taken\x07\n! The fleet"
    finished = report("--expect", 2, save(tmp_path / "a\x1b[31m.json", nasty), save(tmp_path / "b\x1b[31m.json", nasty))
    assert finished.returncode == 3 and "\x1b" not in finished.stdout and "\x07" not in finished.stdout


# ---- a thousand ----


def many(folder, count):
    """So many files of about 4 KB; they differ in their ranks only."""
    text = json.dumps(ranked(77777, count), separators=(",", ":")) + "\n"
    assert 3500 < len(text) < 5000 and text.count("77777") == 2  # the rank, and the host's name
    folder.mkdir()
    files = [folder / f"{rank}.json" for rank in range(count)]
    for rank, file in enumerate(files):
        file.write_text(text.replace("77777", str(rank)))
    return files


def cost_s(count, files):
    """Processor time, whatever else runs here."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert report("--expect", count, *files).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_thousand_results(tmp_path):
    files, few = many(tmp_path / "many", 1000), many(tmp_path / "few", 250)
    finished = report("--expect", 1000, *files)
    assert finished.returncode == 0 and "1000 of 1000 ranks" in finished.stdout
    assert "These are the slowest 40 of 1000" in finished.stdout
    made = told("--expect", 1000, *files)
    assert made["result"]["latency"]["intended"]["count"] == 400_000 and len(made["ranks"]) == 1000
    if not meari.SANITIZER:
        # Four times as many cost four times as much; the square would be sixteen times.
        assert any(cost_s(1000, files) < 9 * cost_s(250, few) for _ in range(3))


def test_memory_does_not_grow_with_the_ranks(tmp_path):
    if meari.SANITIZER:
        pytest.skip("a sanitizer keeps what was freed")

    def limit():
        # Three hundred results with two histograms of 264 KiB each would be 155 MiB.
        resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20))

    finished = report("--expect", 300, *many(tmp_path / "many", 300), preexec_fn=limit)
    assert finished.returncode == 0, finished.stderr


def test_the_page_shows_ranks_side_by_side(tmp_path):
    files = fleet(tmp_path)
    page = tmp_path / "page.html"
    finished = report("--expect", 4, "--html", page, *files[:3])
    if "charts' library" in finished.stderr:
        pytest.skip("built without charts")
    assert finished.returncode == 3
    data = page.read_text().split('id="data">')[1].split("</script>")[0]
    made = json.loads(data)["fleet"]
    assert made["missing"] == [3] and len(made["ranks"]) == 3 and "result" not in made
    assert os.path.getsize(page) < 2 << 20
