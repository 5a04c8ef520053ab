"""`meari serve --web`: metrics and health, over real sockets, and clients that mean no good."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

import meari
from meari import Server, receive_exactly
from test_serve_manager import activated, handed_over, listening

PROMTOOL = shutil.which("promtool")
LINE = re.compile(r'(meari|process)_[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z]+="[^"\n]*")*\})? -?[0-9.e+]+(Inf)?')


def web(*arguments, engine=None, address="127.0.0.1:0", **options):
    return Server("tcp://127.0.0.1:0", *arguments, "--web", address, engine=engine, **options)


def place(server):
    """Host and port of the pages."""
    host, _, port = server.addresses[-1].removeprefix("http://").rpartition(":")
    return host.strip("[]"), int(port)


def get(server, path="/metrics", method="GET", headers=None):
    connection = http.client.HTTPConnection(*place(server), timeout=meari.ANSWER_S)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def metrics(server):
    """{'name{labels}': value}"""
    status, text, _ = get(server)
    assert status == 200
    return {name: float(value) for name, _, value in
            (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))}


def wait_metrics(server, good):
    """The metrics as soon as they are good."""
    end = time.monotonic() + meari.ANSWER_S
    while True:
        found = metrics(server)
        if good(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.05)


def lint(text):
    """What is wrong with metrics: promtool's opinion, or else our own."""
    wrong = []
    typed = {}
    seen = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            if name in typed:
                wrong.append(f"{name} comes twice")
            typed[name] = kind
            if (kind == "counter") != name.endswith("_total"):
                wrong.append(f"{name} is a {kind}")
        elif line.startswith("# HELP "):
            if len(line.split(None, 3)) < 4:
                wrong.append(line)
        elif not LINE.fullmatch(line):
            wrong.append(line)
        else:
            series = line.rpartition(" ")[0]
            name = series.partition("{")[0]
            base = re.sub("_(bucket|sum|count)$", "", name)
            if name not in typed and typed.get(base) != "histogram":
                wrong.append(f"{name} has no type")
            if series in seen:
                wrong.append(f"{series} comes twice")
            seen.add(series)
    if PROMTOOL:
        told = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        wrong += told.stderr.splitlines() + told.stdout.splitlines()
        if told.returncode:
            wrong.append(f"promtool ended with {told.returncode}")
    return wrong


# ---- what is shown ----

def test_metrics_are_clean_and_complete(engine, tmp_path):
    odd = tmp_path / 'a"b\\c'
    with web(f"unix:{str(odd).replace(chr(92), chr(92) + 'x5c')}", "udp://127.0.0.1:0", "--max-connections", "9",
             engine=engine) as server:
        with server.connect() as peer:
            peer.sendall(b"hello")
            receive_exactly(peer, 5)
            status, text, headers = get(server)
            assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert lint(text) == []
        server.process.send_signal(signal.SIGUSR1)
        server.wait_stderr("counters: ")
        counters = re.findall(r"(\w+)=\d+", server.stderr.partition("counters: ")[2])
        assert len(counters) > 30
        for name in counters:
            shown = name if name == "connections_open" else f"{name}_total"
            rows = re.findall(rf"^meari_{shown}(?:{{listener=.*}})? ", text, re.MULTILINE)
            assert len(rows) == (1 if name == "accept_pauses" else 3), name
        assert 'meari_limit{limit="connections"} 9' in text


def test_each_listener_counts_for_itself(engine):
    with Server("tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "udp://127.0.0.1:0", "--web", "127.0.0.1:0",
                engine=engine) as server:
        names = [f'{{listener="{address}"}}' for address in server.addresses[:3]]
        peers = [server.connect(1) for _ in range(3)]
        for peer in peers:
            peer.sendall(b"x" * 1000)
            receive_exactly(peer, 1000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.settimeout(meari.ANSWER_S)
            one.sendto(b"datagram", ("127.0.0.1", server.port(2)))
            assert one.recv(100) == b"datagram"
        found = wait_metrics(server, lambda all: all["meari_datagrams_sent_total" + names[2]] == 1)
        for name, expected in [("bytes_received_total", [0, 3000, 0]), ("bytes_sent_total", [0, 3000, 0]),
                               ("connections_accepted_total", [0, 3, 0]), ("connections_open", [0, 3, 0]),
                               ("datagrams_received_total", [0, 0, 1]), ("datagrams_sent_total", [0, 0, 1]),
                               ("bytes_pending", [0, 0, 0])]:
            assert [found[f"meari_{name}{each}"] for each in names] == expected, name
        for peer in peers:
            peer.close()
        found = wait_metrics(server, lambda all: all["meari_connections_open" + names[1]] == 0)
        assert found["meari_connections_finished_total" + names[1]] == 3
        label = names[1][:-1]
        assert found["meari_connection_received_bytes_count" + names[1]] == 3
        assert found["meari_connection_received_bytes_sum" + names[1]] == 3000
        assert found[f'meari_connection_received_bytes_bucket{label},le="64"}}'] == 0
        assert found[f'meari_connection_received_bytes_bucket{label},le="1024"}}'] == 3
        assert found["meari_connection_lifetime_seconds_count" + names[1]] == 3
        assert found["meari_connection_lifetime_seconds_count" + names[0]] == 0


def reset_by(server, index, bytes_):
    """Sends to the index-th address, which must end it with a reset."""
    with pytest.raises(OSError):
        with server.connect(index) as peer:
            peer.sendall(bytes_)
            while peer.recv(100):
                pass
            raise ConnectionResetError


def two(*arguments, second="", engine=None):
    return Server("tcp://127.0.0.1:0", "tcp://127.0.0.1:0" + second, "--web", "127.0.0.1:0", *arguments, engine=engine)


def labels(server):
    return [f'{{listener="{address}"}}' for address in server.addresses[:2]]


def test_refusals_are_counted_where_they_happen(engine):
    with two("--max-connections", "2", engine=engine) as server:
        first, second = labels(server)
        with server.connect(0), server.connect(0):
            wait_metrics(server, lambda all: all["meari_connections_open" + first] == 2)
            for _ in range(3):
                reset_by(server, 1, b"x")
            found = wait_metrics(server, lambda all: all["meari_refused_by_count_total" + second] == 3)
            assert found["meari_refused_by_count_total" + first] == 0
            assert found["meari_connections_open" + first] == 2


def test_endings_are_counted_where_they_happen(engine):
    """The protocol around the echo knows the listener, too."""
    with two("--idle-timeout", "50ms", engine=engine) as server:
        first, second = labels(server)
        with server.connect(1) as peer:
            assert peer.recv(1) == b""
        found = wait_metrics(server, lambda all: all["meari_ended_idle_total" + second] == 1)
        assert found["meari_connections_cut_total" + second] == 1
        assert found["meari_connections_accepted_total" + second] == 1
        assert found["meari_ended_idle_total" + first] == found["meari_connections_accepted_total" + first] == 0


def test_faults_are_counted_where_they_happen(engine):
    with two("--idle-timeout", "1h", second="?fault=reset,after=10", engine=engine) as server:
        first, second = labels(server)
        reset_by(server, 1, b"x" * 100)
        found = wait_metrics(server, lambda all: all["meari_connections_cut_total" + second] == 1)
        assert found["meari_faults_reset_total" + second] == 1
        assert found["meari_faults_reset_total" + first] == 0
        assert found["meari_connections_open" + second] == found["meari_bytes_pending" + second] == 0


def test_what_waits_to_be_sent_is_shown_and_comes_back_to_nothing(engine):
    with web("--pending", "64K", engine=engine) as server:
        label = f'{{listener="{server.addresses[0]}"}}'
        with server.connect() as peer:
            peer.settimeout(0.2)
            with pytest.raises(OSError):
                while True:
                    peer.sendall(b"x" * 65536)  # and read nothing
            found = wait_metrics(server, lambda all: all["meari_bytes_pending" + label] > 0)
            assert found["meari_bytes_pending" + label] <= 65536
        found = wait_metrics(server, lambda all: all["meari_connections_open" + label] == 0)
        assert found["meari_bytes_pending" + label] == 0
        assert found["meari_bytes_dropped_total" + label] > 0


def test_health(engine):
    with web("--drain", "20s", engine=engine) as server:
        assert get(server, "/healthz")[:2] == (200, "ok\n")
        assert get(server, "/readyz")[:2] == (200, "ready\n")
        with server.connect() as peer:
            peer.sendall(b"x")
            receive_exactly(peer, 1)
            server.process.send_signal(signal.SIGTERM)
            server.wait_stderr("ending: 1 connection")
            assert get(server, "/readyz")[0] == 503
            assert get(server, "/healthz")[0] == 200
            wait_metrics(server, lambda all: all["meari_ready"] == 0)
            peer.sendall(b"still served")
            assert receive_exactly(peer, 12) == b"still served"
        assert server.process.wait(meari.STOP_S) == 0


def test_heads_are_answered_without_a_body():
    with web() as server:
        status, body, headers = get(server, "/", method="HEAD")
        assert status == 200 and body == "" and int(headers["Content-Length"]) > 1000
        status, body, headers = get(server, "/metrics", method="HEAD")
        assert status == 200 and body == "" and headers["Transfer-Encoding"] == "chunked"


def test_many_listeners_are_streamed():
    count = 400
    with Server(*(f"unix:@meari-web-{os.getpid()}-{i}" for i in range(count)), "--web", "127.0.0.1:0",
                "--threads", "2") as server:
        _, text, _ = get(server)
        assert len(re.findall("^meari_bytes_sent_total{", text, re.MULTILINE)) == count
        assert lint(text) == []


# ---- who may look ----

def raw(server, bytes_, shut=False, timeout=meari.ANSWER_S):
    """What comes back for these bytes, until the server ends it."""
    with socket.create_connection(place(server), timeout=timeout) as peer:
        try:
            peer.sendall(bytes_)
            if shut:
                peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has been refused in the middle
        answer = b""
        try:
            while piece := peer.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer.decode()


@pytest.mark.parametrize("request_, status", [
    (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody", 400),
    (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
    (b"GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
    (b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"GET /" + b"a" * 9000, 414),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100000, 431),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 101, 431),
])
def test_anything_else_is_refused_clearly(request_, status):
    with web() as server:
        answer = raw(server, request_)
        assert answer.startswith(f"HTTP/1.1 {status} "), answer
        assert answer.rpartition("\r\n\r\n")[2].endswith("\n")
        assert get(server, "/healthz")[0] == 200


def test_a_name_can_be_made_known():
    with web("--web-name", "echo.example") as server:
        for host, status in [("echo.example:9090", 200), ("ECHO.example", 200), ("other.example", 421),
                             ("127.0.0.1", 200), ("[::1]:1", 200), ("a.localhost", 200)]:
            assert get(server, "/healthz", headers={"Host": host})[0] == status, host


def test_other_machines_must_be_allowed():
    done = meari.run("serve", "tcp://127.0.0.1:0", "--web", "*:0")
    assert done.returncode == 1
    assert "can be reached by other machines: say which may see the pages (--web-allow)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    own = own_address()
    if own is None:
        pytest.skip("this machine has no address but loopback's")
    with web("--web-allow", "203.0.113.7", address="0.0.0.0:0") as server:
        port = place(server)[1]
        with pytest.raises(OSError):  # it comes from an address of this machine, but not from loopback
            with socket.create_connection((own, port), timeout=meari.ANSWER_S) as peer:
                peer.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                if not peer.recv(100):
                    raise OSError
        server.wait_stderr("it may not see the web pages (--web-allow)")
        assert get(server, "/healthz")[0] == 200
        wait_metrics(server, lambda all: all['meari_web_refused_total{reason="peer"}'] == 1)
    with web("--web-allow", own, address="0.0.0.0:0") as server:
        with socket.create_connection((own, place(server)[1]), timeout=meari.ANSWER_S) as peer:
            peer.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert peer.recv(100).startswith(b"HTTP/1.1 200 ")


def own_address():
    """An address of this machine that is not loopback's; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        own = probe.getsockname()[0]
        return None if own.startswith("127.") else own


@pytest.mark.parametrize("arguments, text", [
    (["--web", "9090"], "--web '9090' is a port without a host (did you mean 'localhost:9090'?)"),
    (["--web", "localhost"], "--web 'localhost' has no port, such as localhost:9090"),
    (["--web", "udp://localhost:9"], "--web 'udp://localhost:9' is for datagrams; pages need tcp or unix"),
    (["--web", "fd:"], "--web 'fd:' names no socket"),
    (["--web-allow", "10.0.0.0/8"], "--web-allow needs --web"),
    (["--web-name", "a"], "--web-name needs --web"),
    (["--web", "localhost:0", "--web-name", "a/b"], "--web-name 'a/b' is not the name of a host"),
    (["--web", "localhost:0", "--web-allow", "x"], "--web-allow 'x' is not a block of addresses"),
])
def test_mistakes(arguments, text):
    done = meari.run("serve", "tcp://127.0.0.1:0", *arguments)
    assert done.returncode == 2 and text in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_on_a_unix_socket(tmp_path):
    path = tmp_path / "web.sock"
    with web(address=f"unix:{path}") as server:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(meari.ANSWER_S)
            peer.connect(str(path))
            peer.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            assert peer.recv(100).startswith(b"HTTP/1.1 200 ")
        assert server.addresses[-1] == f"unix:{path}"
        assert server.stop() == 0
    assert not path.exists()


# ---- clients that mean no good ----

def test_clients_that_trickle_do_not_lock_others_out():
    """More connections than there may be, none of which finishes its request."""
    with web() as server:
        crowd = []
        try:
            for _ in range(300):
                peer = socket.create_connection(place(server), timeout=meari.ANSWER_S)
                peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: loc")
                crowd.append(peer)
            found = wait_metrics(server, lambda all: all["meari_web_connections_open"] <= 129)
            assert found['meari_web_refused_total{reason="crowd"}'] > 100
            with server.connect() as peer:
                peer.sendall(b"x")
                assert receive_exactly(peer, 1) == b"x"
        finally:
            for peer in crowd:
                peer.close()


def test_a_crowd_does_not_cut_a_live_page():
    with web() as server, socket.create_connection(place(server), timeout=meari.ANSWER_S) as page:
        page.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        lines = page.makefile()
        assert "200" in lines.readline()
        crowd = [socket.create_connection(place(server), timeout=meari.ANSWER_S) for _ in range(200)]
        try:
            wait_metrics(server, lambda all: all['meari_web_refused_total{reason="crowd"}'] >= 70)
            for _ in range(2):
                while lines.readline() != "event: end\n":
                    pass
        finally:
            for peer in crowd:
                peer.close()


def test_requests_sent_ahead_do_not_fill_memory():
    """A client that asks for the page again and again, and reads nothing."""
    with web() as server:
        before = metrics(server)["meari_memory_peak_bytes"]
        peers = [socket.create_connection(place(server), timeout=0.2) for _ in range(20)]
        for peer in peers:
            with pytest.raises(OSError):
                while True:
                    peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        assert metrics(server)["meari_memory_peak_bytes"] < before + (16 << 20)
        for peer in peers:
            peer.close()


def test_live_pages_are_bounded():
    with web() as server:
        pages = [socket.create_connection(place(server), timeout=meari.ANSWER_S) for _ in range(33)]
        answers = []
        for page in pages:
            page.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answers.append(page.recv(12))
            page.settimeout(meari.ANSWER_S)
        assert answers == [b"HTTP/1.1 200"] * 32 + [b"HTTP/1.1 503"]
        for page in pages:
            page.close()
        end = time.monotonic() + meari.ANSWER_S
        while raw(server, b"GET /healthz HTTP/1.0\r\n\r\n") and metrics(server)["meari_web_connections_open"] > 1:
            assert time.monotonic() < end


# ---- start, upgrade, sandbox ----

def test_the_managers_socket_is_for_pages_only(engine):
    """fd:NAME is never an echo listener."""
    with listening() as echo, listening() as pages, \
            activated([pages, echo], "pages:echo", "--web", "fd:pages", engine=engine) as server:
        assert server.addresses == [f"tcp://127.0.0.1:{echo.getsockname()[1]}",
                                    f"http://127.0.0.1:{pages.getsockname()[1]}"]
        assert get(server, "/readyz")[0] == 200
        with server.connect() as peer:
            peer.sendall(b"echo")
            assert receive_exactly(peer, 4) == b"echo"


def test_the_managers_socket_beside_those_that_are_wanted():
    with listening() as echo, listening() as pages, listening() as other, \
            activated([pages, echo, other], "pages:echo:other", "--web", "fd:pages", "--activated", "echo") as server:
        assert len(server.addresses) == 2
        assert get(server, "/readyz")[0] == 200


@pytest.mark.parametrize("names, arguments, text", [
    (["pages"], ["--web", "fd:pages"], "there is no address to serve: all sockets that were handed over are for --web"),
    (["echo"], ["--web", "fd:pages"], "no socket named 'pages' was handed over"),
])
def test_sockets_that_do_not_fit(names, arguments, text):
    with contextlib.ExitStack() as stack:
        given = [stack.enter_context(listening()) for _ in names]
        how = stack.enter_context(handed_over(given, ":".join(names)))
        done = subprocess.run([*how["prefix"], meari.MEARI, "serve", *arguments], pass_fds=how["pass_fds"],
                              env=meari.environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and text in done.stderr


def test_an_upgrade_hands_the_managers_pages_over(tmp_path):
    """The next server is given no sockets, and takes them from the one that was."""
    arguments = ["--web", "fd:pages", "--upgrade", str(tmp_path / "upgrade")]
    with listening() as echo, listening() as pages, \
            activated([pages, echo], "pages:echo", *arguments) as old, Server(*arguments) as new:
        assert old.process.wait(meari.STOP_S) == 0
        assert new.addresses == old.addresses
        assert get(new, "/readyz")[0] == 200
        with new.connect() as peer:
            peer.sendall(b"echo")
            assert receive_exactly(peer, 4) == b"echo"


def test_an_upgrade_hands_the_pages_over(tmp_path, engine):
    control = tmp_path / "upgrade"
    arguments = ["--upgrade", str(control)]
    with Server("tcp://127.0.0.1:0", "--web", "127.0.0.1:0", *arguments, engine=engine) as old:
        port = place(old)[1]
        stop = threading.Event()
        failures = []

        def scrape():
            while not stop.is_set():
                try:
                    if get(old, "/healthz")[0] != 200:
                        failures.append("not healthy")
                except (ConnectionResetError, http.client.HTTPException):
                    pass  # cut at the moment of the change: a scraper tries again
                except OSError as error:
                    failures.append(error)  # refused: nobody listened

        thread = threading.Thread(target=scrape)
        thread.start()
        try:
            with Server(old.addresses[0], "--web", f"127.0.0.1:{port}", *arguments, engine=engine) as new:
                assert old.process.wait(meari.STOP_S) == 0
                assert place(new)[1] == port
                assert get(new, "/readyz")[0] == 200
                assert metrics(new)["meari_connections_accepted_total{listener=\"%s\"}" % old.addresses[0]] == 0
                stop.set()
                thread.join()
        finally:
            stop.set()
        assert failures == []


def test_a_reload_says_that_pages_need_a_restart(tmp_path):
    config = tmp_path / "config"
    config.write_text("web = 127.0.0.1:0\naddress = tcp://127.0.0.1:0\nmax-connections = 5\n")
    with Server("--config", config) as server:
        assert metrics(server)['meari_limit{limit="connections"}'] == 5
        config.write_text("address = tcp://127.0.0.1:0\nmax-connections = 7\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_stderr("'web' needs a restart")
        wait_metrics(server, lambda all: all['meari_limit{limit="connections"}'] == 7)


@pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")
def test_a_real_prometheus_scrapes_it(tmp_path):
    with web() as server, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: meari\n  static_configs:\n"
            f"  - targets: ['127.0.0.1:{place(server)[1]}']\n")
        with server.connect() as peer:
            peer.sendall(b"x" * 5000)
            receive_exactly(peer, 5000)
        process = subprocess.Popen(
            ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 60
            while True:
                assert time.monotonic() < end and process.poll() is None
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                    connection.request("GET", "/api/v1/query?query=meari_bytes_sent_total")
                    if b'"5000"' in connection.getresponse().read():
                        break
                except OSError:
                    pass
                finally:
                    connection.close()
                time.sleep(0.2)
        finally:
            process.terminate()
            process.wait(30)
