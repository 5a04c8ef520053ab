"""The parts of the test suite: builds what they need, runs them, adds up. Called by script/test.

Counts come from what the runners wrote for machines (JUnit XML and Meson's JSON log), never from
their words for people. A part that crashes, hangs or reports no test at all counts as a failure,
and so does every report of a sanitizer, even if the test that caused it was happy.

Many tests measure, on a machine that does other things too: what failed is run once more, alone, and
the second result counts; each of them is named before the last line. A sanitizer's report is never forgiven.

Every test has a limit of its own: Meson's for a program, pytest-timeout's for each test of pytest (without it, only
the part has one). A test that hangs is one failure with its traceback, and the others go on.

The lanes run side by side, each its parts in order; no build folder is used by two.
"""

import dataclasses
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHON = "/usr/bin/python3"
PART_LIMIT_S = 900
# The longest that a single test of pytest may take; under a sanitizer SLOWER times as long. Less than PART_LIMIT_S.
LIMITS_S = {"house": 120, "e2e": 120, "examples": 60, "torture": 800, "systemd": 800, "package": 800, "fleet": 200}
SLOWER = 4
PROGRAM_LIMIT_S = 120
TAIL_LINES = 150
SIDE_BY_SIDE = 2

SANITIZED = {"optimization": "1", "debug": "true", "b_lundef": "false", "uring": "auto"}
# Build folder: compiler (None: the system's choice) and the Meson options that must hold.
BUILDS = {
    "build": (None, {"werror": "true", "tests": "true", "uring": "auto"}),
    "build-clang": ("clang", {"werror": "true", "optimization": "1", "uring": "auto"}),
    "build-asan": ("gcc", SANITIZED | {"b_sanitize": "address,undefined",
                                       "c_args": "-fno-sanitize-recover=all"}),
    "build-tsan": ("clang", SANITIZED | {"b_sanitize": "thread"}),
}
PREFIXES = {"asan": "build-asan", "tsan": "build-tsan"}
# Told apart from the other end-to-end tests: a part of its own, and never under sanitizers, which
# do not bear the library that these tests put before libc.
EXAMPLES = pathlib.Path("tests/e2e/test_examples.py")
# The end-to-end tests in which the program's threads meet.
TSAN_E2E = "test_serve*.py"

LANES = [
    ["format", "build", "house", "unit", "engine", "fuzz", "examples", "torture", "e2e", "systemd", "package", "fleet"],
    ["build-asan", "asan-unit", "asan-engine", "asan-fuzz", "asan-torture", "asan-e2e"],
    ["build-tsan", "tsan-engine", "tsan-e2e", "build-clang"],
]
# What needs more than a machine to build on: where one of them cannot run, it is skipped and its reason is printed.
NEEDS_MORE = {"systemd", "package", "fleet"}
# Left out without an argument: these, and what would make it longer than ten minutes on two processors. The
# sanitizers see units, engines, fuzzers and torture in any case.
ONLY_IN_ALL = NEEDS_MORE | {"torture", "asan-e2e", "tsan-e2e"}
WHAT = {
    "format": "the C style of .clang-format",
    "build": "the release build, warnings are errors",
    "build-clang": "the same with clang",
    "build-asan": "the build with AddressSanitizer and UndefinedBehaviorSanitizer",
    "build-tsan": "the build with ThreadSanitizer",
    "house": "the rules of the house, translations, man pages, installing",
    "unit": "modules, one by one",
    "engine": "engines, one behaviour each",
    "fuzz": "the fuzzers' collected inputs, once more",
    "examples": "the example programs",
    "torture": "each call of the server fails once",
    "e2e": "the program from outside",
    "systemd": "a real systemd in a container runs the server",
    "fleet": "many load generators, by each launcher that is here",
    "package": "Debian packages in a Debian of their own, the program as one file, the image",
}

CASE_NUMBER = re.compile(r"^\d+ - ")
TAP_LINE = re.compile(r"^(not )?ok \d+ - (.*?)( # SKIP.*)?$", re.MULTILINE)

printing = threading.Lock()
running = set()


@dataclasses.dataclass
class Result:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    log: str = ""
    failures: list = dataclasses.field(default_factory=list)  # the names of those that failed
    again: list = dataclasses.field(default_factory=list)  # of those that passed when run once more
    reasons: list = dataclasses.field(default_factory=list)  # why some were skipped


def call(command, log, limit_s=PART_LIMIT_S, **options):
    """Runs a command with all its output into the file `log`; gives its status, 124 for a hang."""
    with open(log, "a") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True, **options)
        running.add(process)
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            output.write(f"\nhad not ended after {limit_s} s\n")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return 124
        finally:
            running.discard(process)


def differing_options(folder, wanted):
    """Which options of a configured build folder are not as wanted."""
    def as_text(value):
        if isinstance(value, list):
            return " ".join(value)
        return str(value).lower() if isinstance(value, bool) else str(value)

    told = json.loads((ROOT / folder / "meson-info/intro-buildoptions.json").read_text())
    have = {option["name"]: as_text(option["value"]) for option in told}
    return [f"-D{name}={value}" for name, value in wanted.items() if have.get(name) != value]


def build(folder, log, targets=()):
    compiler, wanted = BUILDS[folder]
    if not (ROOT / folder / "build.ninja").exists():
        env = os.environ | ({"CC": compiler} if compiler else {})
        options = [f"-D{name}={value}" for name, value in wanted.items()]
        status = call(["meson", "setup", folder, *options], log, env=env)
    else:
        differing = differing_options(folder, wanted)
        status = call(["meson", "configure", folder, *differing], log) if differing else 0
    return status or call(["ninja", "-C", folder, "-j", str(os.cpu_count()), "--quiet", *targets], log)


def targets_of(part, arguments):
    """What the named programs of a part are built by; () is everything, also where one is no program's name."""
    stems = {"unit": "tests/unit/test_", "engine": "tests/engine/engine_test_", "fuzz": "tests/fuzz/fuzz_"}
    kind = part.rpartition("-")[2]
    if kind not in stems:
        return ()
    sources = ROOT / "tests" / kind
    known = all((sources / f"{prefix}{name}.c").exists() for name in arguments
                for prefix in ["fuzz_" if kind == "fuzz" else "test_"])
    return tuple(stems[kind] + name for name in arguments) if known else ()


def name_of(case):
    """How a person finds a test of a JUnit file again."""
    where = (case.get("classname") or "").replace(".", "/")
    file = where + ".py"
    return f"{file}::{case.get('name')}" if (ROOT / file).exists() else \
        f"{where}::{case.get('name')}" if where else case.get("name")


def count_suites(path):
    """Results of a JUnit file, by suite."""
    results = {}
    for suite in xml.etree.ElementTree.parse(path).iter("testsuite"):
        result = results.setdefault(suite.get("name"), Result())
        for case in suite.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                result.failed += 1
                result.failures.append(name_of(case))
            elif case.find("skipped") is not None:
                result.skipped += 1
                result.reasons.append(case.find("skipped").get("message") or "no reason")
            else:
                result.passed += 1
    return results


def add(results):
    results = list(results)
    return Result(sum(result.passed for result in results),
                  sum(result.failed for result in results),
                  sum(result.skipped for result in results),
                  failures=sum((result.failures for result in results), []),
                  again=sum((result.again for result in results), []),
                  reasons=sum((result.reasons for result in results), []))


def forgiven(first, second):
    """What failed in the first run and not in the second."""
    return [name for name in first.failures if name not in second.failures]


def left_cases_out(program):
    """Meson takes cmocka's line for a case left out, "not ok N # SKIP", for a failure.

    cmocka's status is the number of its failures: of those there are none.
    """
    return program["result"] == "FAIL" and program.get("returncode") == 0


def programs_of(base):
    return [json.loads(line) for line in pathlib.Path(f"{base}.json").read_text().splitlines()]


def count_meson(base):
    """Result of `meson test --logbase`: each program's own tests, or the program as one.

    The JUnit file alone would take a program for good that died after some good tests, or hung.
    """
    suites = count_suites(f"{base}.junit.xml")
    results = []
    for program in programs_of(base):
        good = program["result"] in ("OK", "EXPECTEDFAIL")
        skipped = program["result"] == "SKIP"
        own = suites.get("meari." + program["name"])
        if own is None:
            own = Result(int(good), int(not good and not skipped), int(skipped))
        elif left_cases_out(program):
            own.skipped, own.failed, own.failures = own.skipped + own.failed, 0, []
        elif not good and not skipped and own.failed == 0:
            own.failed = 1
        # A case by its program and its name; a program that crashed or hung, by how it ended.
        short = program["name"].rpartition(" / ")[2]
        own.failures = [f"{short}: {CASE_NUMBER.sub('', name.rpartition('::')[2])}" for name in own.failures]
        if own.failed > len(own.failures):
            own.failures.append(f"{short} (the program: {program['result']})")
        results.append(own)
    return add(results)


def meson_suite(part, suite, folder, results, arguments, env):
    result, status = meson_suite_once(part, suite, folder, results, arguments, env)
    if result.failed == 0:
        return result, status
    second, status = meson_suite_once(part, suite, folder, results, arguments, env)
    second.again = forgiven(result, second)
    return second, status


def meson_suite_once(part, suite, folder, results, arguments, env):
    base = ROOT / folder / "meson-logs" / part
    files = [base.with_name(part + end) for end in (".junit.xml", ".json", ".txt")]
    for file in files:
        file.unlink(missing_ok=True)
    status = call(["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", "--suite",
                   suite, "--logbase", part, "--timeout-multiplier",
                   "1" if folder == "build" else "4", *arguments], results / "log", env=env)
    if not files[0].exists():
        return Result(), status
    bad = [program for program in programs_of(base) if program["result"] not in ("OK", "EXPECTEDFAIL", "SKIP")]
    if bad and all(map(left_cases_out, bad)):
        status = 0
    return count_meson(base), status


def named_programs(part, targets, folder, results, env):
    """Programs named by hand, without Meson, whose start takes longer than most of them."""
    def once():
        return add(named_program(part, target, folder, results, env) for target in targets)

    result = once()
    if result.failed:
        second = once()
        second.again = forgiven(result, second)
        result = second
    return result, int(result.failed > 0)


def named_program(part, target, folder, results, env):
    name = target.rpartition("test_")[2] if "test_" in target else target.rpartition("fuzz_")[2]
    corpus = [f"tests/fuzz/corpus/{name}"] if part.endswith("fuzz") else []
    log = results / f"tap-{name}"
    log.unlink(missing_ok=True)
    status = call([f"{folder}/{target}", *corpus], log, PROGRAM_LIMIT_S,
                  env=env | {"CMOCKA_MESSAGE_OUTPUT": "TAP"})
    shown = log.read_text(errors="replace")
    with open(results / "log", "a") as whole:
        whole.write(shown)
    result = Result()
    for failed, case, skipped in TAP_LINE.findall(shown):
        if failed:
            result.failures.append(f"{name}: {case}")
        else:
            result.passed += not skipped
            result.skipped += bool(skipped)
    if status != 0 and not result.failures:
        result.failures.append(f"{name} (the program: status {status})")
    result.failed = len(result.failures)
    return result


def pytest_folder(folder, tests, results, arguments, env):
    given = []
    for argument in arguments:
        file = tests / (argument.removesuffix(".py") + ".py")
        given.append(str(file) if file.exists() else argument)
    if not any(argument.startswith(str(tests)) for argument in given):
        given.append(str(tests))
    return pytest(given, results, "log", env)


def pytest(given, results, log, env):
    result, status = pytest_once([], given, results, log, log, env)
    if status != 1 or result.failed == 0:
        return result, status
    second, status = pytest_once(["--last-failed"], given, results, log, log + "-again", env)
    if second.passed + second.failed < result.failed:
        return result, 1  # it did not even come to all of them
    return Result(result.passed + second.passed, second.failed, result.skipped, failures=second.failures,
                  again=forgiven(result, second), reasons=result.reasons), status


def limit_of_each(part):
    """Options of pytest that end a test which hangs, with its traceback; none without pytest-timeout."""
    if importlib.util.find_spec("pytest_timeout") is None:
        return []
    prefix, _, kind = part.rpartition("-")
    limit_s = LIMITS_S[kind] * (SLOWER if prefix in PREFIXES else 1)
    # By a signal: the fixtures of the test still end what they started.
    return [f"--timeout={min(limit_s, max(LIMITS_S.values()))}", "--timeout-method=signal"]


def pytest_once(how, given, results, cache, log, env):
    how = [*limit_of_each(results.name), *how]
    junit = results / f"junit-{log}.xml"
    elsewhere = [] if str(EXAMPLES) in given else [f"--ignore={EXAMPLES}"]
    status = call([PYTHON, "-m", "pytest", "-q", "-rs", "-o", f"cache_dir={results}/cache-{cache}",
                   f"--junitxml={junit}", *how, *elsewhere, *given], results / log, env=env)
    return (add(count_suites(junit).values()) if junit.exists() else Result()), status


def pytest_side_by_side(files, results, env):
    """End-to-end tests mostly wait: some processes at a time, a file each, the largest first."""
    waiting = sorted(files, key=lambda file: file.stat().st_size)
    told = []

    def work():
        while True:
            try:
                file = waiting.pop()
            except IndexError:
                return
            try:
                told.append(pytest([str(file.relative_to(ROOT))], results, f"log.{file.stem}", env))
            except Exception as error:  # must not look like success
                (results / f"log.{file.stem}").write_text(f"{type(error).__name__}: {error}\n")
                told.append((Result(failed=1), 1))

    threads = [threading.Thread(target=work) for _ in range(SIDE_BY_SIDE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open(results / "log", "a") as log:
        for one in sorted(results.glob("log.*")):
            log.write(one.read_text(errors="replace"))
    # 5: every test of a file was left out, which its own reasons tell.
    return add(result for result, _ in told), max((status for _, status in told if status != 5), default=1)


def make_packages(log):
    """What the tests of the part `package` look at. What cannot be made here is left to them to skip, with the reason."""
    if shutil.which("dpkg-query") is None:
        return 0
    status = call(["script/image"], log)
    if status == 0 and all(shutil.which(tool) for tool in ("dpkg-buildpackage", "dh", "lintian")):
        status = call(["script/package"], log)
    return status


# LeakSanitizer stops all threads before it looks for leaks. It says this of a thread that ended meanwhile (on a
# busy machine one does), takes all of that thread's stack for reachable, and goes on: a leak would follow.
NO_FINDING = re.compile(r"(==\d+==Unable to get registers from thread \d+\.\n)*")


def sanitizer_environment(prefix, reports):
    where = f"log_path={reports}/report:exitcode=99"
    return {"MEARI_SANITIZER": {"asan": "address", "tsan": "thread"}[prefix],
            "ASAN_OPTIONS": where + ":detect_leaks=1:strict_string_checks=1",
            "UBSAN_OPTIONS": where + ":print_stacktrace=1",
            "TSAN_OPTIONS": where + ":second_deadlock_stack=1"}


def run_part(part, arguments, targets=()):
    """Runs one part; the build that it needs is there. A build makes `targets` only (): everything."""
    prefix, _, kind = part.rpartition("-")
    folder = PREFIXES.get(prefix, "build")
    results = ROOT / folder / "test-results" / part
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    log = results / "log"
    env = os.environ | {"MEARI_BUILD": folder, "PYTHONDONTWRITEBYTECODE": "1"}
    if prefix in PREFIXES:
        (results / "reports").mkdir()
        env |= sanitizer_environment(prefix, results / "reports")

    if part == "format":
        status = call(["script/format", "--check"], log)
        result = Result(passed=int(status == 0))
    elif part in BUILDS:
        status = build(part, log, targets)
        result = Result(passed=int(status == 0))
    elif kind == "package":
        status, result = make_packages(log), Result(failed=1)
        if status == 0:
            result, status = pytest_folder(folder, pathlib.Path("tests/package"), results, arguments, env)
    elif kind in ("house", "torture", "e2e", "systemd", "fleet"):
        tests = pathlib.Path("tests") / kind
        if part == "tsan-e2e" and not arguments:
            found = list((ROOT / tests).glob(TSAN_E2E))
            result, status = pytest_side_by_side(found, results, env)
        elif kind == "e2e" and not arguments:
            found = set((ROOT / tests).glob("test_*.py")) - {ROOT / EXAMPLES}
            result, status = pytest_side_by_side(found, results, env)
        else:
            result, status = pytest_folder(folder, tests, results, arguments, env)
    elif part == "examples":
        result, status = pytest_folder(folder, EXAMPLES.parent, results,
                                       [str(EXAMPLES), *arguments], env)
    elif targets:
        result, status = named_programs(part, targets, folder, results, env)
    else:
        result, status = meson_suite(part, kind, folder, results, arguments, env)

    result.log = log.read_text(errors="replace")
    for report in sorted(results.glob("reports/*")):
        text = report.read_text(errors="replace")
        if not NO_FINDING.fullmatch(text):
            result.failed += 1
            result.log += f"\n{report.relative_to(ROOT)}:\n{text}"
    left_out = part in NEEDS_MORE and status == 0 and result.skipped > 0
    if result.failed == 0 and (status != 0 or result.passed == 0) and not left_out:
        result.failed = 1
        result.log += f"\n{part} ended with status {status} and told of " \
                      f"{result.passed} tests that passed and none that failed\n"
    return result


def show(part, result, seconds):
    counts = f"{result.passed} passed"
    if result.failed:
        counts += f", {result.failed} failed"
    if result.skipped:
        counts += f", {result.skipped} skipped"
    if result.again:
        counts += f", {len(result.again)} at the second try"
    with printing:
        print(f"{part:<12} {counts:<32} {seconds:6.1f} s", flush=True)
        if part in NEEDS_MORE:
            for reason in dict.fromkeys(result.reasons):
                print(f"  skipped: {reason}", flush=True)
        if result.failed:
            lines = result.log.splitlines()
            if len(lines) > TAIL_LINES:
                print(f"  ... the last {TAIL_LINES} of {len(lines)} lines:")
            print("\n".join("  | " + line for line in lines[-TAIL_LINES:]), flush=True)


def run_lane(parts, arguments, results):
    broken = set()
    targets = targets_of(parts[-1], arguments) if arguments and len(parts) == 2 else ()
    for part in parts:
        prefix = part.rpartition("-")[0]
        needs = None if part == "format" or part in BUILDS else PREFIXES.get(prefix, "build")
        start = time.monotonic()
        try:
            if needs in broken:
                result = Result(failed=1, log=f"not run: {needs} failed")
            else:
                result = run_part(part, arguments, targets)
        except Exception as error:  # a fault of this script must not look like success
            result = Result(failed=1, log=f"{type(error).__name__}: {error}")
        if part in BUILDS and result.failed:
            broken.add(part)
        results[part] = result
        show(part, result, time.monotonic() - start)


def chosen_lanes(name):
    """The lanes with only what is named, and the builds that it needs."""
    if name == "all":
        return LANES
    if name is None:
        return [[part for part in lane if part not in ONLY_IN_ALL] for lane in LANES]
    lanes = []
    for lane in LANES:
        wanted = [part for part in lane if part == name or part.split("-")[0] == name]
        if wanted and any(part in BUILDS for part in wanted):
            lanes.append(wanted)
        elif wanted:
            needs = PREFIXES.get(wanted[0].rpartition("-")[0], "build")
            lanes.append(([] if name == "format" else [needs]) + wanted)
    return lanes


class OutOfTime(Exception):
    """SIGTERM, as of timeout(1)."""


def run_out_of_time(number, frame):
    raise OutOfTime


def main(arguments):
    if arguments[:1] == ["--list"]:
        for part in sum(LANES, []):
            prefix, _, kind = part.rpartition("-")
            under = {"asan": ", under ASan and UBSan", "tsan": ", under TSan"}.get(prefix, "")
            more = " (only in 'script/test all')" if part in ONLY_IN_ALL else ""
            print(f"{part:<12} {WHAT.get(part) or WHAT[kind] + under}{more}")
        return 0
    lanes = chosen_lanes(arguments[0] if arguments else None)
    if not lanes:
        print(f"test: no part is called '{arguments[0]}' (see 'script/test --list')",
              file=sys.stderr)
        return 2

    # A shell's background job starts with SIGINT ignored; the programs under test would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, run_out_of_time)
    results = {}
    threads = [threading.Thread(target=run_lane, args=(lane, arguments[1:], results), daemon=True)
               for lane in lanes]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except (KeyboardInterrupt, OutOfTime) as reason:
        for process in list(running):
            os.killpg(process.pid, signal.SIGTERM)
        if isinstance(reason, KeyboardInterrupt):
            print("test: interrupted", file=sys.stderr)
            return 130
        total = add(results.values())
        left = [part for part in sum(lanes, []) if part not in results]
        print(f"ended before its time (SIGTERM); without a result: {' '.join(left)}")
        print(f"{total.passed} passed, {total.failed + len(left)} failed")
        return 1
    total = add(results.values())
    if total.skipped:
        print(f"{total.skipped} skipped; each part's log, BUILD/test-results/PART/log, says why")
    if total.again:
        print("passed only at the second try:")
        for part, result in results.items():
            for name in result.again:
                print(f"  {part:<12} {name}")
    print(f"all parts took {time.monotonic() - start:.0f} s")
    print(f"{total.passed} passed, {total.failed} failed")
    return 0 if total.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
