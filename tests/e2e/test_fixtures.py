"""docs/fixtures.md and examples/fixtures: what is shown there is run, where its tool is here."""

import os
import re
import shutil
import subprocess

import pytest

from meari import MEARI, ROOT, SANITIZER, environment

PAGES = [ROOT / "docs/fixtures.md", ROOT / "docs/fixtures.ko.md"]
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-p", "meari_echo.plugin", "-p", "no:cacheprovider", "-q"]

pytestmark = pytest.mark.skipif(SANITIZER is not None, reason="it is others' tools that are tried, and they are slow")


def blocks(page, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def call(*command, cwd, **changes):
    env = environment(MEARI_PROGRAM=MEARI, PYTHONPATH=str(ROOT / "python"), PYTHONDONTWRITEBYTECODE="1", **changes)
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tool(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here")
    return found


@pytest.mark.parametrize("kind", ["sh", "python", "js", "go", "rust"])
def test_both_languages_show_the_same(kind):
    english, korean = (blocks(page, kind) for page in PAGES)
    assert english == korean and english


def test_python(tmp_path):
    (tmp_path / "test_shown.py").write_text("".join(blocks(PAGES[0], "python")))
    assert "4 passed" in call(*PYTEST, "test_shown.py", cwd=tmp_path)


def test_node(tmp_path):
    node = tool("node")
    major = int(call(node, "--version", cwd=tmp_path).lstrip("v").split(".")[0])
    if major < 18:
        pytest.skip(f"node {major} has no test runner")
    (tmp_path / "shown.test.mjs").write_text(blocks(PAGES[0], "js")[0])
    shown = call(node, "--test", "shown.test.mjs", cwd=tmp_path)
    assert re.search(r"^(?:#|ℹ) fail 0$", shown, re.MULTILINE) and "what is sent comes back" in shown


def test_go(tmp_path):
    go = tool("go")
    (tmp_path / "go.mod").write_text("module client\n\ngo 1.18\n")
    (tmp_path / "client_test.go").write_text(blocks(PAGES[0], "go")[0])
    assert "ok" in call(go, "test", "-count=1", "./...", cwd=tmp_path, GOFLAGS="-mod=mod", GOPROXY="off")


def test_rust(tmp_path):
    rustc = tool("rustc")
    (tmp_path / "shown.rs").write_text(blocks(PAGES[0], "rust")[0])
    try:
        call(rustc, "--test", "--edition", "2021", "shown.rs", "-o", "shown", cwd=tmp_path)
    except AssertionError as error:
        if "no default linked" in str(error) or "toolchain" in str(error):
            pytest.skip("rustc is here without a toolchain")
        raise
    assert "2 passed" in call(tmp_path / "shown", cwd=tmp_path)


def test_shell(tmp_path):
    """The line that asks by hand."""
    tool("socat")
    line = next(text for text in blocks(PAGES[0], "sh") if "socat" in text)
    server = subprocess.Popen([MEARI, "serve", "tcp://127.0.0.1:0", "--control", tmp_path / "control", "--ready-fd", "1"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
    try:
        assert server.stdout.readline().startswith(b"tcp://")
        shown = call("sh", "-c", line.replace("PATH", str(tmp_path / "control")), cwd=tmp_path)
        assert '"connections_open":0' in shown
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def test_others_clients_are_tested(tmp_path):
    """examples/fixtures/python: asyncio's streams and curl's telnet://, with peers that fail."""
    shutil.copytree(ROOT / "examples/fixtures/python", tmp_path / "python", ignore=shutil.ignore_patterns("__pycache__"))
    shown = call(*PYTEST, "-W", "error", tmp_path / "python", cwd=tmp_path)
    assert re.search(r"\b15 passed|10 passed, 5 skipped", shown), shown
    assert "failed" not in shown and os.path.exists(tmp_path / "python/test_asyncio_streams.py")
