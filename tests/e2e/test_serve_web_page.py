"""The live page of `meari serve --web`, in a real browser.

Skipped, with the reason, where there is no Chromium with its driver and Selenium for it.
"""

import subprocess
import time

import pytest

import meari
from meari import Server, receive_exactly
from test_report_page import Browser, pytestmark  # noqa: F401 (the mark is this module's, too)
from test_serve_web import metrics, wait_metrics


class Url:
    """What Browser.open() takes."""

    def __init__(self, text):
        self.text = text

    def as_uri(self):
        return self.text


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("profile"), "en-US,en")
    yield made
    made.driver.quit()


def wait(browser, script, good=bool):
    end = time.monotonic() + meari.ANSWER_S
    while True:
        value = browser.js(script)
        if good(value):
            return value
        assert time.monotonic() < end, (script, value)
        time.sleep(0.1)


def tile(name):
    return f"Number(document.querySelector('[data-figure={name}]')?.dataset.value ?? 'NaN')"


def open_page(browser, server, **options):
    browser.open(Url(server.addresses[-1] + "/"), **options)
    wait(browser, "document.getElementById('state')?.dataset.state === 'live'")


def test_figures_are_those_of_the_metrics(browser):
    with Server("tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "--web", "127.0.0.1:0", "--max-connections", "40") as server:
        peers = [server.connect(1) for _ in range(7)]
        for peer in peers:
            peer.sendall(b"x" * 12345)
            receive_exactly(peer, 12345)
        open_page(browser, server)
        wait(browser, tile("open"), lambda value: value == 7)
        wait(browser, "document.querySelectorAll('#busiest-table tbody tr').length", lambda value: value == 7)
        found = metrics(server)
        rows = browser.values("#listener-table")
        for address in server.addresses[:2]:
            label = f'{{listener="{address}"}}'
            assert [float(value) for value in rows[address]] == [found[f"meari_{name}{label}"] for name in (
                "connections_open", "connections_accepted_total", "bytes_received_total", "bytes_sent_total",
                "bytes_pending", "datagrams_sent_total")] + [0, 0], address
        for table in ("#busiest-table", "#slowest-table"):
            shown = browser.values(table)
            names = {f"tcp://127.0.0.1:{peer.getsockname()[1]}" for peer in peers}
            assert set(shown) == names
            for values in shown.values():
                assert values[0] == server.addresses[1] and float(values[1]) > 0 and float(values[4]) == 12345
        assert "7 of 40" in browser.js("document.querySelector('[data-limit=connections]').textContent")
        assert set(browser.values("#thread-table")) == {
            str(i + 1) for i in range(len(browser.values("#thread-table")))}
        for peer in peers:
            peer.close()
        wait(browser, tile("open"), lambda value: value == 0)
        wait(browser, "document.querySelectorAll('#busiest-table tbody tr').length", lambda value: value == 0)


def test_figures_move(browser):
    """Ten thousand messages a second of 64 bytes, for a while: what is shown is what is sent."""
    with Server("tcp://127.0.0.1:0", "--web", "127.0.0.1:0") as server:
        open_page(browser, server)
        assert browser.js(tile("sent")) == 0
        bench = subprocess.Popen([meari.MEARI, "bench", server.addresses[0], "--rate", "2k", "-s", "64", "-c", "5",
                                  "-d", "60s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait(browser, tile("sent"), lambda value: value > 50000)
            wait(browser, tile("cpu"), lambda value: value > 0)
            assert browser.ink("chart-traffic") > 200
            first = browser.js("document.getElementById('subtitle').textContent")
            wait(browser, "document.getElementById('subtitle').textContent", lambda value: value != first)
        finally:
            bench.terminate()
            bench.wait(30)
        wait(browser, tile("sent"), lambda value: value == 0)
        assert browser.logs() == []


def test_it_comes_back_when_the_server_does(browser):
    with Server("tcp://127.0.0.1:0", "--web", "127.0.0.1:0") as server:
        address = server.addresses[-1]
        with server.connect() as peer:
            peer.sendall(b"x" * 500)
            receive_exactly(peer, 500)
        open_page(browser, server)
        port = address.rpartition(":")[2]
    wait(browser, "document.getElementById('state').dataset.state === 'lost'")
    with Server("tcp://127.0.0.1:0", "--web", f"127.0.0.1:{port}") as server:
        wait(browser, "document.getElementById('state').dataset.state === 'live'")
        # Of another server: no rate is made of the difference.
        assert browser.js(tile("sent")) == 0
        assert server.addresses[0] in wait(browser, "document.getElementById('listener-table').textContent",
                                           lambda text: server.addresses[0] in text)


def test_an_ending_server_says_so(browser):
    with Server("tcp://127.0.0.1:0", "--web", "127.0.0.1:0", "--drain", "60s") as server, server.connect() as peer:
        peer.sendall(b"x")
        receive_exactly(peer, 1)
        open_page(browser, server)
        server.process.terminate()
        wait(browser, "document.getElementById('state').dataset.state === 'ending'")


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (375, "light"), (375, "dark")])
def test_it_fits_in_both_languages(browser, width, scheme):
    with Server("tcp://127.0.0.1:0", "udp://127.0.0.1:0", "unix:@" + "long-name-" * 9, "--web", "127.0.0.1:0") as server:
        with server.connect() as peer:
            peer.sendall(b"x")
            receive_exactly(peer, 1)
            open_page(browser, server, width=width, scheme=scheme)
            wait(browser, "document.querySelectorAll('#busiest-table tbody tr').length", lambda value: value == 1)
            for language, word in [("ko", "대기 소켓"), ("en", "Listeners")]:
                browser.driver.find_element("css selector", f"[data-language={language}]").click()
                assert browser.js("document.documentElement.lang") == language
                assert word in browser.js("document.getElementById('listeners').textContent")
                assert browser.js("document.documentElement.scrollWidth") <= width
                missing = browser.js("Object.keys(WORDS.en).filter(key => !(key in WORDS.ko)).concat("
                                     "Object.keys(WORDS.ko).filter(key => !(key in WORDS.en)))")
                assert missing == []
            ground = browser.js("getComputedStyle(document.body).backgroundColor")
            assert (ground == "rgb(14, 19, 25)") == (scheme == "dark")
        assert browser.logs() == []


def test_nothing_comes_from_elsewhere(browser):
    with Server("tcp://127.0.0.1:0", "--web", "127.0.0.1:0") as server:
        open_page(browser, server)
        address = server.addresses[-1]
        assert all(url.startswith((address + "/", "data:")) for url in browser.requests())
        wait_metrics(server, lambda all: all["meari_web_answers_total"] >= 2)
        # A page of another origin may ask, and gets nothing to read.
        browser.driver.get("data:text/html,<p>other")
        asked = browser.driver.execute_async_script(
            "const done = arguments[1]; fetch(arguments[0]).then(a => a.text()).then(done, e => done(String(e)))",
            address + "/metrics")
        assert "TypeError" in asked
