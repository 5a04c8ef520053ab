"""Real proxies before our own server: what they send in front of a stream, and what they do to bytes.

The proxies are those of compare/ways.py; one that is not there is skipped, and says why. Five rules judge each way
(`check --through`), all ways at the same time; the whole table is made by compare/paths.
"""

import concurrent.futures
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import pytest

import meari
from meari import ANSWER_S, MEARI, ROOT, exchange, run
from procfs import wait_until
from test_serve_proxy import behind, events

sys.path.insert(0, str(ROOT / "compare"))
import ways  # noqa: E402

CACHE = ROOT / "build" / "paths"
RULES = ["one-byte", "exact", "half-close-at-once", "half-close-slow-reader", "reset"]
# What is known of each way: the rules that it breaks, and how.
KNOWN = {
    "haproxy": {}, "haproxy-proxy-v2": {}, "socat": {}, "nft-dnat": {}, "nginx-stream-half-close": {},
    "nginx-stream-proxy-v1": {},
    "haproxy-nolinger": {"half-close-slow-reader": "FIN overtakes|half-close arrives as a reset"},
    "nginx-stream": {"half-close-slow-reader": "FIN overtakes|half-close arrives as a reset"},
}


def judge(name):
    """What check finds; or why it cannot be tried here."""
    rules = [word for rule in RULES for word in ("--rule", rule)]
    with tempfile.TemporaryDirectory(prefix="meari-way-") as folder:
        pathlib.Path(folder).chmod(0o755)
        try:
            with ways.Running(ways.BY_NAME[name], MEARI, CACHE, folder) as running:
                done = running.check(*rules, "--json", "--size", "8M", "--timeout", "10s")
        except ways.Unavailable as why:
            return str(why)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def judged():
    with concurrent.futures.ThreadPoolExecutor(len(KNOWN)) as pool:
        return dict(zip(KNOWN, pool.map(judge, KNOWN)))


@pytest.mark.parametrize("name", KNOWN)
def test_what_a_way_does(judged, name):
    found = judged[name]
    if isinstance(found, str):
        pytest.skip(found)
    assert found["through"] == name
    for rule in found["rules"]:
        expected = KNOWN[name].get(rule["name"])
        if KNOWN[name] and rule["name"] == "half-close-at-once":
            continue  # whether the end or the reset is seen first is chance there
        if expected is None:
            assert rule["verdict"] == "pass", (rule["name"], rule["evidence"])
        else:
            assert rule["verdict"] == "fail" and re.match(expected, rule["evidence"]), rule["evidence"]


# --- what they send


SENDERS = {
    "haproxy-v1": ("haproxy", " send-proxy", {"version": 1, "checksum": False}),
    "haproxy-v2": ("haproxy", " send-proxy-v2", {"version": 2, "checksum": False}),
    "haproxy-v2-crc": ("haproxy", " send-proxy-v2 proxy-v2-options crc32c,unique-id", {"version": 2, "checksum": True}),
    "nginx": ("nginx", None, {"version": 1, "checksum": False}),
    "stunnel": ("stunnel", None, {"version": 1, "checksum": False}),
}
STUNNEL = ways.STUNNEL + "protocol = proxy\n"


def sender(kind, server):
    if kind == "haproxy":
        unique = "unique-id-format %{+X}o%ci:%cp;" if "unique-id" in server else ""
        return ways.haproxy("haproxy", unique, server)
    if kind == "nginx":
        return ways.nginx("nginx", "proxy_half_close on", "proxy_protocol on")
    return ways.Way("stunnel", "stunnel4", "stunnel4", config=STUNNEL, pair=True, commands=(("{program}", "{config}"),))


@pytest.mark.parametrize("name", SENDERS)
def test_real_headers(name, tmp_path):
    kind, server_words, expected = SENDERS[name]
    way = sender(kind, server_words)
    running = ways.Running(way, MEARI, CACHE, tmp_path)
    with behind("require", "--log-format", "json", address=f"tcp://127.0.0.1:{running.back}") as server:
        try:
            running.start_way()
            with running:
                with meari.connect(f"tcp://127.0.0.1:{running.front}") as peer:
                    own = "tcp://127.0.0.1:%d" % peer.getsockname()[1]
                    assert exchange(peer, b"through") == b"through"
                wait_until(lambda: events(server, "closed"), "its end")
        except ways.Unavailable as why:
            pytest.skip(str(why))
        opened = [event for event in events(server, "opened") if event["peer"] == own or kind == "stunnel"][-1]
        header = opened["proxy_header"]
        assert {key: header[key] for key in expected} == expected
        assert opened["proxy"].startswith("tcp://127.0.0.1:") and header["kind"] == "client"
        if "unique-id" in (server_words or ""):
            assert header["unique_id"].startswith("7F000001:")
        assert not [event for event in events(server, "limit_refused") if event["limit"] == "proxy-header"
                    and event.get("fault")]
        assert server.stop() == 0


def test_health_checks_are_local_and_stay(tmp_path):
    """HAProxy checks its servers by LOCAL, and by closing; a client of its unix socket comes as LOCAL, with data."""
    files = f"listen files\n\tbind {tmp_path}/client\n\tserver unix 127.0.0.1:{{back}} send-proxy-v2\nlisten way\n"
    config = ways.HAPROXY.replace("{settings}listen way\n", files)
    way = ways.dataclasses.replace(ways.haproxy("haproxy", "", " send-proxy-v2 check inter 50ms"), config=config)
    running = ways.Running(way, MEARI, CACHE, tmp_path)
    with behind("require", "--log-format", "json", address=f"tcp://127.0.0.1:{running.back}") as server:
        try:
            running.start_way()
        except ways.Unavailable as why:
            pytest.skip(str(why))
        with running:
            wait_until(lambda: sum(event["proxy_header"]["kind"] == "local" for event in events(server, "opened")) >= 3,
                       "three health checks")
            wait_until(lambda: (tmp_path / "client").exists(), "the socket")
            with meari.connect(f"unix:{tmp_path}/client") as peer:
                assert exchange(peer, b"local, with data behind") == b"local, with data behind"
            with meari.connect(f"tcp://127.0.0.1:{running.front}") as peer:
                assert exchange(peer, b"in between") == b"in between"
        assert not events(server, "limit_refused")
        assert server.stop() == 0


# --- many servers behind one proxy


def test_one_is_upgraded_and_one_dies_behind_one_haproxy(tmp_path):
    """examples/proxy: only messages of the server that died are lost, and that is told."""
    if ways.find("haproxy", CACHE) is None:
        pytest.skip("no haproxy here")
    with contextlib.ExitStack() as stack:
        upgrade = tmp_path / "upgrade"
        servers = [stack.enter_context(behind("require", "--log-format", "json", *options))
                   for options in ([], ["--upgrade", upgrade], [])]
        front = ways.free_ports(1)[0]
        config = (ROOT / "examples/proxy/haproxy.cfg").read_text()
        config = config.replace("127.0.0.1:5000", f"127.0.0.1:{front}")
        for number, server in enumerate(servers, 1):
            config = config.replace(f"127.0.0.1:500{number}", f"127.0.0.1:{server.port()}")
        (tmp_path / "haproxy.cfg").write_text(config)
        proxy = subprocess.Popen([ways.find("haproxy", CACHE), "-db", "-f", tmp_path / "haproxy.cfg"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(proxy.wait)
        stack.callback(proxy.kill)
        assert run("ping", f"127.0.0.1:{front}", "--wait", f"{ANSWER_S}s").returncode == 0
        load = subprocess.Popen([MEARI, "bench", f"127.0.0.1:{front}", "-c", "12", "--rate", "600", "-d", "4s", "-w", "0",
                                 "--timeout", "5s", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        stack.callback(load.wait)
        stack.callback(load.kill)
        wait_until(lambda: all(len(events(server, "opened")) >= 4 for server in servers), "four clients each")
        new = stack.enter_context(behind("require", "--log-format", "json", "--upgrade", upgrade,
                                         address=f"tcp://127.0.0.1:{servers[1].port()}"))
        servers[2].process.kill()
        told, why = load.communicate(timeout=60)
        result = json.loads(told)
        counts = result["counts"]
        # Every message is accounted for: nothing is lost in silence, nothing comes back wrong.
        assert counts["received"] > 0 and counts["damaged"] == 0 and counts["strays"] == 0, why
        assert counts["sent"] == counts["received"] + counts["lost"], counts
        # What is lost was on connections that broke, and all that broke were those of the server that died.
        assert counts["resets"] > 0 and counts["lost"] <= 16 * counts["resets"], counts
        for server in (servers[0], servers[1], new):
            assert not [event for event in events(server, "closed")
                        if "proxy" in event and event["reason"] != "finished"]  # others are HAProxy's checks
        assert new.process.poll() is None
