"""script/test itself: a test that hangs, one that passes at the second try, a part that cannot run."""

import importlib.util
import json
import os
import re
import textwrap

import pytest

from house import ROOT

limited = pytest.mark.skipif(importlib.util.find_spec("pytest_timeout") is None,
                             reason="no pytest-timeout here (Debian: python3-pytest-timeout)")


@pytest.fixture
def parts(monkeypatch):
    spec = importlib.util.spec_from_file_location("parts", ROOT / "script/parts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(module.LIMITS_S, "house", 1)
    return module


@pytest.fixture
def suite(parts, tmp_path):
    """Runs tests of pytest as a part does; gives the result, its log and the folder."""
    (tmp_path / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'tests/e2e')!r})\n"
        "from hanging import pytest_runtest_call  # noqa: F401\n")
    results = tmp_path / "house"
    results.mkdir()

    def run(text):
        (tmp_path / "test_it.py").write_text(textwrap.dedent(text))
        env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": f"--rootdir={tmp_path}"}
        result, _ = parts.pytest([str(tmp_path)], results, "log", env)
        return result, (results / "log").read_text()

    return run


@limited
def test_one_that_hangs_is_one_failure_and_leaves_nothing(suite, tmp_path):
    result, log = suite(f"""
        import subprocess, threading

        def test_before():
            pass

        def test_hangs():
            child = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $! > {tmp_path}/pid; wait"])
            threading.Event().wait()  # the line that hangs

        def test_after():
            pass
        """)
    assert (result.passed, result.failed) == (2, 1)
    assert [name.rpartition("::")[2] for name in result.failures] == ["test_hangs"]
    assert "# the line that hangs" in log and "Timeout" in log
    pid = int((tmp_path / "pid").read_text())
    assert not os.path.exists(f"/proc/{pid}") or "\nState:\tZ" in open(f"/proc/{pid}/status").read()


@limited
def test_one_that_hangs_while_it_tidies_up_too(suite, tmp_path):
    """Here the end of the child is what lets it go on."""
    (tmp_path / "conftest.py").write_text((tmp_path / "conftest.py").read_text() +
                                          "import hanging\nhanging.TIDY_S = 1\n")
    result, log = suite("""
        import subprocess

        def test_hangs():
            child = subprocess.Popen(["sleep", "1000"])
            try:
                child.wait()
            finally:
                child.wait()

        def test_after():
            pass
        """)
    assert (result.passed, result.failed) == (1, 1) and "Timeout" in log


def test_what_passes_at_the_second_try_is_named(suite, tmp_path):
    result, _ = suite(f"""
        import os
        import pytest

        @pytest.mark.parametrize("engine", ["epoll", "uring"])
        def test_at_times(engine):
            if engine == "uring" and not os.path.exists("{tmp_path}/tried"):
                open("{tmp_path}/tried", "w").close()
                assert False

        def test_never():
            assert False
        """)
    assert (result.passed, result.failed) == (2, 1)
    assert [name.rpartition("::")[2] for name in result.again] == ["test_at_times[uring]"]
    assert [name.rpartition("::")[2] for name in result.failures] == ["test_never"]


def test_programs_and_their_cases_are_named(parts, tmp_path):
    """A case that failed, a program that hung after a good case, and one that crashed before any."""
    def program(name, result):
        return json.dumps({"name": f"meari:unit / {name}", "result": result})

    (tmp_path / "unit.json").write_text("\n".join(
        (program("one", "FAIL"), program("two", "TIMEOUT"), program("three", "ERROR"), program("four", "OK"))))
    suites = "".join(f'<testsuite name="meari.meari:unit / {name}">{cases}</testsuite>' for name, cases in (
        ("one", '<testcase classname="x" name="1 - good"/>'
                '<testcase classname="x" name="2 - bad"><failure/></testcase>'),
        ("two", '<testcase classname="x" name="1 - good"/>'), ("four", '<testcase classname="x" name="1 - good"/>')))
    (tmp_path / "unit.junit.xml").write_text(f"<testsuites>{suites}</testsuites>")
    result = parts.count_meson(tmp_path / "unit")
    assert (result.passed, result.failed) == (3, 3)
    assert result.failures == ["one: bad", "two (the program: TIMEOUT)", "three (the program: ERROR)"]


def test_a_case_left_out_is_no_failure(parts, tmp_path):
    """Meson calls the program a failure, whose status says that nothing failed."""
    (tmp_path / "unit.json").write_text(json.dumps({"name": "meari:unit / one", "result": "FAIL", "returncode": 0}))
    (tmp_path / "unit.junit.xml").write_text(
        '<testsuites><testsuite name="meari.meari:unit / one"><testcase classname="x" name="1 - good"/>'
        '<testcase classname="x" name="2 - left out"><failure/></testcase></testsuite></testsuites>')
    result = parts.count_meson(tmp_path / "unit")
    assert (result.passed, result.failed, result.skipped) == (1, 0, 1) and result.failures == []


def test_the_names_come_before_the_last_line(parts, monkeypatch, capsys):
    def run_part(part, arguments, targets=()):
        again = ["tests/e2e/test_ping.py::test_x[uring]"] if part == "house" else []
        return parts.Result(passed=3, again=again)

    monkeypatch.setattr(parts, "run_part", run_part)
    assert parts.main(["house"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1] == "6 passed, 0 failed"
    at = shown.index("passed only at the second try:")
    assert re.fullmatch(r"  house +tests/e2e/test_ping\.py::test_x\[uring\]", shown[at + 1])


def test_a_part_that_cannot_run_says_why_and_fails_nothing(parts, monkeypatch, capsys):
    monkeypatch.setattr(parts, "run_part", lambda part, arguments, targets=(): (
        parts.Result(skipped=2, reasons=["no root", "no root"]) if part == "systemd" else parts.Result(passed=1)))
    assert parts.main(["systemd"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown.count("  skipped: no root") == 1 and shown[-1] == "1 passed, 0 failed"


def test_the_quick_suite_is_all_but_what_needs_more(parts, capsys):
    quick, everything = (sum(parts.chosen_lanes(name), []) for name in (None, "all"))
    assert set(everything) - set(quick) == parts.ONLY_IN_ALL >= {"systemd"}
    assert parts.main(["--list"]) == 0
    for line in capsys.readouterr().out.splitlines():
        assert line.endswith("(only in 'script/test all')") == (line.split()[0] in parts.ONLY_IN_ALL)


def test_a_named_program_is_all_that_is_built(parts):
    assert parts.targets_of("unit", ["echo"]) == ("tests/unit/test_echo",)
    assert parts.targets_of("asan-fuzz", ["cidr", "addr"]) == ("tests/fuzz/fuzz_cidr", "tests/fuzz/fuzz_addr")
    for part, arguments in (("unit", ["no-such"]), ("unit", []), ("e2e", ["test_ping"])):
        assert parts.targets_of(part, arguments) == ()
