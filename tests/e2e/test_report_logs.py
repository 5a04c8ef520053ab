"""Histogram logs in `meari report`: every version that was published is read, and nothing is misread."""

import base64
import json
import struct
import zlib

import pytest

import meari
from results import Histogram, latencies, result, save

HEAD = "#[Histogram log format version 1.3]\n#[StartTime: 1700000000.000 (seconds since epoch)]\n"
# The first lines that an early jHiccup has written in 2014: V0, a legend that is not true, steps of 16 us.
EARLY = """#[Logged with jHiccup version 2.0.3-SNAPSHOT]
#[Histogram log format version 1.01]
#[StartTime: 1403476110.183 (seconds since epoch), Mon Jun 23 10:28:30 NZST 2014]
"StartTimestamp","EndTimestamp","Interval_Max","Interval_Compressed_Histogram"
0.042,5.004,0.115,HISTiQAAAEV42pNpmdzBwMDAxAAGfgoMDMxuBjsWQLgMQt4QmrkKQvNugkq8g9KKUJoHSjMzoAJGhlEwCkbBKBgFo2AUDDkAANEpBrU=
5.046,5.000,1.294,HISTiQAAAEh42pNpmdzBwMDAxAAGfgoMDMxuBjsWQLgMQm5QBhuEYraF0LyuEJoxFypvA6UFoTQzwygYBZQDxtEgGAWjYBSMgoEBAItJBaw=
10.046,5.000,3.113,HISTiQAAAEZ42pNpmdzBwMDAxAAGfgoMDMxuBjsWQLgMQlFQBiMqzX8RQjNJQMVDobQwlGZCo0fB8ASMo0EwGs+jYDS+R8HwBAC+mAXU
"""


def report(path, *arguments, **options):
    return meari.run("report", *arguments, path, **options)


def read(tmp_path, text, *arguments):
    """The merged result, and what was said beside it."""
    path = tmp_path / "a.hlog"
    path.write_text(text)
    shown = report(path, "--json", *arguments)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout), shown.stderr


def refused(tmp_path, text, *arguments):
    path = tmp_path / "a.hlog"
    path.write_text(text)
    shown = report(path, *arguments)
    assert shown.returncode == 1 and shown.stdout == ""
    [line] = shown.stderr.splitlines()
    return line


def line(start, length, encoded, top, tag=""):
    return f"{tag}{start:.3f},{length:.3f},{top / 1e6:.3f},{encoded}\n"


def lines(count, values, **options):
    one = Histogram(values)
    return "".join(line(i, 1, one.encode(), one.values[-1], **options) for i in range(count))


# ---- every version ----

def test_a_log_of_2014(tmp_path):
    found, said = read(tmp_path, EARLY)
    assert said == ""
    sent = found["latency"]["sent"]
    assert sent["count"] == 4683 + 4678 + 4698
    assert 3_113_000 <= sent["max_ns"] <= 3_113_000 + 16_384
    assert found["duration_ns"] == 15_004_000_000
    assert found["started_unix_ns"] == 1_403_476_110_225_000_000


@pytest.mark.parametrize("version", ["1.0", "1.00", "1.01", "1.1", "1.2", "1.3"])
@pytest.mark.parametrize("encode", [
    lambda h: h.encode_words(0, 8), lambda h: h.encode_words(0, 4), lambda h: h.encode_words(0, 2),
    lambda h: h.encode_words(1, 8), lambda h: h.encode_words(1, 4), lambda h: h.encode_words(1, 2),
    lambda h: h.encode_words(0, 8, length=34_000), lambda h: h.encode_words(1, 2, length=33_000),
    lambda h: h.encode()])
def test_every_encoding_says_the_same(tmp_path, version, encode):
    values = latencies(1, 3000)
    one = Histogram(values)
    text = HEAD.replace("1.3", version) + line(0, 1, encode(one), one.values[-1])
    found, said = read(tmp_path, text)
    sent = found["latency"]["sent"]
    assert said == "" and sent["count"] == 3000
    assert {key: sent["percentiles_ns"][key] for key in ("50", "99", "99.9")} == {
        key: one.percentile(float(key)) for key in ("50", "99", "99.9")}


def packed(head, words=b"", compressed=0x1c849314):
    body = zlib.compress(head + words)
    return base64.b64encode(struct.pack(">ii", compressed, len(body)) + body).decode()


def v2(offset=0, ratio=struct.pack(">d", 1.0)):
    return packed(struct.pack(">iiiiqq", 0x1c849313, 1, offset, 3, 1, 3600 * 10 ** 9) + ratio, b"\x02")


ONE = Histogram([1000] * 9)


@pytest.mark.parametrize("encoded", [
    v2(), v2(0, struct.pack(">q", 1)), v2(0, struct.pack(">q", 0)), v2(1, struct.pack(">q", 1))])
def test_what_writers_of_whole_numbers_leave_in_the_head(tmp_path, encoded):
    assert read(tmp_path, HEAD + line(0, 1, encoded, 0))[0]["latency"]["sent"]["count"] == 1


@pytest.mark.parametrize("encoded, told", [
    (v2(0, struct.pack(">d", 0.001)), "is not known here"),
    (v2(0, struct.pack(">d", float("nan"))), "is not known here"),
    (v2(5), "is not known here"),
    (v2(1), "is not known here"),
    (ONE.encode_words(1, 8, offset=2), "is not known here"),
    (ONE.encode_words(1, 8, ratio=0.5), "is not known here"),
    (ONE.encode_words(1, 1), "is not known here"),
    (ONE.encode_words(0, 0, length=1), "is not known here"),
    (base64.b64encode(struct.pack(">iiq", 0x0c72124f, 3, 1)).decode(), "is not known here"),
    (base64.b64encode(struct.pack(">iiq", 0x1c849305, 3, 1)).decode(), "is not known here"),
    (ONE.encode_words(0, 8, total=8), "is damaged"),
    (packed(struct.pack(">iiqqq", 0x1c849328, 3, 1, 10 ** 9, 0xffff), b"\xff\xff",
            0x1c849329), "is damaged"),
    (packed(struct.pack(">iiqqq", 0x1c849348, 3, 1, 10 ** 9, 1), b"\0\0\0\1\0", 0x1c849349),
     "is damaged"),
    (packed(struct.pack(">iiiiqqd", 0x1c849321, 3, 0, 3, 1, 10 ** 9, 1.0), b"\0\1\0", 0x1c849322),
     "is damaged"),
    (packed(struct.pack(">iiqqq", 0x1c849328, 3, 1, 10 ** 9, 0), bytes(1 << 20), 0x1c849329),
     "is damaged"),
    # The one inside is of another version than the outside says.
    (packed(struct.pack(">iiqqq", 0x1c849328, 3, 1, 10 ** 9, 0), bytes(16), 0x1c849314), "is not known here"),
])
def test_what_would_be_misread_is_refused(tmp_path, encoded, told):
    assert told in refused(tmp_path, HEAD + line(0, 1, encoded, 0) + line(1, 1, ONE.encode(), 1000))


@pytest.mark.parametrize("version", ["0.9", "1.4", "1.04", "1.10", "1.", "2.0", "11.3", "x", ""])
def test_another_format_is_refused(tmp_path, version):
    told = refused(tmp_path, HEAD.replace("1.3", version) + lines(1, [1000]))
    assert "line 1: this format of logs is not known here (1.0 to 1.3 are)" in told


def test_end_stamps_of_old_writers_in_c(tmp_path):
    """Their legend is true; as a length the stamp would be decades."""
    legend = '"StartTimestamp","EndTimestamp","Interval_Max","Interval_Compressed_Histogram"\n'
    text = "".join(f"{1_700_000_000 + i}.000,{1_700_000_001 + i}.000,1000.0,{ONE.encode()}\n"
                   for i in range(4))
    found, _ = read(tmp_path, HEAD + legend + text)
    assert found["duration_ns"] == 4 * 10 ** 9
    assert [each["length_ns"] for each in found["intervals"]] == [10 ** 9] * 4
    assert "longer than a year" in refused(tmp_path, HEAD + text)


# ---- what a log does not tell ----

def test_a_log_that_is_cut_off(tmp_path):
    whole = HEAD + lines(3, latencies(1, 400))
    for cut in (1, 20, 60):
        found, said = read(tmp_path, whole[:-cut])
        if cut > 1:
            assert found["latency"]["sent"]["count"] == 800 and found["interrupted"] is True
            assert "line 5, the last one, is cut off: read up to there" in said
        else:  # only the end of the line is not there
            assert found["latency"]["sent"]["count"] == 1200 and said == ""
    first = HEAD + lines(1, latencies(1, 400))
    assert "line 3: " in refused(tmp_path, first[:-30])
    assert "line 4: " in refused(tmp_path, whole[:len(first) + 40] + "\n" + lines(1, [1000]))


def test_overlapping_intervals(tmp_path):
    found, said = read(tmp_path, HEAD + lines(3, [1000] * 9) + lines(3, [1000] * 9))
    assert "3 intervals begin before the one before them has ended" in said
    assert found["trust"]["trusted"] is False
    assert found["trust"]["reasons"][0]["code"] == "intervals-overlap"
    assert found["duration_ns"] == 3 * 10 ** 9
    page = report(tmp_path / "a.hlog", "--html=-")
    assert "intervals-overlap" in page.stdout or "built without" in page.stderr
    # Stamps that are rounded to milliseconds do not overlap, nor do those of different tags.
    _, said = read(tmp_path, HEAD + line(0, 1.001, ONE.encode(), 1000) + line(1, 1, ONE.encode(), 1000)
                   + line(0, 1, ONE.encode(), 1000, "Tag=connect,"))
    assert said == ""


def test_lines_that_are_out_of_order(tmp_path):
    text = "".join(line(i, 1, ONE.encode(), 1000) for i in (2, 0, 1))
    found, said = read(tmp_path, HEAD + text)
    assert said == "" and [each["start_ns"] for each in found["intervals"]] == [0, 10 ** 9, 2 * 10 ** 9]
    assert found["started_unix_ns"] == 1_700_000_000 * 10 ** 9


def test_a_time_of_which_nothing_is_told(tmp_path):
    text = line(0, 1, ONE.encode(), 1000) + line(4, 1, ONE.encode(), 1000)
    found, _ = read(tmp_path, HEAD + text)
    assert [(each["start_ns"], each["length_ns"], each["received"], each["p99_ns"])
            for each in found["intervals"]] == [
        (0, 10 ** 9, 9, 1000), (10 ** 9, 3 * 10 ** 9, 0, None), (4 * 10 ** 9, 10 ** 9, 9, 1000)]


def test_two_logs_in_one_file(tmp_path):
    """The stamps of the second count from its own StartTime."""
    second = HEAD.replace("1700000000", "1700000100")
    found, said = read(tmp_path, HEAD + lines(2, [1000] * 9) + second + lines(2, [1000] * 9))
    assert said == "" and found["duration_ns"] == 102 * 10 ** 9


# ---- the unit ----

def unit_line(values, top):
    return HEAD + f"0.000,1.000,{top},{Histogram(values).encode()}\n"


@pytest.mark.parametrize("unit, factor", [("ns", 1), ("us", 10 ** 3), ("ms", 10 ** 6), ("s", 10 ** 9)])
def test_the_unit_of_a_foreign_log(tmp_path, unit, factor):
    values = [value // 1000 + 1 for value in latencies(1, 3000)]
    top = f"{max(values) * factor / 1e6:.3f}"
    found, said = read(tmp_path, unit_line(values, top), f"--unit={unit}")
    sent, one = found["latency"]["sent"], Histogram(values)
    assert said == "" and found["trust"]["trusted"] is True
    for key in ("50", "99", "99.9"):
        assert sent["percentiles_ns"][key] == pytest.approx(one.percentile(float(key)) * factor, rel=1e-3)
    assert sent["min_ns"] == min(values) * factor
    assert sent["max_ns"] == pytest.approx(max(values) * factor, rel=1e-3)
    assert found["intervals"][0]["p99_ns"] == one.percentile(99) * factor
    assert sent["mean_ns"] == pytest.approx(one.mean() * factor, rel=1e-3)


def test_max_and_the_histogram_disagree(tmp_path):
    values = [value // 1000 for value in latencies(1, 3000)]
    text = unit_line(values, f"{max(values) / 1000:.3f}")  # microseconds, and milliseconds
    found, said = read(tmp_path, text)
    assert "MAX and the histogram of 1 line disagree" in said and "--unit" in said
    assert [each["code"] for each in found["trust"]["reasons"]] == ["unit-unclear"]
    assert read(tmp_path, text, "--unit=us")[1] == ""
    found, said = read(tmp_path, text, "--unit=ms")
    assert "disagree about the unit given" in said and found["trust"]["trusted"] is True
    # MAX is the value itself: agrees with everything, and tells nothing.
    found, said = read(tmp_path, unit_line(values, f"{max(values)}.0"))
    assert "the unit of its values is not known" in said and found["trust"]["trusted"] is True
    assert read(tmp_path, unit_line(values, f"{max(values)}.0"), "--unit=us")[1] == ""


def test_a_unit_that_a_log_contradicts(tmp_path):
    """One --unit for a foreign log and one of ours: ours is in nanoseconds, and its MAX says so."""
    found, said = read(tmp_path, HEAD + lines(2, latencies(1, 400)), "--unit=us")
    assert "disagree about the unit given" in said and found["trust"]["trusted"] is False


def test_a_max_beyond_the_range(tmp_path):
    """Two hours are counted in the last step of what has one of 4398 s; MAX has them."""
    log = unit_line([2 ** 42 - 1], "7200000.000")
    assert read(tmp_path, log)[1] == ""


@pytest.mark.parametrize("top", ["", "x", "nan", "1e999"])
def test_a_max_that_is_no_number_tells_nothing(tmp_path, top):
    assert read(tmp_path, unit_line([1000] * 9, top))[1] == ""


def test_values_beyond_the_unit(tmp_path):
    values = [3_000_000_000_000] * 3
    told = refused(tmp_path, unit_line(values, "3000000.000"), "--unit=s")
    assert "its values are too large for this --unit" in told


def test_usage(tmp_path):
    shown = meari.run("report", "--unit=fortnight", "a")
    assert shown.returncode == 2 and "--unit 'fortnight' is not one of: ns, us, ms, s" in shown.stderr
    shown = report(save(tmp_path / "a.json", result([1000] * 10)), "--unit=us")
    assert shown.returncode == 0 and "--unit has no effect: no file is a histogram log" in shown.stderr


# ---- --json-lines ----

def test_output_of_json_lines(tmp_path):
    one, other = (result(latencies(i, 500), started=1000 * i) for i in (1, 2))
    interval = json.dumps({"interval": one["intervals"][0]}) + "\n"
    path = tmp_path / "a.jsonl"
    path.write_text(interval * 3 + json.dumps(one) + "\n" + interval * 2 + json.dumps(other) + "\n")
    shown = report(path, "--json")
    assert shown.returncode == 0 and shown.stderr == ""
    assert json.loads(shown.stdout)["counts"]["received"] == 1000
    with open(path, "a") as file:
        file.write(interval * 2)
    shown = report(path)
    assert shown.returncode == 1 and "line 9: intervals without a result behind them" in shown.stderr
    path.write_text(interval + json.dumps(one)[:-9])
    shown = report(path)
    assert shown.returncode == 1 and "the file ends too early" in shown.stderr
