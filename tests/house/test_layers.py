"""Who may include whom under src/: the table that keeps the layers apart, and no circle anywhere."""

import collections
import re

import pytest

from house import BUILD, ROOT, command, compile_command, sources

# A folder's own headers and the system's are always allowed. A call that must go up goes through a table that is
# handed down, never through an include.
MAY_INCLUDE = {
    "base": "",
    "net": "base",
    "wire": "base net",
    "stats": "base",
    "protocol": "base stats",
    "engine": "base net protocol",
    "engine/staged": "base protocol wire",
    "engine/epoll": "base net protocol engine",
    "engine/uring": "base net protocol engine",
    "web": "base stats protocol engine",
    "server/listen": "base net",
    "server/upgrade": "base net server/listen",
    "server/fault": "base protocol server/listen",
    "server/admission": "base net stats wire protocol engine server/listen",
    "server/control": "base net server/listen",
    "server/sandbox": "base wire engine server/listen server/admission",
    "server/web": "base net stats protocol engine web server/admission",
    "server": "base net stats protocol wire engine engine/staged server/listen server/upgrade server/fault "
              "server/admission server/sandbox server/control server/web",
    "client": "base net wire",
    "talk": "base net wire client",
    "tour/stops": "",
    "tour": "base net client tour/stops",
    "check/program": "base net client",
    "check/traffic": "base net client protocol",
    "check": "base net wire client protocol check/program check/traffic",
    "ping": "base net wire client stats",
    "bench": "base net stats protocol wire engine engine/staged client report report/model bench/fleet",
    "bench/fleet": "base",
    "addr": "base net",
    "report/model": "base stats",
    "report": "base stats report/model",
    "report/fleet": "base stats report/model report",
    "cli": "*",
}
# Of src/bench, what turns a measurement into a result; the generator knows nothing of results.
ONLY_FROM = {("bench", "report"): ("measure", "result"), ("bench", "report/model"): ("measure", "result")}
# Made while building.
GENERATED = {"config.h", "base/catalogue_bytes.h", "report/page_bytes.h", "server/web/page_bytes.h", "tour/tour_examples.h"}
# A system's own header stays behind one door.
ONLY_IN = {
    "liburing.h": ("engine/uring/",),
    "sys/epoll.h": ("engine/epoll/", "engine/lookout."),
    "zlib.h": ("stats/hdrlog",),
    **{f"openssl/{name}.h": ("wire/tls",) for name in ("err", "evp", "pem", "rand", "ssl", "x509", "x509v3")},
}


def folder_of(path):
    return str(path.parent) if hasattr(path, "parent") else path.rpartition("/")[0]


def includes(path):
    text = (ROOT / "src" / path).read_text()
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.MULTILINE)


def test_each_folder_has_a_row():
    assert {folder_of(path) for path in sources()} == set(MAY_INCLUDE)


@pytest.mark.parametrize("path", sources(), ids=str)
def test_includes(path):
    folder = folder_of(path)
    allowed = MAY_INCLUDE[folder].split()
    for bracket, header in includes(path):
        if bracket == "<":
            doors = ONLY_IN.get(header)
            assert doors is None or str(path).startswith(doors), \
                f"src/{path} includes <{header}>, which only src/{' or src/'.join(doors)}* may"
        elif header not in GENERATED:
            other = folder_of(header)
            assert "/" in header and ".." not in header, \
                f'src/{path} includes "{header}"; write it from src/: "{folder}/{header}"'
            assert other == folder or allowed == ["*"] or other in allowed, \
                f"src/{path} includes {header}: {folder} may not know {other}"
            assert other != "cli" or folder == "cli", f"src/{path} includes {header}: nobody may know cli"
            stems = ONLY_FROM.get((folder, other))
            assert stems is None or path.stem.startswith(stems), \
                f"src/{path} includes {header}: only {' and '.join(stems)} may"
            assert (ROOT / "src" / header).exists(), f"src/{path}: no src/{header}"


def test_every_socket_option_has_a_name_in_the_trace():
    """What a socket call sets or asks for is shown by name: net/call_text.c has the table."""
    pattern = r"\b(SOL_SOCKET|IPPROTO_[A-Z0-9]+),\s*((?:SO|TCP|UDP|IP|IPV6)_[A-Z0-9_]+)\b"
    named = set(re.findall(pattern, (ROOT / "src/net/call_text.c").read_text()))
    assert named
    for path in sources(".c"):
        for level, option in re.findall(pattern, (ROOT / "src" / path).read_text()):
            assert (level, option) in named, f"src/{path}: {option} has no name in net/call_text.c"


def test_the_library_is_a_worker_and_nothing_around_it():
    allowed = "base net protocol engine server server/listen server/fault".split()
    for path in (ROOT / "lib").glob("*.[ch]"):
        for header in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
            assert header in GENERATED | {"meari_echo.h"} or folder_of(header) in allowed, f"{path.name}: {header}"


def test_a_folder_is_a_topic():
    crowded = {folder: count for folder, count in
               collections.Counter(folder_of(path) for path in sources(".c")).items() if count > 20}
    assert not crowded, "more .c files than a reader can take in"


def circles(graph):
    """Strongly connected groups of more than one node (Tarjan), each sorted."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            group = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return found


def test_no_circle_of_folders():
    graph = {folder: set() for folder in MAY_INCLUDE}
    for path in sources():
        for bracket, header in includes(path):
            if bracket == '"' and header not in GENERATED and folder_of(header) != folder_of(path):
                graph[folder_of(path)].add(folder_of(header))
    assert not circles(graph)


def calls():
    """Which file of the library uses a symbol of which other one."""
    defined, used = {}, collections.defaultdict(set)
    for path in sources(".c"):
        file = BUILD / "src/libmeari.a.p" / ("_".join(path.parts) + ".o")
        if not file.exists():
            continue  # main.c; an engine that this build has not
        shown = command("nm", "--format=posix", file)
        assert shown.returncode == 0, shown.stderr
        for line in shown.stdout.splitlines():
            symbol, kind = line.split()[:2]
            if kind == "U":
                used[str(path)].add(symbol)
            elif kind in "TDBRVW":
                defined[symbol] = str(path)
    return {path: {defined[s] for s in symbols if s in defined} - {path} for path, symbols in used.items()}


def test_no_circle_of_files():
    """What both sides of a circle need belongs into a file below them, or goes through a table."""
    assert not circles(calls())


@pytest.mark.parametrize("path", sources(".h"), ids=str)
def test_header_stands_alone(path, tmp_path):
    file = tmp_path / "alone.c"
    file.write_text(f'#include "{path}"\n#include "{path}"\n')
    built = command(*compile_command(), "-fsyntax-only", "-Werror", file)
    assert built.returncode == 0, built.stderr
