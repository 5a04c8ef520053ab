"""The shape of the sources: how long files and functions may be, and names that are addresses."""

import pytest

from house import BUILD, ROOT, command, sources

MOST_FILE_LINES = 600
MOST_FUNCTION_LINES = 100


def lines_of(path):
    return (ROOT / "src" / path).read_text().splitlines()


@pytest.mark.parametrize("path", sources(), ids=str)
def test_file_length(path):
    assert len(lines_of(path)) <= MOST_FILE_LINES


@pytest.mark.parametrize("path", sources(".c"), ids=str)
def test_function_length(path):
    # With clang-format's Linux braces, a function's body stands between '{' and '}' in column 0.
    opened = None
    for number, line in enumerate(lines_of(path), 1):
        if line == "{":
            opened = number
        elif line == "}" and opened is not None:
            length = number - opened + 1
            assert length <= MOST_FUNCTION_LINES, \
                f"src/{path}:{opened}: a function of {length} lines"
            opened = None


@pytest.mark.parametrize("path", sources(), ids=str)
def test_file_tells_its_story_first(path):
    assert lines_of(path)[0].startswith("/*"), f"src/{path} does not open with a comment"


def test_stems_are_unique():
    places = {}
    for path in sources():
        other = places.setdefault((path.stem, path.suffix), path)
        assert other == path, f"src/{path} and src/{other} have one name"
    for path in sources():
        pair = places.get((path.stem, ".h" if path.suffix == ".c" else ".c"))
        assert pair is None or pair.parent == path.parent, f"src/{path} and src/{pair}"


def public_symbols():
    """(source relative to src/, symbol) for every symbol that a source shows."""
    by_object = {"_".join(path.parts) + ".o": path for path in sources(".c")}
    shown = command("nm", "--extern-only", "--defined-only", "--print-file-name",
                    BUILD / "src/libmeari.a")
    assert shown.returncode == 0, shown.stderr
    found = []
    for line in shown.stdout.splitlines():
        place, symbol = line.rsplit(":", 1)[0], line.split()[-1]
        name = place.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
        assert name in by_object, f"no source for {place}"
        found.append((by_object[name], symbol))
    return found


def test_symbols_begin_with_their_file():
    found = public_symbols()
    assert len(found) > 10
    for path, symbol in found:
        assert (symbol == path.stem or symbol.startswith(path.stem + "_")
                or symbol.startswith("__")), \
            f"src/{path} shows '{symbol}', which does not begin with '{path.stem}_'"


# In a program that is one file (-Dstatic=true) all public symbols meet.
STATIC_LIBRARIES = ["c", "edit", "tinfo", "ncursesw", "bsd", "md", "jansson", "z", "uring", "seccomp"]


@pytest.mark.parametrize("library", STATIC_LIBRARIES)
def test_no_symbol_is_a_library_s(library):
    place = command("gcc", f"-print-file-name=lib{library}.a").stdout.strip()
    if "/" not in place:
        pytest.skip(f"there is no lib{library}.a here")
    shown = command("nm", "--extern-only", "--defined-only", "--format=posix", place)
    theirs = {line.split()[0] for line in shown.stdout.splitlines() if " " in line}
    ours = {symbol for _, symbol in public_symbols() if not symbol.startswith("__")}
    assert theirs and not ours & theirs
