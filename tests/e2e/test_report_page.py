"""The page of `meari report --html`, in a real browser: from a file, without a network.

Skipped, with the reason, where there is no Chromium with its driver and Selenium for it.
"""

import json
import pathlib
import re
import shutil

import pytest

import meari
from results import Histogram, latencies, result, save

webdriver = pytest.importorskip("selenium.webdriver", reason="python3-selenium is not installed")
from selenium.webdriver.chrome.service import Service  # noqa: E402

DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not DRIVER or not shutil.which("chromium"),
                                reason="chromium and chromium-driver are not installed")

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
NASTY = "</script><script>document.title='taken'</script><!-- &lt; \u2028 'x' \"메아리\" \\"


class Browser:
    """A Chromium with an empty profile, at a width, with a colour scheme."""

    def __init__(self, profile, languages):
        options = webdriver.ChromeOptions()
        for flag in [*FLAGS, f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"intl.accept_languages": languages})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)

    def open(self, path, width=1280, scheme="light"):
        mobile = width < 600
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": mobile})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.logs()
        self.requests()
        self.driver.get(path.as_uri())
        return self

    def js(self, script, *arguments):
        return self.driver.execute_script("return " + script, *arguments)

    def logs(self):
        return self.driver.get_log("browser")

    def requests(self):
        """What has been asked for since the last time."""
        messages = [json.loads(entry["message"])["message"]
                    for entry in self.driver.get_log("performance")]
        return [each["params"]["request"]["url"] for each in messages
                if each["method"] == "Network.requestWillBeSent"]

    def values(self, table):
        """Exact values of a table: {first cell: [...]}"""
        return dict(self.js(
            "Array.from(document.querySelectorAll(arguments[0] + ' tbody tr'), row => "
            "[row.cells[0].textContent, Array.from(row.querySelectorAll('td'), "
            "cell => cell.dataset.value ?? cell.textContent)])", table))

    def ink(self, canvas):
        """How many pixels of a chart are not empty."""
        return self.js("""(() => {
            const canvas = document.getElementById(arguments[0]);
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            let inked = 0;
            for (let i = 3; i < data.length; i += 4)
                inked += data[i] > 0;
            return inked;
        })()""", canvas)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("profile"), "en-US,en")
    yield made
    made.driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages by name; each beside the JSON of the same result."""
    place = tmp_path_factory.mktemp("pages")

    def make(name, *arguments):
        shown = meari.run("report", f"--html={place / name}.html", "--json", *arguments)
        if "built without" in shown.stderr:
            pytest.skip(shown.stderr.strip())
        assert shown.returncode == 0, shown.stderr
        (place / f"{name}.json").write_text(shown.stdout)

    values = latencies(1, 20000)
    sent = [value if value < 10 ** 6 else value // 8 for value in values]
    make("one", save(place / "a", result(values, asked=2000, both=sent, label="one run")))
    odd = result(latencies(2, 5000), label=NASTY, asked=500)
    odd["command"] = ["meari", "bench", NASTY]
    odd["environment"]["options"] = {NASTY: NASTY}
    odd["trust"] = {"trusted": False, "reasons": [{"code": "x", "text": NASTY}]}
    odd["counts"].update(lost=12, damaged=3)
    odd["search"] = [{"rate_per_s": rate, "reached_per_s": min(rate, 900), "figure": "p99",
                      "value": None if rate > 2000 else 2e5, "kept": rate < 900}
                     for rate in (500, 1000, 4000)]
    odd["asserts"] = [{"text": "p99<5ms", "value": 123456, "holds": True},
                      {"text": "loss==0", "value": 12, "holds": False}]
    make("odd", save(place / "b", odd))
    base = save(place / "c", *[result(latencies(10 + i, 3000), started=1_700_000_000 + 20 * i)
                               for i in range(5)])
    now = save(place / "d", *[result(latencies(30 + i, 3000, median=90_000),
                                     started=1_700_001_000 + 20 * i) for i in range(6)])
    make("compared", "-b", base, now)
    make("few", "-b", save(place / "e", result(values)), save(place / "f", result(sent)))
    make("rates", save(place / "j", *[result(latencies(i, 200 * i), asked=20 * min(i, 3))
                                      for i in range(1, 4)],
                       result(latencies(9, 700), asked=200)))
    make("edge", save(place / "i", result([19_970, *latencies(4, 3000)[:2999]])))
    def reason(code, **figures):
        return {"code": code, "text": "in English",
                "figures": [{"name": name, "value": value} for name, value in figures.items()]}

    make("doubted", save(place / "k", result(values, trust={"trusted": False, "reasons": [
        reason("generator-cpu", running_share=0.75, waiting_share=0.24),
        reason("behind-schedule", late_ns=1_090_000),
        reason("connections-missing", connected=1234, connections=5000, errno=99),
        reason("generator-cpu")]})))
    late = result(values)
    late["latency"] = {}
    for interval in late["intervals"]:
        interval.update(p50_ns=0, p99_ns=0, max_ns=0)
    make("late", save(place / "l", late))
    searched = result(values, asked=3000)
    searched["search"] = [
        {"rate_per_s": 1000, "reached_per_s": 1000, "figure": "p99", "value": 8e5, "kept": True},
        {"rate_per_s": 2000, "reached_per_s": 2000, "figure": "p99", "value": 2e6, "kept": True},
        {"rate_per_s": 4000, "reached_per_s": 3900, "figure": "p99", "value": 9e6, "kept": False},
        {"rate_per_s": 8000, "reached_per_s": 5100, "figure": "p99", "value": None, "kept": False,
         "trusted": False},
        {"rate_per_s": 3000, "reached_per_s": 3000, "figure": "p99", "value": 4e6, "kept": True,
         "trusted": False}]
    searched["find_max"] = {"promise": "p99<5ms", "limit": 5e6, "end": "at-least",
                            "rate_per_s": 3000}
    searched["asserts"] = [{"text": "p99<5ms", "value": 4e6, "holds": True}]
    make("searched", save(place / "m", searched))
    dead = result(values, asked=2000)
    for interval in dead["intervals"][3:6]:
        interval.update(received=0, p50_ns=None, p99_ns=None, max_ns=None, errors=2000)
    dead["counts"]["lost"] = 6000
    make("dead", save(place / "n", dead))
    make("objected", "-b", save(place / "o", *[result(
        latencies(i, 900), label="a name of a baseline that is rather long", started=1000 + 20 * i,
        trust={"trusted": False, "reasons": [reason("behind-schedule", late_ns=5_000_000)]})
        for i in range(5)]), save(place / "p", *[result(
            latencies(20 + i, 900, median=2_400_000 if i else 90_000), label="x" * 60,
            asked=100 * i, started=2000 + 20 * i) for i in range(6)]))
    kept, broken = result(values), result(sent, started=5)
    kept["asserts"] = [{"text": "p99<5ms", "value": 4e6, "holds": True}]
    broken["asserts"] = [{"text": "p99<5ms", "value": 9e6, "holds": False},
                         {"text": "loss==0", "value": 0, "holds": True}]
    make("broken", save(place / "q", kept, broken))
    make("bare", save(place / "g", {"format": "meari-result", "version": 1}))
    make("connects", save(place / "h", {
        "format": "meari-result", "version": 1, "load": {"mode": "churn", "connections": 5},
        "latency": {"connect": Histogram(latencies(3, 500)).object()}}))
    return place


NAMES = ["one", "odd", "doubted", "late", "compared", "few", "bare", "connects", "searched", "dead",
         "objected", "broken"]


def beyond(browser, width):
    """Whatever sticks out of the screen, or has to be scrolled into it."""
    return browser.js("""Array.from(document.querySelectorAll('body *')).filter(each => {
        const box = each.getBoundingClientRect();
        return box.width > 0 && (box.right > arguments[0] + 0.5 || box.left < -0.5)
            || each.matches('.wide') && each.scrollWidth > each.clientWidth;
    }).map(each => each.tagName + '#' + each.id + '.' + each.className).slice(0, 5)""", width)


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (1280, "dark"), (375, "light"), (320, "dark")])
@pytest.mark.parametrize("name", NAMES)
def test_opens_from_a_file(browser, pages, name, width, scheme):
    browser.open(pages / f"{name}.html", width, scheme)
    for language in ("ko", "en"):
        browser.js(f"document.querySelector('[data-language={language}]').click()")
        assert browser.js("document.documentElement.lang") == language
        assert browser.js("document.documentElement.scrollWidth") <= width
        assert beyond(browser, width) == [], language
        for canvas in browser.js("Array.from(document.querySelectorAll('canvas'), c => c.id)"):
            assert browser.ink(canvas) > 500, canvas
    assert browser.logs() == []
    asked = browser.requests()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_figures_are_those_of_the_json(browser, pages):
    given = json.loads((pages / "one.json").read_text())
    browser.open(pages / "one.html")
    shown = browser.values("#percentiles")
    for column, name in enumerate(("intended", "sent")):
        latency = given["latency"][name]
        for key, value in latency["percentiles_ns"].items():
            assert int(shown["p" + key][column]) == value
        assert int(shown["Minimum"][column]) == latency["min_ns"]
        assert int(shown["Maximum"][column]) == latency["max_ns"]
        assert int(shown["Values"][column]) == latency["count"]
        assert float(shown["Mean"][column]) == pytest.approx(latency["mean_ns"])
    tiles = dict(browser.js("Array.from(document.querySelectorAll('.tile'), "
                            "tile => [tile.dataset.figure, tile.dataset.value])"))
    assert float(tiles["rate"]) == given["rate"]["reached_per_s"]
    assert int(tiles["p99"]) == given["latency"]["intended"]["percentiles_ns"]["99"]
    assert int(tiles["max"]) == given["latency"]["intended"]["max_ns"]
    counts = dict(browser.js("Array.from(document.querySelectorAll('#count-list dd'), "
                             "each => [each.dataset.fact, Number(each.dataset.value)])"))
    assert counts == {key: value for key, value in given["counts"].items() if value}
    facts = dict(browser.js("Array.from(document.querySelectorAll('#fact-list dd'), "
                            "each => [each.dataset.fact, each.textContent])"))
    assert facts["kernel"] == given["environment"]["kernel"]
    assert facts["cpu"] == given["environment"]["cpu"]
    assert facts["options"] == "nodelay=on"
    assert facts["command"] == " ".join(given["command"])


def test_percentiles_beyond_the_last_value_are_pale(browser, pages):
    """Of 20,000 values one in 100,000 does not exist."""
    browser.open(pages / "one.html")
    pale = browser.js("Array.from(document.querySelectorAll('#percentiles td.few'), "
                      "cell => cell.parentNode.cells[0].textContent)")
    assert pale == ["p99.999", "p99.999"]


def chart(browser, canvas):
    return browser.js("Chart.getChart(arguments[0]).data.datasets.map(set => "
                      "[set.look, set.data.map(point => [point.x, point.y])])", canvas)


def test_the_charts_draw_the_json(browser, pages):
    given = json.loads((pages / "one.json").read_text())
    browser.open(pages / "one.html")
    curves = dict(chart(browser, "chart-percentiles"))
    assert set(curves) == {"intended", "sent"}
    for name, curve in curves.items():
        places = {round(x, 6): y for x, y in curve}
        latency = given["latency"][name]
        assert places[1] == latency["min_ns"] and places[2] == latency["percentiles_ns"]["50"]
        assert places[4] == latency["percentiles_ns"]["75"]
        assert curve[-1][1] == latency["max_ns"]
        assert all(a[0] < b[0] and a[1] <= b[1] for a, b in zip(curve, curve[1:]))
    shapes = dict(chart(browser, "chart-shape"))
    assert sum(y or 0 for _, y in shapes["sent"][:-1]) == given["latency"]["sent"]["count"]
    course = dict(chart(browser, "chart-course"))
    for look, key in (("p50", "p50_ns"), ("p99", "p99_ns"), ("max", "max_ns")):
        assert [y for _, y in course[look]] == [each[key] for each in given["intervals"]]
    rates = dict(chart(browser, "chart-rate-course"))
    assert [y for _, y in rates["asked"]] == [2000] * 10
    assert [y for _, y in rates["reached"]] == [each["received"] for each in given["intervals"]]


def test_ticks_lie_within_the_chart(browser, pages):
    browser.open(pages / "edge.html")  # it begins just below a round number
    for canvas in ("chart-percentiles", "chart-shape", "chart-course", "chart-rate-course"):
        places = browser.js("(() => { const made = Chart.getChart(arguments[0]); return Object.values("
                            "made.scales).map(scale => [scale.min, scale.max, "
                            "scale.ticks.map(tick => tick.value)]); })()", canvas)
        for low, high, ticks in places:
            assert len(ticks) >= 2, canvas
            assert low * 0.99 <= min(ticks) and max(ticks) <= high * 1.01, canvas


def test_the_comparison(browser, pages):
    given = json.loads((pages / "compared.json").read_text())
    browser.open(pages / "compared.html")
    assert browser.js("document.getElementById('verdict').dataset.value") == given["verdict"]
    shown = list(browser.values("#changes").values())
    assert len(shown) == len(given["figures"])
    for row, figure in zip(shown, given["figures"]):
        assert float(row[0]) == pytest.approx(figure["baseline_median"])
        assert float(row[1]) == pytest.approx(figure["median"])
        assert float(row[2]) == pytest.approx(figure["change"])
        assert row[4] == figure["verdict"].replace("unclear", "no clear difference")
    assert "baseline" in dict(chart(browser, "chart-percentiles"))
    browser.open(pages / "few.html")
    assert "1 here and 1 in the baseline" in browser.js("document.body.innerText")
    assert browser.js("document.getElementById('chart-change')") is None


def test_runs_can_be_chosen(browser, pages):
    browser.open(pages / "compared.html")
    first = chart(browser, "chart-course")
    browser.js("(() => { const run = document.getElementById('run'); run.value = '3';"
               "run.dispatchEvent(new Event('change')); })()")
    assert browser.js("document.getElementById('run').value") == "3"
    assert chart(browser, "chart-course") != first


def test_nothing_in_a_result_becomes_markup(browser, pages):
    browser.open(pages / "odd.html")
    assert browser.js("document.getElementById('title').textContent") == NASTY
    assert browser.js("document.scripts.length") == 3
    assert "taken" != browser.driver.title
    assert browser.js("document.querySelector('#untrusted li').textContent") == NASTY
    assert NASTY in browser.js(
        "document.querySelector('[data-fact=command]').textContent")
    source = (pages / "odd.html").read_text()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', source, re.DOTALL)[1]
    assert "<" not in data and data.isascii()
    assert json.loads(data)["merged"]["result"]["label"] == NASTY


def test_doubt_search_and_demands(browser, pages):
    browser.open(pages / "odd.html")
    text = browser.js("document.body.innerText")
    assert "cannot be trusted" in text and "promise broken" in text and "does not hold" in text
    looks = dict(chart(browser, "chart-rates"))
    assert sorted(x for x, _ in looks["reached"] + looks["p99"]) == [500, 1000, 4000]
    errors = browser.js("document.querySelector('[data-figure=errors]').dataset.value")
    assert errors == "15"


def test_a_search_draws_the_promised_figure_over_the_rate(browser, pages):
    browser.open(pages / "searched.html")
    looks = dict(chart(browser, "chart-rates"))
    assert looks["reached"] == [[1000, 8e5], [2000, 2e6], [3000, 4e6]]
    assert looks["p99"] == [[4000, 9e6]]
    [[rate, place]] = looks["untrusted"]
    assert rate == 8000 and place > 9e6  # nothing was measured: at the upper edge
    assert [y for _, y in looks["limit"]] == [5e6, 5e6]
    assert {x for x, _ in looks["answer"]} == {3000}
    told = browser.js("document.getElementById('find-max').textContent")
    assert "p99<5ms" in told and "3,000" in told and "at least" in told
    verdicts = [row[-1] for row in browser.values("#search").values()]
    assert verdicts == ["promise kept", "promise kept", "promise broken", "not to be trusted",
                        "promise kept, not to be trusted"]
    assert "p99<5ms" in browser.js("document.getElementById('assert-table').textContent")


def test_a_service_that_was_dead_is_seen_to_be(browser, pages):
    """Its rate is 0 and not a hole, it has no latency, and its errors are drawn."""
    browser.open(pages / "dead.html")
    rates = dict(chart(browser, "chart-rate-course"))
    assert [y for _, y in rates["reached"]] == [2000] * 3 + [0] * 3 + [2000] * 4
    course = dict(chart(browser, "chart-course"))
    assert [y for _, y in course["p99"]][3:6] == [None] * 3
    assert [y for _, y in dict(chart(browser, "chart-error-course"))["errors"]] \
        == [0] * 3 + [2000] * 3 + [0] * 4


def test_what_speaks_against_a_verdict(browser, pages):
    browser.open(pages / "objected.html")
    told = browser.js("document.getElementById('objections').textContent")
    assert "5 of 5 runs of the baseline" in told and "load.mode" in told
    assert "5.00 ms late" in browser.js("document.getElementById('baseline-untrusted').textContent")
    browser.js("document.querySelector('[data-language=ko]').click()")
    korean = browser.js("document.getElementById('objections').textContent")
    assert "load.mode" in korean and "runs" not in korean


@pytest.mark.parametrize("name", ["compared", "objected"])
def test_a_figure_has_one_value_in_a_comparison(browser, pages, name):
    """And a change one notation, on the page and at the terminal."""
    given = {each["figure"]: each for each in json.loads((pages / f"{name}.json").read_text())["figures"]}
    browser.open(pages / f"{name}.html")
    tiles = dict(browser.js("Array.from(document.querySelectorAll('.tile'), "
                            "tile => [tile.dataset.figure, tile.dataset.value])"))
    for figure in ("rate", "p50", "p99", "p99.9", "errors"):
        assert float(tiles[figure]) == pytest.approx(given[figure]["median"])
    assert browser.js("document.getElementById('percentiles')") is None
    files = {"compared": ("c", "d"), "objected": ("o", "p")}[name]
    text = meari.run("report", "-b", pages / files[0], pages / files[1]).stdout
    rows = {line.split()[0]: line for line in text.split("figure")[1].splitlines() if line.strip()}
    shown = browser.js("Array.from(document.querySelectorAll('#changes tbody tr'), "
                       "row => Array.from(row.cells, cell => cell.textContent))")
    for title, _, _, change, interval, _ in shown:
        row = rows[title if title in rows else title.lower()]
        assert f" {change} " in row and (interval == "–" or interval in row), row


def test_of_several_runs_what_does_not_hold_is_told(browser, pages):
    browser.open(pages / "broken.html")
    told = browser.js("document.getElementById('broken').textContent")
    assert "Run 2: p99<5ms" in told and "loss" not in told and "Run 1" not in told


def test_ranks_stand_side_by_side(browser, tmp_path):
    files = []
    for rank in (0, 1, 3, 9):
        made = result(latencies(rank, 500), asked=50)
        made["fleet"] = {"rank": rank, "size": 4, "host": NASTY, "from": "--rank", "start_unix_ns": 1_699_999_999 * 10 ** 9,
                         "late_ns": rank * 100_000_000}
        made["trust"] = {"trusted": rank != 3, "reasons": [{"code": "generator-cpu", "figures": [], "text": "x"}] * (rank == 3)}
        files.append(save(tmp_path / f"{rank}.json", made))
    page = tmp_path / "fleet.html"
    shown = meari.run("report", "--expect", 4, f"--html={page}", *files)
    if "built without" in shown.stderr:
        pytest.skip(shown.stderr.strip())
    assert shown.returncode == 3
    browser.open(page)
    assert browser.logs() == [] and browser.js("document.title") != "taken"
    rows = browser.js("Array.from(document.querySelectorAll('#fleet-table tbody tr'), row => row.cells[1].textContent)")
    assert rows == ["+0 ns", "+100 ms", "+300 ms"]
    incomplete = browser.js("document.getElementById('fleet-incomplete').textContent")
    assert "Missing ranks: 2" in incomplete and "9.json · Rank 9 · surplus" in incomplete
    assert "Rank 3" in browser.js("document.getElementById('fleet-late').textContent")
    assert "out of processor time" in browser.js("document.getElementById('fleet-limited').textContent")
    assert "3 of 4 ranks" in browser.js("document.getElementById('subtitle').textContent")
    for canvas in "chart-fleet", "chart-fleet-rate":
        assert browser.ink(canvas) > 0


def test_times_carry_their_zone(browser, pages):
    browser.open(pages / "one.html")
    for place in ("subtitle", "footer"):
        assert re.search(r"\b(UTC|GMT|[A-Z]{2,4}T)\b",
                         browser.js(f"document.getElementById('{place}').textContent")), place


def test_both_latencies_are_called_as_at_the_terminal(browser, pages):
    browser.open(pages / "one.html")
    for language, locale in (("en", "C.UTF-8"), ("ko", "ko_KR.UTF-8")):
        browser.js(f"document.querySelector('[data-language={language}]').click()")
        head = browser.js("Array.from(document.querySelectorAll('#percentiles thead th'), "
                          "cell => cell.textContent)")[1:]
        text = meari.run("report", pages / "a", env=meari.environment(LANG=locale)).stdout
        assert re.search(r"^  \S.* +" + " +".join(head) + "$", text, re.MULTILINE), head


def test_without_latencies_there_is_no_picture_of_them(browser, pages):
    browser.open(pages / "late.html")
    assert browser.js("Array.from(document.querySelectorAll('canvas'), c => c.id)") == [
        "chart-rate-course"]


def test_reasons_are_told_with_their_figures(browser, pages):
    browser.open(pages / "doubted.html")

    def told(language):
        browser.js(f"document.querySelector('[data-language={language}]').click()")
        return browser.js("Array.from(document.querySelectorAll('#untrusted li'), e => e.textContent)")

    english, korean = told("en"), told("ko")
    for cpu, late, missing, old in (english, korean):
        assert "75%" in cpu and "24%" in cpu
        assert "1.09 ms" in late
        assert "1,234" in missing and "5,000" in missing
        assert "in English" in old
    assert not any("in English" in text for text in korean[:3] + english[:3])
    assert all(re.search("[가-힣]", text) for text in korean)


def test_rates_asked_against_rates_reached(browser, pages):
    browser.open(pages / "rates.html")
    looks = dict(chart(browser, "chart-rates"))
    assert looks["reached"] == [[20, 20], [40, 40], [60, 60]] and looks["p99"] == [[200, 70]]
    assert "did not keep up" in browser.js("document.getElementById('rates').textContent")


def luminance(browser, selector, what):
    colour = browser.js(f"getComputedStyle(document.querySelector('{selector}')).{what}")
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
              for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_either_scheme(browser, pages, scheme):
    browser.open(pages / "compared.html", scheme=scheme)
    ground = luminance(browser, "body", "backgroundColor")
    assert ground > 0.8 if scheme == "light" else ground < 0.05
    card = luminance(browser, ".card", "backgroundColor")
    for selector in ("h1", "h2", ".explain", ".tile dt", "td", "td.better", "th", ".legend"):
        text = luminance(browser, selector, "color")
        contrast = (max(text, card) + 0.05) / (min(text, card) + 0.05)
        assert contrast >= 4.5, (selector, contrast)  # WCAG 2.1, 1.4.3


def test_a_change_of_scheme_is_followed(browser, pages):
    browser.open(pages / "one.html")
    before = browser.js("Chart.getChart('chart-percentiles').data.datasets[0].borderColor")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    # The event comes with the next frame.
    browser.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame("
                                        "arguments[0]))")
    after = browser.js("Chart.getChart('chart-percentiles').data.datasets[0].borderColor")
    assert before != after


def test_every_word_is_in_both_languages(browser, pages):
    browser.open(pages / "one.html")
    english, korean = browser.js("[WORDS.en, WORDS.ko]")
    assert english.keys() == korean.keys()
    for key in english:
        assert set(re.findall(r"\{\d\}", english[key])) == set(re.findall(r"\{\d\}", korean[key]))
    source = "".join((meari.ROOT / "src" / name).read_text() for name in (
        "report/page/page.js", "report/page/charts.js", "report/page/fleet.js", "page/format.js", "page/pieces.js"))
    used = set(re.findall(r'\bt\("([^"]+)"[,)]', source))
    assert used <= english.keys(), used - english.keys()
    # Others are named in the data: figures, choices, verdicts, counts, reasons.
    source += "".join(path.read_text() for path in (meari.ROOT / "src/report").rglob("*.c"))
    named = set(re.findall(r'"([\w.-]+)"', source)) | set(re.findall(r"\b(\w+):", source))
    unused = {key for key in english.keys() - used - named 
              if not key.startswith(("c_", "reason-", "figures-", "objection-", "find-", "left-"))}
    assert not unused


def test_a_korean_browser_is_shown_korean(tmp_path, pages):
    korean = Browser(tmp_path / "profile", "ko-KR,ko")
    try:
        korean.open(pages / "one.html", 390)
        assert korean.js("document.documentElement.lang") == "ko"
        assert korean.js("document.querySelector('#latency h2').textContent") == "백분위수별 지연 시간"
        assert korean.logs() == []
    finally:
        korean.driver.quit()


def test_the_page_goes_to_standard_output_too(tmp_path, pages):
    path = save(tmp_path / "a.json", result([1000] * 10))
    shown = meari.run("report", "--html=-", path)
    assert shown.returncode == 0 and shown.stdout.startswith("<!doctype html>")
    assert shown.stdout.endswith("</html>\n") and shown.stderr == ""
