"""The program as one file, in a root folder that has nothing else: no /etc, no /dev, no /proc."""

import json
import os
import shutil
import stat
import subprocess

import pytest

from conftest import ROOT
from meari import Server, environment, run

STATIC = ROOT / "build-static/meari"
MOST_BYTES = 9_000_000  # of which OpenSSL is five; without it (-Dtls=disabled) it was less than three

pytestmark = pytest.mark.skipif(not STATIC.exists(), reason="there is no build-static/meari (script/image makes it)")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    if os.geteuid() != 0 or shutil.which("chroot") is None:
        pytest.skip("an empty root takes root, for chroot(8)")
    folder = tmp_path_factory.mktemp("empty")
    shutil.copy(STATIC, folder / "meari")
    return folder


@pytest.fixture(scope="module")
def server(root):
    with Server("tcp://127.0.0.1:0", "udp://127.0.0.1:0", "unix:@meari-static-test", prefix=["chroot", root],
                program="/meari") as started:
        yield started


def inside(root, *arguments, status=0, **options):
    ended = run(*[root, "/meari", *arguments], program="chroot", **options)
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended


def test_one_stripped_file():
    assert STATIC.stat().st_size < MOST_BYTES
    shown = subprocess.run(["readelf", "--program-headers", "--sections", STATIC], capture_output=True, text=True).stdout
    assert "INTERP" not in shown and ".symtab" not in shown and ".debug" not in shown


def test_every_verb_is_there(root):
    assert stat.S_ISREG((root / "meari").lstat().st_mode) and os.listdir(root) == ["meari"]
    assert inside(root, "--help").stdout == run("--help", program=STATIC).stdout
    assert inside(root, "--version").stdout.startswith("meari ")


def test_both_languages(root):
    assert inside(root, "--help", env=environment(LANG="ko_KR.UTF-8")).stdout.startswith("사용법: meari")
    assert inside(root, "--help", env=environment(LANG="ko_KR.UTF-8", LANGUAGE="en")).stdout.startswith("Usage: meari")
    wrong = inside(root, "talk", "localhost", "localhost", status=2, env=environment(LANG="ko_KR.UTF-8"))
    assert "주소는 하나만" in wrong.stderr


def test_talk(root, server):
    assert inside(root, "talk", server.addresses[0], input="안녕!!\n").stdout == "안녕!!\n"
    payload = os.urandom(3_000_000)
    assert inside(root, "talk", "--verify", server.addresses[0], input=payload, text=False).stdout == payload


def test_ping(root, server):
    for address in server.addresses:
        assert "3 received" in inside(root, "ping", "-c", "3", "-i", "10ms", address).stdout
    # No file tells what localhost is.
    port = server.port()
    inside(root, "ping", "-c", "1", f"tcp4://localhost:{port}")
    inside(root, "ping", "--wait", "10s", *server.addresses, f"localhost:{port}")


def test_check(root, server):
    inside(root, "check", "--rule", "exact", "--rule", "half-close", "--rule", "reset", server.addresses[0])
    inside(root, "check", "--rule", "datagram-whole", server.addresses[1])


def test_bench_and_report(root, server):
    shown = inside(root, "bench", "-d", "200ms", "--warm-up", "0", "--json", "--html", "/page.html", server.addresses[0])
    result = json.loads(shown.stdout)
    (root / "result.json").write_text(shown.stdout)
    inside(root, "report", "/result.json")
    page = (root / "page.html").read_text()
    assert result and "<html" in page and "Chart" in page
    for name in "result.json", "page.html":
        (root / name).unlink()


def test_addr(root):
    assert "127.0.0.1" in inside(root, "addr", "127.1").stdout


def test_the_engine_uring(root):
    with Server("tcp://127.0.0.1:0", engine="uring", prefix=["chroot", root], program="/meari") as server:
        inside(root, "talk", server.addresses[0], input="x\n")


def test_the_end(root):
    with Server("tcp://127.0.0.1:0", prefix=["chroot", root], program="/meari") as server:
        assert server.stop() == 0
        assert "echoing on tcp://127.0.0.1:" in server.stderr
