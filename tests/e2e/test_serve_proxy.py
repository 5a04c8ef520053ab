"""meari serve behind a proxy that names its clients: ?proxy=, --proxy-from, --proxy-timeout."""

import contextlib
import json
import os
import signal
import socket
import struct

import pytest

import proxy_header
from meari import Server, exchange, receive_all, receive_exactly, reset, run
from procfs import wait_until
from proxy_header import SIGNATURE, field, ssl, v1, v2

LOOPBACK = "127.0.0.0/8"
CLIENT = "tcp://192.0.2.7:4711"
SECRET = b"nothing of this is ever echoed"


def behind(mode="require", *options, engine=None, address="tcp://127.0.0.1:0", block=LOOPBACK, **rest):
    return Server(f"{address}?proxy={mode}", "--proxy-from", block, "-v", *options, engine=engine, **rest)


def events(server, name):
    found = []
    for line in server.stderr.splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            if event.get("event") == name:
                found.append(event)
    return found


def wait_event(server, name):
    wait_until(lambda: events(server, name), f"an event {name}")
    return events(server, name)[-1]


def assert_reset(peer, sent=b""):
    """Nothing comes back but the reset."""
    received = b""
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        if sent:
            peer.sendall(sent)
        while True:
            chunk = peer.recv(4096)
            received += chunk
            if not chunk:
                pytest.fail(f"a proper end after {received!r}")
    assert received == b""


def assert_refused(server, sent=b""):
    """The same for one that is refused as soon as it is accepted: perhaps before connect(2) has returned."""
    try:
        peer = server.connect()
    except ConnectionResetError:
        return
    with peer:
        assert_reset(peer, sent)


HEADERS = {
    "v1": v1(),
    "v1-ipv6": v1("2001:db8::7", "2001:db8::1"),
    "v1-unknown": b"PROXY UNKNOWN\r\n",
    "v1-unknown-more": b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
    "v2": v2(),
    "v2-ipv6": v2("2001:db8::7", "2001:db8::1"),
    "v2-unix": v2("/run/client", "/run/server"),
    "v2-udp": v2(family=0x12),
    "v2-unspec": v2(None),
    "v2-local": v2(None, command=proxy_header.LOCAL),
    "v2-local-with-addresses": v2(command=proxy_header.LOCAL),
    "v2-crc": v2(checksum=True),
    "v2-fields": v2(fields=field(0x04, bytes(30)) + field(0x02, b"example.net") + field(0xE0, b"x") +
                    ssl(name=b"a client"), checksum=True),
}


@pytest.mark.parametrize("mode", ["require", "accept"])
def test_every_byte_behind_the_header_comes_back(engine, mode):
    payload = os.urandom(200000)
    with behind(mode, engine=engine) as server:
        for name, header in HEADERS.items():
            with server.connect() as peer:
                peer.sendall(header)
                assert exchange(peer, payload) == payload, name
            with server.connect() as peer:  # the header and the first bytes in one segment
                assert exchange(peer, header + payload) == payload, name
        assert server.stop() == 0


def test_a_header_in_pieces(engine):
    with behind(engine=engine) as server:
        for header in (v1(), v2(checksum=True, fields=ssl()), v2(None, command=0x20)):
            with server.connect() as peer:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for i in range(len(header)):
                    peer.sendall(header[i:i + 1])
                assert exchange(peer, b"x" * 5000) == b"x" * 5000
        assert server.stop() == 0


@pytest.mark.parametrize("mode", ["require", "accept"])
def test_unix(engine, mode, tmp_path):
    with behind(mode, engine=engine, address=f"unix:{tmp_path}/echo", block="unix") as server:
        for header in HEADERS.values():
            with server.connect() as peer:
                for i in range(0, len(header), 7):
                    peer.sendall(header[i:i + 7])
                assert exchange(peer, b"behind") == b"behind"
        assert server.stop() == 0


def test_a_client_that_comes_over_ipv6(engine):
    with behind(engine=engine, address="tcp://[::1]:0", block="::1") as server, server.connect() as peer:
        assert exchange(peer, v2() + b"x") == b"x"
        assert server.stop() == 0


WRONG = {
    "family": v2(family=0x41),
    "transport": v2(family=0x13),
    "version": SIGNATURE + struct.pack(">BBH", 0x31, 0x11, 12) + bytes(12),
    "command": v2(command=0x22),
    "short": SIGNATURE + struct.pack(">BBH", 0x21, 0x11, 11) + bytes(11),
    "too-long": SIGNATURE + struct.pack(">BBH", 0x21, 0x11, 65535) + bytes(12),
    "crc": v2(checksum=True)[:-1] + b"\x5a",
    "crc-of-local": v2(None, command=0x20, checksum=True)[:-1] + b"\x5a",
    "crc-length": v2(fields=field(3, bytes(3))),
    "field": v2(fields=b"\x04\x00\xff"),
    "unique-id": v2(fields=field(5, bytes(129))),
    "ssl": v2(fields=field(0x20, bytes(4))),
    "line": b"PROXY TCP5 192.0.2.7 192.0.2.1 4711 7\r\n",
    "line-port": b"PROXY TCP4 192.0.2.7 192.0.2.1 04711 7\r\n",
    "line-blank": b"PROXY TCP4 192.0.2.7  192.0.2.1 4711 7\r\n",
    "line-family": b"PROXY TCP4 ::1 ::1 4711 7\r\n",
    "line-zeros": b"PROXY TCP4 192.0.2.007 192.0.2.1 4711 7\r\n",
    "line-more": b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 7 8\r\n",
    "line-feed": b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 7\n",
    "line-nul": b"PROXY TCP4 192.0.2.7\0192.0.2.1 4711 7\r\n",
    "line-too-long": b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
}


@pytest.mark.parametrize("mode", ["require", "accept"])
def test_a_wrong_header_is_reset(engine, mode):
    with behind(mode, "--log-format", "json", engine=engine) as server:
        for header in WRONG.values():
            with server.connect() as peer:
                assert_reset(peer, header + SECRET)
        refused = wait_event(server, "limit_refused")
        assert refused["limit"] == "proxy-header" and refused["fault"]
        assert SECRET.decode() not in server.stderr
        server.process.send_signal(signal.SIGUSR1)
        counters = wait_event(server, "counters")
        assert counters["refused_by_proxy"] == len(WRONG) and counters["connections_accepted"] == 0
        assert counters["bytes_sent"] == 0
        assert server.stop() == 0


GARBAGE = [b"GET / HTTP/1.1\r\n\r\n", b"P\r\n", b"\x16\x03\x01", b"PROXX", SIGNATURE[:11] + b"X", b"proxy TCP4 "]


def test_no_header_at_all(engine):
    with behind("require", engine=engine) as server:
        for garbage in GARBAGE:
            with server.connect() as peer:
                assert_reset(peer, garbage + SECRET)
        server.wait_stderr("no header of the PROXY protocol")
        assert server.stop() == 0
    # Where it may be left out, the first byte that differs says that it is; nothing is lost.
    with behind("accept", engine=engine) as server:
        for garbage in GARBAGE:
            with server.connect() as peer:
                peer.sendall(garbage)
                assert receive_exactly(peer, len(garbage)) == garbage
                assert exchange(peer, SECRET) == SECRET
        assert server.stop() == 0


def sent(stack, server, beginnings):
    """A connection for each beginning, which has been sent."""
    for begin in beginnings:
        peer = stack.enter_context(server.connect())
        peer.sendall(begin)
        yield begin, peer


def test_late(engine):
    beginnings = [b"", b"P", b"PROXY", SIGNATURE[:11]]
    with behind("require", "--proxy-timeout", "150ms", engine=engine) as server, contextlib.ExitStack() as stack:
        for begin, peer in list(sent(stack, server, beginnings)):
            assert_reset(peer)
        server.wait_stderr("has not come in time (--proxy-timeout)")
        assert server.stop() == 0
    with behind("accept", "--proxy-timeout", "150ms", engine=engine) as server, contextlib.ExitStack() as stack:
        for begin, peer in list(sent(stack, server, beginnings)):
            assert receive_exactly(peer, len(begin)) == begin
            assert exchange(peer, b"and more") == b"and more"
        assert server.stop() == 0


@pytest.mark.parametrize("mode", ["require", "accept"])
def test_late_within_a_header(engine, mode):
    beginnings = [v1()[:-1], v2()[:-1], b"PROXY ", SIGNATURE]
    with behind(mode, "--proxy-timeout", "150ms", engine=engine) as server, contextlib.ExitStack() as stack:
        for _, peer in list(sent(stack, server, beginnings)):
            assert_reset(peer)
        server.wait_stderr("has not come in time (--proxy-timeout)")
        for _, peer in sent(stack, server, beginnings):
            peer.shutdown(socket.SHUT_WR)
            assert_reset(peer)
        server.wait_stderr("it has ended within its header")
        assert server.stop() == 0


def test_an_end_before_a_header(engine):
    beginnings = [b"", b"PRO", SIGNATURE[:5]]
    with behind("accept", engine=engine) as server, contextlib.ExitStack() as stack:
        for begin, peer in sent(stack, server, beginnings):
            assert exchange(peer, b"") == begin
        assert server.stop() == 0
    with behind("require", engine=engine) as server, contextlib.ExitStack() as stack:
        for _, peer in sent(stack, server, beginnings):
            peer.shutdown(socket.SHUT_WR)
            assert_reset(peer)
        server.wait_stderr("no header of the PROXY protocol")
        with server.connect() as peer:  # as a health check does that only connects: it is gone, and no news
            reset(peer)
        with server.connect() as peer:
            assert exchange(peer, v1() + b"fine") == b"fine"
        server.process.send_signal(signal.SIGUSR1)
        server.wait_stderr(f"refused_by_proxy={len(beginnings)} ")
        assert server.stop() == 0


def test_a_header_and_the_end(engine):
    with behind(engine=engine) as server:
        for header in (v1(), v2()):
            with server.connect() as peer:
                assert exchange(peer, header) == b""
        assert server.stop() == 0


def test_outside_the_block(engine):
    with behind("require", engine=engine, block="192.0.2.0/24") as server:
        assert_refused(server, v1() + SECRET)
        server.wait_stderr("no proxy whose word counts (--proxy-from)")
        assert server.stop() == 0
    # There it is a client as any other, and what looks like a header is what it says.
    with behind("accept", "--log-format", "json", engine=engine, block="192.0.2.0/24") as server:
        with server.connect() as peer:
            assert exchange(peer, v1() + SECRET) == v1() + SECRET
        opened = wait_event(server, "opened")
        assert opened["peer"].startswith("tcp://127.0.0.1:") and "proxy" not in opened
        assert server.stop() == 0


def test_the_log_names_the_client_and_the_proxy(engine):
    fields = (field(1, b"h2") + field(2, b"echo.example\n\x1b[2J") + field(5, b"\x01\xff id") +
              ssl(name=b"a client"))
    with behind("require", "--log-format", "json", engine=engine) as server:
        with server.connect() as peer:
            proxy = "tcp://127.0.0.1:%d" % peer.getsockname()[1]
            assert exchange(peer, v2(fields=fields, checksum=True) + b"hello") == b"hello"
        closed = wait_event(server, "closed")
        assert (closed["peer"], closed["proxy"]) == (CLIENT, proxy)
        assert closed["received_bytes"] == 5
        opened = events(server, "opened")[0]
        assert (opened["peer"], opened["proxy"]) == (CLIENT, proxy)
        header = opened["proxy_header"]
        assert header == {"version": 2, "kind": "client", "checksum": True, "destination": "tcp://192.0.2.1:7",
                          "alpn": "h2", "authority": "echo.example\\x0a\\x1b[2J", "unique_id": "\\x01\\xff id",
                          "tls": True, "tls_version": "TLSv1.3", "tls_cipher": "TLS_AES_256_GCM_SHA384",
                          "tls_name": "a client", "tls_verified": True}
        assert server.stop() == 0
    with behind("require", engine=engine) as server:
        with server.connect() as peer:
            proxy = "tcp://127.0.0.1:%d" % peer.getsockname()[1]
            assert exchange(peer, v2(fields=fields) + b"hello") == b"hello"
        server.wait_stderr(f"closed {CLIENT} through {proxy}: finished, 5 B")
        assert "unique_id '\\x01\\xff id'" in server.stderr and "\x1b" not in server.stderr
        assert server.stop() == 0


def test_a_proxy_that_names_no_client_is_the_client(engine):
    headers = {b"PROXY UNKNOWN\r\n": "unknown", v2(None, command=0x20): "local", v2(command=0x20): "local",
               v2(None): "unknown"}
    with behind("require", "--log-format", "json", engine=engine) as server:
        for number, (header, kind) in enumerate(headers.items(), 1):
            with server.connect() as peer:
                proxy = "tcp://127.0.0.1:%d" % peer.getsockname()[1]
                assert exchange(peer, header + b"x") == b"x"
            wait_until(lambda: len(events(server, "closed")) == number, "the line of its end")
            closed = events(server, "closed")[-1]
            assert closed["peer"] == proxy and "proxy" not in closed
            assert events(server, "opened")[-1]["proxy_header"]["kind"] == kind
        assert server.stop() == 0


# --- the gate is asked twice


def test_lists_speak_of_the_client(engine):
    with behind("require", "--deny", "192.0.2.0/24", engine=engine) as server:
        with server.connect() as peer:
            assert_reset(peer, v1() + SECRET)
        server.wait_stderr(f"refused {CLIENT} through tcp://127.0.0.1:")
        with server.connect() as peer:
            assert exchange(peer, v1("198.51.100.1") + b"x") == b"x"
        assert server.stop() == 0
    # The proxy itself need not be allowed; but where it speaks for itself, it must.
    with behind("require", "--allow", "192.0.2.0/24", engine=engine) as server:
        with server.connect() as peer:
            assert exchange(peer, v2() + b"x") == b"x"
        with server.connect() as peer:
            assert exchange(peer, v2("::ffff:192.0.2.9", "::1") + b"x") == b"x"
        with server.connect() as peer:
            assert_reset(peer, v2(None, command=0x20) + SECRET)
        assert server.stop() == 0


def test_new_lists_end_the_client(engine, tmp_path):
    denied = tmp_path / "denied"
    denied.write_text("")
    with behind("require", "--deny", f"@{denied}", engine=engine) as server:
        with server.connect() as peer, server.connect() as other, server.connect() as waiting:
            peer.sendall(v1() + b"x")
            assert receive_exactly(peer, 1) == b"x"
            other.sendall(v1("198.51.100.1") + b"y")
            assert receive_exactly(other, 1) == b"y"
            denied.write_text("192.0.2.7\n")
            server.process.send_signal(signal.SIGHUP)
            assert receive_all(peer) == b""  # all that it had sent has come back
            server.wait_stderr(f"ended {CLIENT} through tcp://127.0.0.1:")
            assert exchange(other, b"still here") == b"still here"
            assert exchange(waiting, v1("198.51.100.2") + b"too") == b"too"
        assert server.stop() == 0


def test_the_list_of_proxies_is_read_again(engine, tmp_path):
    proxies = tmp_path / "proxies"
    proxies.write_text("192.0.2.0/24 # not us\n")
    with behind("require", engine=engine, block=f"@{proxies}") as server:
        assert_refused(server, v1() + SECRET)
        proxies.write_text(LOOPBACK)
        server.process.send_signal(signal.SIGHUP)
        server.wait_stderr("the lists have been read again")
        with server.connect() as peer:
            assert exchange(peer, v1() + b"x") == b"x"
        assert server.stop() == 0


def test_a_source_is_the_client(engine):
    with behind("require", "--max-per-source", 1, engine=engine) as server:
        with contextlib.ExitStack() as stack:
            for last in (1, 2, 3):  # one proxy, three clients
                peer = stack.enter_context(server.connect())
                peer.sendall(v1(f"192.0.2.{last}") + b"x")
                assert receive_exactly(peer, 1) == b"x"
            with server.connect() as peer:
                assert_reset(peer, v1("192.0.2.2") + SECRET)
        server.wait_stderr("refused tcp://192.0.2.2:4711 through")
        assert server.stop() == 0


def test_a_place_is_taken_at_accept_and_given_back(engine):
    with behind("require", "--max-connections", 2, engine=engine) as server:
        for _ in range(5):
            with server.connect() as peer:
                assert_reset(peer, b"no header")
        with server.connect(), server.connect() as peer:  # one that has sent nothing yet has a place, too
            peer.sendall(v1() + b"x")
            assert receive_exactly(peer, 1) == b"x"
            assert_refused(server)
            server.wait_stderr("the limit of connections is reached")
        # Both have ended: their places are free.
        def served():
            with contextlib.suppress(OSError), server.connect() as peer:
                return exchange(peer, v1() + b"x") == b"x"
        wait_until(served, "a free place")
        assert server.stop() == 0


def test_idle_and_rate_and_fault_are_behind_the_header(engine):
    address = "tcp://127.0.0.1:0?fault=corrupt=1&proxy=require&fault=delay=1ms"
    for address in (address, "tcp://127.0.0.1:0?proxy=require&fault=corrupt=1"):
        with Server(address, "--proxy-from", LOOPBACK, engine=engine) as server:
            with server.connect() as peer:
                peer.sendall(v1() + bytes(1))
                assert receive_exactly(peer, 1) != bytes(1)
            assert server.stop() == 0
    with behind("require", "--idle-timeout", "150ms", "--max-rate", "1M", "--pending", 1, engine=engine) as server:
        with server.connect() as peer:
            peer.sendall(v2(checksum=True) + b"slowly")
            assert receive_exactly(peer, 6) == b"slowly"
            assert receive_all(peer) == b""
        server.wait_stderr(f"ended {CLIENT} through tcp://127.0.0.1:")
        assert server.stop() == 0


def test_other_addresses_have_no_proxy(engine, tmp_path):
    with Server(f"unix:{tmp_path}/plain", "tcp://127.0.0.1:0?proxy=require", "udp://127.0.0.1:0",
                "--proxy-from", LOOPBACK, engine=engine) as server:
        with server.connect(0) as peer:
            assert exchange(peer, v1() + b"x") == v1() + b"x"
        with server.connect(1) as peer:
            assert exchange(peer, v1() + b"x") == b"x"
        assert server.stop() == 0


def test_a_path_may_have_these_letters(engine, tmp_path):
    with Server(f"unix:{tmp_path}/a\\x3fproxy=require", engine=engine) as server, \
            contextlib.closing(socket.socket(socket.AF_UNIX)) as peer:
        peer.connect(f"{tmp_path}/a?proxy=require")
        assert exchange(peer, b"x") == b"x"
        assert server.stop() == 0
    with Server(f"unix:{tmp_path}/b\\x3fproxy=x?proxy=accept", "--proxy-from", "unix", engine=engine) as server, \
            contextlib.closing(socket.socket(socket.AF_UNIX)) as peer:
        peer.connect(f"{tmp_path}/b?proxy=x")
        assert exchange(peer, v1() + b"x") == b"x"
        assert server.stop() == 0


@pytest.mark.parametrize("options, why", [
    (["tcp://127.0.0.1:0?proxy=require"], "'tcp://127.0.0.1:0?proxy=' needs --proxy-from"),
    (["tcp://127.0.0.1:0?fault=delay=1ms&proxy=accept"], "needs --proxy-from"),
    (["tcp://127.0.0.1:0?proxy=maybe", "--proxy-from", "::1"], "'require' or 'accept' is expected here (column 25)"),
    (["tcp://127.0.0.1:0?proxy=", "--proxy-from", "::1"], "'require' or 'accept' is expected here (column 25)"),
    (["tcp://127.0.0.1:0?proxy=accept&proxy=accept", "--proxy-from", "::1"], "has been said before"),
    (["tcp://127.0.0.1:0?proxy=accept&peers=1", "--proxy-from", "::1"], "'fault=' or 'proxy=' is expected here"),
    (["tcp://127.0.0.1:0?proxy=accept&", "--proxy-from", "::1"], "'fault=' or 'proxy=' is expected here"),
    (["udp://127.0.0.1:0?proxy=require", "--proxy-from", "::1"], "this address serves datagrams"),
    (["tcp://127.0.0.1:0", "--proxy-from", "::1"], "--proxy-from needs an address with"),
    (["tcp://127.0.0.1:0?proxy=require", "--proxy-from", "300.0.0.1"], "--proxy-from '300.0.0.1' is not a block"),
    (["tcp://127.0.0.1:0?proxy=require", "--proxy-from", "::1", "--proxy-timeout", "soon"], "--proxy-timeout 'soon'"),
    (["tcp://127.0.0.1:0", "--deny", "unix"], "--deny 'unix' is not a block"),
])
def test_what_is_wrong_is_told(options, why):
    done = run("serve", *options)
    assert done.returncode == 2 and why in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_in_a_file_and_explained(tmp_path):
    config = tmp_path / "config"
    config.write_text("address tcp://127.0.0.1:0?proxy=require\nproxy-from 127.0.0.1\nproxy-timeout 2s\n")
    done = run("serve", "--config", config, "--check-config")
    if done.returncode != 0:
        config.write_text("proxy-from = 127.0.0.1\nproxy-timeout = 2s\n")
        done = run("serve", "tcp://127.0.0.1:0?proxy=require", "--config", config, "--check-config")
    assert done.returncode == 0, done.stderr
    told = run("serve", "tcp://127.0.0.1:0?proxy=require", "--proxy-from", "127.0.0.1", "--explain")
    assert "proxy" in told.stdout


# --- ends of the server


def test_drain_waits_for_what_has_begun(engine):
    with behind("require", engine=engine) as server, server.connect() as peer, server.connect() as half:
        half.sendall(v2()[:20])
        peer.sendall(v1() + b"x")
        assert receive_exactly(peer, 1) == b"x"
        server.process.send_signal(signal.SIGTERM)
        assert exchange(half, v2()[20:] + b"in time") == b"in time"
        assert exchange(peer, b"too") == b"too"
        assert server.wait() == 0


def test_drain_does_not_wait_for_ever(engine):
    with behind("require", "--drain", "200ms", "--proxy-timeout", "10m", engine=engine) as server, \
            server.connect() as half:
        half.sendall(v2()[:20])
        with server.connect() as peer:  # when it is served, the one before has been accepted
            assert exchange(peer, v1() + b"x") == b"x"
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0
        with contextlib.suppress(ConnectionResetError):
            assert half.recv(100) == b""


def test_upgrade(engine, tmp_path):
    path = tmp_path / "upgrade"
    port = None
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(behind("require", "--upgrade", path, engine=engine))
        port = first.port()
        half = stack.enter_context(first.connect())
        half.sendall(v2()[:20])
        peer = stack.enter_context(first.connect())
        peer.sendall(v1() + b"x")
        assert receive_exactly(peer, 1) == b"x"
        second = stack.enter_context(behind("require", "--upgrade", path, engine=engine,
                                            address=f"tcp://127.0.0.1:{port}"))
        with second.connect() as other:
            assert exchange(other, v1() + b"new") == b"new"
        assert exchange(half, v2()[20:] + b"old") == b"old"
        assert exchange(peer, b"old, too") == b"old, too"
        assert first.wait() == 0
        assert second.stop() == 0


def test_many_at_once(engine):
    with behind("require", "--threads", 2, engine=engine) as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(200)]
        for i, peer in enumerate(peers):
            peer.sendall(v2(f"10.0.{i // 100}.{i % 100 + 1}", fields=bytes())[:16 + i % 12])
        for i, peer in enumerate(peers):
            header = v2(f"10.0.{i // 100}.{i % 100 + 1}")
            peer.sendall(header[16 + i % 12:] + b"%d" % i)
        for i, peer in enumerate(peers):
            assert exchange(peer, b"!") == b"%d!" % i
        server.process.send_signal(signal.SIGUSR1)
        server.wait_stderr("proxy_headers=200")
        assert server.stop() == 0
