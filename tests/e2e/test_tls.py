"""meari over TLS: what the server offers and refuses, whom clients believe, and other programs as peers.

That every byte comes back is test_serve_exact.py's, which runs over TLS, too.
"""

import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from meari import (ANSWER_S, MEARI, Server, connect, environment, exchange, random_bytes, receive_all,
                   receive_exactly, run)
from procfs import wait_until

TLS = "tls://127.0.0.1:0"
PAYLOAD = random_bytes(300_000, seed=5246)
OPENSSL = shutil.which("openssl")

pytestmark = pytest.mark.skipif("tls " not in run("serve", "--explain").stdout or OPENSSL is None
                                or "built without TLS" in run("serve", "--explain").stdout,
                                reason="this meari was built without TLS, or there is no openssl(1)")


def openssl(*arguments, cwd):
    done = subprocess.run([OPENSSL, *arguments], cwd=cwd, capture_output=True, text=True, timeout=ANSWER_S,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


def make_key(folder, name):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key", cwd=folder)


def sign(folder, name, names, authority="ca", days="2"):
    """NAME.pem, for these names, by AUTHORITY; days below 0: it has expired."""
    make_key(folder, name)
    (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
    openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr", cwd=folder)
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
            "-CAcreateserial", "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.pem", cwd=folder)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority, and certificates by it: `a` for this host, `b` for b.test, `old`, `client`; `other` signs itself."""
    folder = tmp_path_factory.mktemp("pki")
    for name in ("ca", "other"):
        make_key(folder, name)
        openssl("req", "-x509", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-days", "2",
                "-out", f"{name}.pem", cwd=folder)
    sign(folder, "a", "DNS:a.test,DNS:localhost,IP:127.0.0.1")
    sign(folder, "b", "DNS:b.test,DNS:*.wild.test")
    sign(folder, "client", "DNS:client.test")
    return folder


@pytest.fixture
def options(pki):
    return ["--tls-cert", pki / "a.pem", "--tls-key", pki / "a.key"]


def python_client(port, context=None, name=None):
    context = context or trusting()
    raw = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
    return context.wrap_socket(raw, server_hostname=name)


def trusting():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def echoes(peer, payload=b"hello"):
    peer.sendall(payload)
    return receive_exactly(peer, len(payload)) == payload


def subject(peer):
    """Of the certificate that the server has shown; parsed by openssl(1), as Python does not without trust."""
    text = subprocess.run([OPENSSL, "x509", "-inform", "DER", "-noout", "-subject"], capture_output=True,
                          input=peer.getpeercert(True), timeout=ANSWER_S, check=True).stdout.decode()
    return text.strip().rpartition("= ")[2].rpartition("=")[2]


# --- the server


def test_without_a_certificate_it_names_the_way_out():
    done = run("serve", TLS)
    assert done.returncode == 2
    assert "--tls-self-signed" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments, word", [
    (["tcp://127.0.0.1:0", "--tls-self-signed"], "tls://HOST:PORT"),
    ([TLS, "--tls-key", "x"], "behind a --tls-cert"),
    ([TLS, "--tls-self-signed", "--alpn", "a,,b"], "--alpn"),
    ([TLS, "--tls-self-signed", "--tls-cert", "x"], "exclude each other"),
    ([TLS, "--tls-cert", "/nowhere/cert.pem"], "/nowhere/cert.pem"),
])
def test_wrong_options_are_one_line(arguments, word):
    done = run("serve", *arguments)
    assert done.returncode in (1, 2)
    assert word in done.stderr and done.stderr.count("\n") == 1


def test_a_key_that_does_not_fit(pki):
    done = run("serve", TLS, "--tls-cert", pki / "a.pem", "--tls-key", pki / "b.key")
    assert done.returncode == 1
    assert "does not belong to the certificate" in done.stderr


def test_a_key_with_a_password_is_refused_and_not_asked_for(pki, tmp_path):
    openssl("pkey", "-in", pki / "a.key", "-aes256", "-passout", "pass:secret", "-out", tmp_path / "k", cwd=pki)
    done = run("serve", TLS, "--tls-cert", pki / "a.pem", "--tls-key", tmp_path / "k")
    assert done.returncode == 1
    assert "has a password" in done.stderr and "PRIVATE" not in done.stderr


def test_self_signed_says_its_fingerprint(engine):
    with Server(TLS, "--tls-self-signed", engine=engine) as server:
        with python_client(server.port()) as peer:
            assert echoes(peer)
            shown = ssl.DER_cert_to_PEM_cert(peer.getpeercert(True))
        line = server.wait_stderr("SHA-256 ")
        digest = subprocess.run([OPENSSL, "x509", "-noout", "-fingerprint", "-sha256"], input=shown, text=True,
                                capture_output=True, timeout=ANSWER_S, check=True).stdout.partition("=")[2].strip()
        assert digest in line


def test_one_that_has_expired_is_logged(pki):
    folder = pki
    make_key(folder, "old")
    openssl("req", "-new", "-key", "old.key", "-subj", "/CN=old", "-out", "old.csr", cwd=folder)
    openssl("x509", "-req", "-in", "old.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "-1", "-out", "old.pem", cwd=folder)
    with Server(TLS, "--tls-cert", folder / "old.pem", "--tls-key", folder / "old.key") as server:
        assert "has expired" in server.wait_stderr("CN=old")


def test_sni_chooses_the_certificate(pki, options):
    with Server(TLS, *options, "--tls-cert", pki / "b.pem", "--tls-key", pki / "b.key") as server:
        for name, expected in [("a.test", "a"), ("b.test", "b"), ("x.wild.test", "b"), ("unknown.test", "a"),
                               (None, "a")]:
            with python_client(server.port(), name=name) as peer:
                assert subject(peer) == expected and echoes(peer)


def test_sighup_takes_new_keys_and_keeps_old_ones_that_are_good(pki, options, tmp_path, engine):
    """Inside the sandbox, and by a rename, as certificates are renewed."""
    for suffix in ("pem", "key"):
        shutil.copy(pki / f"a.{suffix}", tmp_path / f"live.{suffix}")
    with Server(TLS, "--tls-cert", tmp_path / "live.pem", "--tls-key", tmp_path / "live.key",
                engine=engine) as server:
        before = python_client(server.port())
        assert subject(before) == "a"
        for suffix in ("pem", "key"):
            shutil.copy(pki / f"b.{suffix}", tmp_path / f"new.{suffix}")
            os.rename(tmp_path / f"new.{suffix}", tmp_path / f"live.{suffix}")
        server.process.send_signal(signal.SIGHUP)
        server.wait_stderr("the keys have been read again")
        with python_client(server.port()) as peer:
            assert subject(peer) == "b" and echoes(peer)
        assert echoes(before)  # what is open goes on
        (tmp_path / "live.pem").write_text("no certificate")
        server.process.send_signal(signal.SIGHUP)
        server.wait_stderr("the old ones stay in force")
        with python_client(server.port()) as peer:
            assert subject(peer) == "b" and echoes(peer)
        before.close()


def test_only_clients_of_an_authority(pki, options):
    with Server(TLS, *options, "--tls-client-ca", pki / "ca.pem") as server:
        context = trusting()
        with pytest.raises(OSError), python_client(server.port(), context) as peer:
            assert not echoes(peer)
            raise ConnectionError("nothing came back")
        server.wait_stderr("no TLS with")
        context.load_cert_chain(pki / "client.pem", pki / "client.key")
        with python_client(server.port(), context) as peer:
            assert echoes(peer)


def test_oldest_version(options):
    with Server(TLS, *options, "--tls-min", "1.3") as server:
        old = trusting()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            python_client(server.port(), old)
        with python_client(server.port()) as peer:
            assert peer.version() == "TLSv1.3"


@pytest.mark.parametrize("flag, expected", [("-tls1_3", True), ("-tls1_2", True), ("-tls1_1", False),
                                            ("-tls1", False)])
def test_versions_as_openssl_sees_them(options, flag, expected):
    with Server(TLS, *options) as server:
        done = subprocess.run([OPENSSL, "s_client", flag, "-connect", f"127.0.0.1:{server.port()}",
                               "-cipher", "ALL:@SECLEVEL=0"], input="", text=True, capture_output=True,
                              timeout=ANSWER_S)
        assert ("Cipher is (NONE)" not in done.stdout and "New, " in done.stdout) == expected
        if expected:
            assert "Compression: NONE" in done.stdout
            assert "New, TLSv1.3" in done.stdout or "Secure Renegotiation IS supported" in done.stdout


def test_weak_ciphers_are_refused(options):
    with Server(TLS, *options) as server:
        for cipher in ("aNULL", "eNULL", "RC4", "3DES"):
            done = subprocess.run([OPENSSL, "s_client", "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0", "-connect",
                                   f"127.0.0.1:{server.port()}"], input="", text=True, capture_output=True,
                                  timeout=ANSWER_S)
            assert done.returncode != 0 or "Cipher is (NONE)" in done.stdout


def test_alpn(options):
    with Server(TLS, *options, "--alpn", "echo,h2") as server:
        for offered, agreed in [(["h2"], "h2"), (["h2", "echo"], "echo"), (None, None)]:
            context = trusting()
            if offered:
                context.set_alpn_protocols(offered)
            with python_client(server.port(), context) as peer:
                assert peer.selected_alpn_protocol() == agreed and echoes(peer)
        context = trusting()
        context.set_alpn_protocols(["none"])
        with pytest.raises(ssl.SSLError):  # RFC 7301: no_application_protocol
            python_client(server.port(), context)


def test_no_ticket_unless_asked_for(options):
    for more, resumed in [([], False), (["--tls-tickets"], True)]:
        with Server(TLS, *options, *more) as server:
            context = trusting()
            context.maximum_version = ssl.TLSVersion.TLSv1_2  # where the session is known at once
            with python_client(server.port(), context) as peer:
                assert echoes(peer)
                session = peer.session
            raw = socket.create_connection(("127.0.0.1", server.port()), timeout=ANSWER_S)
            with context.wrap_socket(raw, session=session) as peer:
                assert echoes(peer)
                assert peer.session_reused == resumed
            server.process.send_signal(signal.SIGUSR1)
            assert f"handshakes_resumed={int(resumed)}" in server.wait_stderr("handshakes_resumed=")


def test_a_plain_client_gets_an_alert_and_one_line(options, engine):
    with Server(TLS, *options, engine=engine) as server:
        raw = socket.create_connection(("127.0.0.1", server.port()), timeout=ANSWER_S)
        with raw:
            raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert receive_all(raw) == bytes([21, 3, 1, 0, 2, 2, 70])
        assert server.wait_stderr("does not speak TLS").count("does not speak TLS") == 1
        server.process.send_signal(signal.SIGUSR1)
        assert "handshakes_failed=1" in server.wait_stderr("handshakes_failed=")


def test_a_client_that_stalls_in_the_handshake_is_ended(options, engine):
    with Server(TLS, *options, "--handshake-timeout", "100ms", engine=engine) as server:
        with socket.create_connection(("127.0.0.1", server.port()), timeout=ANSWER_S) as silent, \
                socket.create_connection(("127.0.0.1", server.port()), timeout=ANSWER_S) as partial:
            partial.sendall(b"\x16\x03\x01\x02\x00\x01")
            for peer in (silent, partial):
                try:
                    assert receive_all(peer) == b""
                except ConnectionResetError:
                    pass
        server.wait_stderr("the handshake took too long")


def test_a_bare_fin_gets_everything_and_is_told(options, engine):
    """Promise 2 holds without close_notify; that it may be incomplete is counted."""
    with Server(TLS, *options, engine=engine) as server:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trusting().wrap_bio(incoming, outgoing)
        with socket.create_connection(("127.0.0.1", server.port()), timeout=ANSWER_S) as raw:
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    raw.sendall(outgoing.read())
                    incoming.write(raw.recv(65536))
            tls.write(PAYLOAD)
            sender = threading.Thread(target=lambda data: (raw.sendall(data), raw.shutdown(socket.SHUT_WR)),
                                      args=[outgoing.read()])
            sender.start()
            incoming.write(receive_all(raw))
            sender.join(ANSWER_S)
            incoming.write_eof()
        back = bytearray()
        while piece := tls.read(65536):
            back += piece
        assert back == PAYLOAD
        server.process.send_signal(signal.SIGUSR1)
        assert "streams_truncated=1" in server.wait_stderr("streams_truncated=")


def test_damaged_records_cost_one_connection(options, engine):
    with Server(TLS, *options, engine=engine) as server, connect(server.addresses[0]) as other:
        assert echoes(other)
        raw = socket.create_connection(("127.0.0.1", server.port()), timeout=ANSWER_S)
        peer = trusting().wrap_socket(raw)
        assert echoes(peer)
        os.write(peer.fileno(), b"\x17\x03\x03\x00\x40" + bytes(64))
        with pytest.raises(OSError):
            while peer.recv(100):
                pass
            raise ConnectionError("ended")
        server.wait_stderr("failed:")
        assert echoes(other)
        peer.close()


def test_faults_and_limits_act_on_plain_bytes(options, engine):
    with Server(f"{TLS}?fault=corrupt=1", *options, "--max-rate", "1M", engine=engine) as server:
        with connect(server.addresses[0]) as peer:
            peer.sendall(b"hello")
            back = receive_exactly(peer, 5)
            assert len(back) == 5 and back != b"hello"


def test_idle_connections_are_ended_with_close_notify(options, engine):
    with Server(TLS, *options, "--idle-timeout", "50ms", engine=engine) as server:
        with python_client(server.port()) as peer:
            assert peer.recv(1) == b""  # Python raises where close_notify is missing


def test_plain_and_tls_side_by_side(options, engine):
    with Server(TLS, "tcp://127.0.0.1:0", "udp://127.0.0.1:0", *options, engine=engine) as server:
        for index in range(3):
            with server.connect(index) as peer:
                assert echoes(peer)


def test_an_upgrade_hands_over_tls(pki, options, tmp_path, engine):
    path = tmp_path / "control"
    with Server(TLS, *options, "--upgrade", path, engine=engine) as old, connect(old.addresses[0]) as peer:
        assert echoes(peer)
        with Server(old.addresses[0], "--tls-cert", pki / "b.pem", "--tls-key", pki / "b.key", "--upgrade", path,
                    engine=engine) as new:
            assert new.addresses == old.addresses
            assert echoes(peer)  # until it ends by itself
            with python_client(new.port()) as fresh:
                assert subject(fresh) == "b" and echoes(fresh)
            peer.close()
            assert old.wait() == 0


def test_no_core_file_holds_the_keys(options):
    """A process that is not dumpable has no /proc entries of its own any more: they are root's."""
    with Server(TLS, *options) as server:
        assert os.stat(f"/proc/{server.process.pid}/environ").st_uid == 0


# --- clients


def test_talk_believes_the_authority_that_it_is_given(pki, options):
    with Server(TLS, *options) as server:
        done = run("talk", "-v", "--ca", pki / "ca.pem", server.addresses[0], input="hello\n")
        assert done.returncode == 0 and done.stdout == "hello\n"
        assert "TLSv1.3" in done.stderr and "CN=a" in done.stderr


@pytest.mark.parametrize("verb, arguments", [
    ("talk", []), ("check", ["--rule", "one-byte"]), ("bench", ["-d", "1s"]), ("ping", ["-c", "1"])])
def test_every_client_verifies(pki, options, verb, arguments):
    with Server(TLS, *options) as server:
        done = run(verb, *arguments, server.addresses[0], input="hello\n")
        assert done.returncode != 0
        assert "certificate" in done.stdout + done.stderr
        done = run(verb, *arguments, "--ca", pki / "ca.pem", "--sni", "elsewhere.test", server.addresses[0],
                   input="hello\n")
        assert done.returncode != 0
        done = run(verb, *arguments, "--ca", pki / "ca.pem", "--sni", "a.test", server.addresses[0], input="hello\n")
        assert done.returncode == 0, done.stderr
        done = run(verb, *arguments, "--insecure", server.addresses[0], input="hello\n")
        assert done.returncode == 0 and "--insecure" in done.stderr


def test_clients_show_a_certificate_of_their_own(pki, options):
    with Server(TLS, *options, "--tls-client-ca", pki / "ca.pem") as server:
        trust = ["--ca", pki / "ca.pem"]
        assert run("talk", *trust, server.addresses[0], input="x").returncode == 1
        done = run("talk", *trust, "--cert", pki / "client.pem", "--key", pki / "client.key", server.addresses[0],
                   input="x")
        assert done.returncode == 0 and done.stdout == "x"


def test_a_plain_echo_is_told_as_such(server):
    done = run("talk", "--insecure", server.addresses[0].replace("tcp", "tls"), input="hello\n")
    assert done.returncode == 1
    assert "an echo without TLS" in done.stderr and "tcp://" in done.stderr


def test_bytes_through_a_pipe(pki, options, engine):
    with Server(TLS, *options, engine=engine) as server:
        payload = random_bytes(8 << 20, seed=1)
        done = run("talk", "--verify", "--ca", pki / "ca.pem", server.addresses[0], input=payload, text=False)
        assert done.returncode == 0 and done.stdout == payload


def test_a_stream_that_is_cut_off_is_told():
    """A service that ends by FIN alone: what came may not be all."""
    with socket.create_server(("127.0.0.1", 0)) as listener, Server(TLS, "--tls-self-signed") as server:
        def cut():
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", server.port()))
            # The server's flight, until the client has answered it: then it is open, and the stream ends.
            far.sendall(near.recv(65536))
            while near not in (ready := select.select([near, far], [], [])[0]):
                near.sendall(far.recv(65536))
            assert ready
            near.shutdown(socket.SHUT_WR)
            while near.recv(65536):
                pass
            near.close()
            far.close()

        thread = threading.Thread(target=cut, daemon=True)
        thread.start()
        done = run("talk", "--insecure", f"tls://127.0.0.1:{listener.getsockname()[1]}", input="hello\n")
        thread.join(ANSWER_S)
        assert done.returncode == 1
        assert "close_notify" in done.stderr


def test_ping_tells_connect_handshake_and_echo_apart(pki, options):
    with Server(TLS, *options) as server:
        done = run("ping", "-c", "2", "-i", "0", "--connect", "--json", "--ca", pki / "ca.pem", server.addresses[0])
        assert done.returncode == 0
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        replies = [line for line in lines if line["event"] == "reply"]
        assert len(replies) == 2
        assert all(reply["connect_ns"] > 0 and reply["handshake_ns"] > 0 and reply["rtt_ns"] > 0
                   for reply in replies)
        assert lines[-1]["handshake"]["count"] == 2
        assert run("ping", "--wait", "10s", "--ca", pki / "ca.pem", server.addresses[0]).returncode == 0


@pytest.mark.parametrize("more, resumed", [([], False), (["--resume"], True)])
def test_bench_counts_handshakes(pki, options, engine, more, resumed):
    with Server(TLS, *options, "--tls-tickets", engine=engine) as server:
        done = run("bench", "-c", "2", "-d", "2s", "-w", "100ms", "--json", "--churn", *more, "--engine", engine, "--ca",
                   pki / "ca.pem", server.addresses[0])
        assert done.returncode == 0, done.stderr
        counts = json.loads(done.stdout)["counts"]
        assert counts["handshakes_resumed" if resumed else "handshakes_full"] > 0
        if not resumed:
            assert counts["handshakes_resumed"] == 0


def test_bench_verifies_every_byte(pki, options, engine):
    with Server(TLS, *options, engine=engine) as server:
        done = run("bench", "-d", "300ms", "-w", "0s", "-s", "64:5,20K:3,1M:1", "--verify", "-p", "4", "--json",
                   "--engine", engine, "--ca", pki / "ca.pem", server.addresses[0])
        assert done.returncode == 0, done.stderr
        counts = json.loads(done.stdout)["counts"]
        assert counts["received"] > 0 and counts["damaged"] == 0 and counts["resets"] == 0


@pytest.mark.parametrize("verb, arguments", [
    ("talk", []), ("check", ["--rule", "one-byte"]), ("bench", ["-c", "2", "-d", "300ms"]), ("ping", ["-c", "1"])])
def test_a_proxy_header_comes_before_tls(pki, options, engine, verb, arguments):
    with Server(f"{TLS}?proxy=require", *options, "--proxy-from", "127.0.0.0/8", "-v", engine=engine) as server:
        done = run(verb, *arguments, "--ca", pki / "ca.pem", "--send-proxy=v2,from=192.0.2.7:1234",
                   server.addresses[0], input="hello\n")
        assert done.returncode == 0, done.stderr
        server.wait_stderr("TLS with tcp://192.0.2.7:1234 through tls://")


# --- other programs


def needs(program):
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"there is no {program} here")
    return path


def test_openssl_s_client(options, engine):
    with Server(TLS, *options, engine=engine) as server:
        peer = subprocess.Popen([OPENSSL, "s_client", "-quiet", "-connect", f"127.0.0.1:{server.port()}"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        peer.stdin.write(b"hello\n")
        peer.stdin.flush()
        assert peer.stdout.readline() == b"hello\n"
        peer.kill()
        peer.communicate()


def test_ncat(options, engine):
    ncat = needs("ncat")
    with Server(TLS, *options, engine=engine) as server:
        peer = subprocess.Popen([ncat, "--ssl", "127.0.0.1", str(server.port())], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        peer.stdin.write(b"hello\n")
        peer.stdin.flush()
        assert peer.stdout.readline() == b"hello\n"
        peer.kill()
        peer.communicate()


def test_socat_gets_everything_after_half_close(options, engine):
    socat = needs("socat")
    with Server(TLS, *options, engine=engine) as server:
        done = subprocess.run([socat, "-t", str(ANSWER_S), "-", f"OPENSSL:127.0.0.1:{server.port()},verify=0"],
                              input=PAYLOAD, capture_output=True, timeout=2 * ANSWER_S)
        assert done.stdout == PAYLOAD


def test_curl_as_a_client(pki, options, engine):
    """Over telnet's rules there is no TLS; but what an HTTP client asks comes back, which is HTTP/0.9 to it."""
    curl = needs("curl")
    with Server(TLS, *options, engine=engine) as server:
        done = subprocess.run([curl, "-sN", "--http0.9", "--max-time", "2", "--cacert", str(pki / "ca.pem"),
                               f"https://127.0.0.1:{server.port()}/"], capture_output=True, timeout=ANSWER_S)
        assert done.stdout.startswith(b"GET / HTTP/1.1\r\n")


def start(command, text, **options):
    """A program that tells when it is ready, by a port that accepts."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=environment(), **options)

    def accepts():
        assert process.poll() is None, f"{command} has ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", text)) == 0

    wait_until(accepts, f"{command[0]} accepts")
    return process


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def stunnel(pki, tmp_path):
    """TLS in front of a plain server; gives a function that starts it and gives its port."""
    program = needs("stunnel")
    running = []

    def begin(port):
        own = free_port()
        (tmp_path / "stunnel.conf").write_text(
            f"foreground = yes\npid =\n[echo]\naccept = 127.0.0.1:{own}\nconnect = 127.0.0.1:{port}\n"
            f"cert = {pki}/a.pem\nkey = {pki}/a.key\n")
        running.append(start([program, str(tmp_path / "stunnel.conf")], own))
        return own

    yield begin
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def haproxy(pki, tmp_path):
    program = needs("haproxy")
    running = []

    def begin(port):
        own = free_port()
        (tmp_path / "both.pem").write_text((pki / "a.pem").read_text() + (pki / "a.key").read_text())
        (tmp_path / "haproxy.cfg").write_text(
            f"global\n maxconn 100\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n"
            f" timeout server 30s\nlisten echo\n bind 127.0.0.1:{own} ssl crt {tmp_path}/both.pem\n"
            f" server one 127.0.0.1:{port}\n")
        running.append(start([program, "-f", str(tmp_path / "haproxy.cfg")], own))
        return own

    yield begin
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.parametrize("front", ["stunnel", "haproxy"])
def test_our_clients_through_other_stacks(pki, server, front, request):
    """A TLS stack of somebody else's, with our plain server behind it."""
    port = request.getfixturevalue(front)(server.port())
    done = run("check", "--ca", pki / "ca.pem", "--rule", "one-byte", "--rule", "byte-by-byte", "--rule",
               "small-writes", f"tls://127.0.0.1:{port}")
    assert done.returncode == 0, done.stdout


def test_haproxy_as_a_client(options, pki, tmp_path, engine):
    """Plain in front, TLS to our server."""
    program = needs("haproxy")
    own = free_port()
    with Server(TLS, *options, engine=engine) as server:
        (tmp_path / "haproxy.cfg").write_text(
            f"global\n maxconn 100\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n"
            f" timeout server 30s\nlisten echo\n bind 127.0.0.1:{own}\n"
            f" server one 127.0.0.1:{server.port()} ssl ca-file {pki}/ca.pem verifyhost a.test\n")
        process = start([program, "-f", str(tmp_path / "haproxy.cfg")], own)
        try:
            with connect(f"tcp://127.0.0.1:{own}") as peer:
                assert exchange(peer, PAYLOAD) == PAYLOAD
        finally:
            process.kill()
            process.wait()


def test_the_programs_help_names_the_option():
    assert MEARI and "--tls-self-signed" in run("serve", "--help").stdout
