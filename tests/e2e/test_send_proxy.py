"""The verbs that begin with a header of the PROXY protocol: --send-proxy of talk, ping, bench and check."""

import contextlib
import json
import socket
import threading

import pytest

from meari import ANSWER_S, Server, receive_exactly, run
from procfs import wait_until
from proxy_header import SIGNATURE, crc32c
from test_serve_proxy import behind, events


class Taker:
    """A service that keeps what a client begins with, up to `length` bytes, and echoes what is behind."""

    def __init__(self, length, path=None):
        self.length, self.headers, self.peers = length, [], []
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.listener.bind(str(path) if path else ("127.0.0.1", 0))
        self.listener.listen(64)
        self.listener.settimeout(ANSWER_S)
        self.address = f"unix:{path}" if path else "127.0.0.1:%d" % self.listener.getsockname()[1]

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(ANSWER_S)
        self.listener.close()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer = self.listener.accept()[0]
                peer.settimeout(ANSWER_S)
                threading.Thread(target=self.converse, args=(peer,), daemon=True).start()

    def converse(self, peer):
        with peer, contextlib.suppress(OSError):
            if self.length is None:
                header = b""
                while not header.endswith(b"\r\n"):
                    header += receive_exactly(peer, 1)
            else:
                header = receive_exactly(peer, self.length)
            name = peer.getpeername()
            self.headers.append((header, name))
            while chunk := peer.recv(65536):
                peer.sendall(chunk)


def client(verb, address, *options):
    more = {"talk": [], "ping": ["-c", 2, "-i", "1ms"], "bench": ["-d", "100ms", "-w", 0, "-c", 3, "-q"],
            "check": ["--rule", "one-byte", "--rule", "exact", "--size", "100K", "--timeout", "500ms"]}[verb]
    return run(verb, address, *more, *options, input="hello\n" if verb == "talk" else None)


VERBS = ["talk", "ping", "bench", "check"]


@pytest.mark.parametrize("verb", VERBS)
def test_it_is_the_first_that_comes(verb):
    with Taker(None) as taker:
        port = int(taker.address.rsplit(":", 1)[1])
        done = client(verb, taker.address, "--send-proxy")
        assert done.returncode == 0, done.stderr
        assert taker.headers
        for header, (_, own) in taker.headers:
            assert header == f"PROXY TCP4 127.0.0.1 127.0.0.1 {own} {port}\r\n".encode()
    with Taker(35) as taker:
        done = client(verb, taker.address, "--send-proxy=v2,from=192.0.2.7:4711")
        assert done.returncode == 0, done.stderr
        for header, _ in taker.headers:
            assert header[:16] == SIGNATURE + b"\x21\x11\x00\x13"
            assert header[16:20] == bytes([192, 0, 2, 7]) and header[24:26] == (4711).to_bytes(2, "big")
            assert header[-7:-4] == b"\x03\x00\x04"
            assert crc32c(header[:-4] + bytes(4)) == int.from_bytes(header[-4:], "big")


@pytest.mark.parametrize("verb", VERBS)
def test_against_our_own_server(verb):
    with behind("require", "--log-format", "json") as server:
        for option in ("--send-proxy", "--send-proxy=v1", "--send-proxy=v2", "--send-proxy=v2,from=[2001:db8::7]:9"):
            done = client(verb, server.addresses[0], option)
            assert done.returncode == 0, done.stderr
        peer = "tcp://[2001:db8::7]:9"
        wait_until(lambda: any(event["peer"] == peer for event in events(server, "closed")), "that client")
        assert not events(server, "limit_refused")
        # Without, it is told that there is no echo.
        assert client(verb, server.addresses[0]).returncode != 0
        server.wait_stderr("limit_refused")
        assert server.stop() == 0


@pytest.mark.parametrize("verb", VERBS)
def test_unix(verb, tmp_path):
    with behind("require", address=f"unix:{tmp_path}/echo", block="unix") as server:
        for option in ("--send-proxy", "--send-proxy=v2", "--send-proxy=v2,from=192.0.2.9:1"):
            done = client(verb, server.addresses[0], option)
            assert done.returncode == 0, done.stderr
        server.wait_stderr("accepted tcp://192.0.2.9:1 through unix:pid=")
        assert server.stop() == 0


def test_each_connection_has_one():
    with behind("require", "--log-format", "json") as server:
        done = run("bench", server.addresses[0], "--churn=2", "-d", "100ms", "-w", 0, "-c", 2, "--json",
                   "--send-proxy=from=192.0.2.50")
        assert done.returncode == 0, done.stderr
        sent = json.loads(done.stdout)
        assert sent["counts"]["received"] > 4 if "counts" in sent else True
        done = run("ping", server.addresses[0], "--connect", "-c", 3, "-i", "1ms", "--send-proxy=from=192.0.2.51")
        assert done.returncode == 0 and "3 sent, 3 received" in done.stdout
        done = run("ping", server.addresses[0], "--wait", "5s", "--send-proxy=from=192.0.2.52")
        assert done.returncode == 0, done.stderr
        peers = {event["peer"].split(":")[1] for event in events(server, "opened")}
        assert {"//192.0.2.50", "//192.0.2.51", "//192.0.2.52"} <= peers
        assert not events(server, "limit_refused")
        assert server.stop() == 0


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("value, why", [
    ("v3", "'v1', 'v2' or 'from=ADDRESS' is expected here (column 1)"),
    ("v2,", "',from=ADDRESS' is expected here"),
    ("v2from=1.2.3.4", "',from=ADDRESS' is expected here (column 3)"),
    ("v1,from=", "--send-proxy 'v1,from='"),
    ("v1,from=localhost", "the address of a client is a number"),
    ("from=300.0.0.1", "--send-proxy 'from=300.0.0.1'"),
    ("from=*:7", "the address of a client is a number"),
])
def test_what_is_wrong_is_told(verb, value, why):
    done = run(verb, "127.0.0.1:9", f"--send-proxy={value}")
    assert done.returncode == 2 and why in done.stderr, done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_datagrams_have_none(verb):
    done = run(verb, "udp://127.0.0.1:9", "--send-proxy")
    assert done.returncode == 2 and "--send-proxy is for streams" in done.stderr


# --- the rules of check


PROXY_RULES = ["proxy-split", "proxy-joined", "proxy-local", "proxy-wrong", "proxy-none"]


def verdicts(address, *options):
    rules = [word for rule in PROXY_RULES for word in ("--rule", rule)]
    done = run("check", address, *rules, "--json", "--timeout", "500ms", *options)
    return {rule["name"]: rule["verdict"] for rule in json.loads(done.stdout)["rules"]}, done.returncode


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_our_server_keeps_them(engine, version):
    with behind("require", engine=engine) as server:
        found, status = verdicts(server.addresses[0], f"--send-proxy={version}")
        assert found == dict.fromkeys(PROXY_RULES, "pass") and status == 0
        assert server.stop() == 0
    with behind("accept", engine=engine) as server:
        found, status = verdicts(server.addresses[0], f"--send-proxy={version}")
        assert found == dict.fromkeys(PROXY_RULES, "pass") | {"proxy-none": "skip"} and status == 0
        assert server.stop() == 0


def test_they_need_the_option():
    with Server("tcp://127.0.0.1:0") as server:
        done = run("check", server.addresses[0], "--rule", "proxy-split")
        assert done.returncode == 2 and "no rule is left" in done.stderr
        done = run("check", server.addresses[0], "--rule", "proxy-split", "--rule", "one-byte")
        assert done.returncode == 0 and "skip" in done.stdout
        # A plain echo speaks no PROXY: the header comes back.
        found, status = verdicts(server.addresses[0], "--send-proxy")
        assert found["proxy-split"] == found["proxy-joined"] == found["proxy-wrong"] == "fail" and status == 3
        assert server.stop() == 0


class Sloppy(Taker):
    """Takes one receive for the whole header, and nothing for what is behind it: a usual mistake."""

    def converse(self, peer):
        with peer, contextlib.suppress(OSError):
            if not peer.recv(4096).startswith((b"PROXY", SIGNATURE)):
                return
            while chunk := peer.recv(65536):
                peer.sendall(chunk)


def test_the_usual_mistakes_are_found():
    with Sloppy(0) as sloppy:
        found, status = verdicts(sloppy.address, "--send-proxy")
        assert found["proxy-joined"] == "fail" and found["proxy-split"] == "fail" and status == 3
        assert found["proxy-none"] == "pass"
