"""One verb = one file = one man page = one test file; options, --help and man page agree."""

import re

import pytest

from house import MEARI, ROOT, command, verbs

VERBS = verbs()
PAGES = sorted((ROOT / "docs/man").glob("*.[13]"))
KOREAN = sorted((ROOT / "docs/man/ko").glob("*.[13]"))
HANGUL = re.compile("[가-힣]")
# Sections that man(1) and mandoc know by name; a Korean page keeps their names.
KNOWN = {"NAME", "LIBRARY", "SYNOPSIS", "DESCRIPTION", "RETURN VALUES", "IMPLEMENTATION NOTES", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES",
         "DIAGNOSTICS", "SEE ALSO", "STANDARDS", "HISTORY", "AUTHORS", "CAVEATS", "BUGS", "SECURITY CONSIDERATIONS",
         "OUTPUT", "JSON", "SIGNALS", "KEYS"}
# What every verb has: told once, in meari(1).
STANDARD = {"-?", "--help", "--usage", "-V", "--version", "--lang"}


def table_options(verb):
    """The options in the table of a verb."""
    shown = command(MEARI, "--completions", "plain")
    assert shown.returncode == 0, shown.stderr
    rows = [line.split("\t") for line in shown.stdout.splitlines()]
    found = {name for row in rows if row[0] == verb for name in row[1:3] if name}
    assert STANDARD < found
    return found - STANDARD


def headings(page):
    """Sections and subsections, in order."""
    return re.findall(r"^\.(S[hs]) (.*)$", page.read_text().replace("\\&", ""), re.MULTILINE)


def section(page, name):
    return re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", page.read_text(), re.MULTILINE | re.DOTALL)[1]


def lines_of(page, *macros):
    return [line for line in page.read_text().splitlines() if line.startswith(macros)]


def man_options(page):
    """The options that a man page explains: what stands behind Fl in its .It lines."""
    found = set()
    for line in page.read_text().splitlines():
        if line.startswith(".It"):
            found |= {"-" + name.replace("\\-", "-")
                      for name in re.findall(r"\bFl (?:Fl )?((?:\\?-)?[\w?][\w\\-]*)",
                                             line.replace("Fl Fl ", "Fl -"))}
    return found - STANDARD


@pytest.mark.parametrize("verb", VERBS)
def test_verb_has_its_files(verb):
    for path in (f"src/cli/verb_{verb}.c", f"docs/man/meari-{verb}.1", f"tests/e2e/test_{verb}.py"):
        assert (ROOT / path).is_file(), path


def test_no_file_without_a_verb():
    found = {path.stem.removeprefix("verb_") for path in (ROOT / "src/cli").glob("verb_*.c")}
    assert found == set(VERBS)
    pages = {path.stem.removeprefix("meari-") for path in PAGES if path.stem != "meari" and path.suffix == ".1"}
    assert pages == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
def test_verb_is_in_the_readme(verb, readme):
    assert f"meari {verb}" in (ROOT / readme).read_text()


@pytest.mark.parametrize("verb", VERBS)
def test_verb_is_in_meari_1(verb):
    text = (ROOT / "docs/man/meari.1").read_text()
    assert re.search(rf"^\.It .*\b{verb}\b", text, re.MULTILINE)
    assert f".Xr meari-{verb} 1" in text


@pytest.mark.parametrize("verb", VERBS)
def test_table_and_man_page_have_the_same_options(verb):
    assert table_options(verb) == man_options(ROOT / f"docs/man/meari-{verb}.1")


def both(page):
    return ROOT / "docs/man" / page.name, ROOT / "docs/man/ko" / page.name


def test_every_page_is_there_in_korean():
    assert [page.name for page in KOREAN] == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_korean_page_has_the_same_options(page):
    """The same ones, in the same order, in the synopsis and in the text, and each with something in Korean."""
    english, korean = both(page)
    assert man_options(korean) == man_options(english)
    assert lines_of(korean, ".It Fl") == lines_of(english, ".It Fl")
    assert section(korean, "SYNOPSIS") == section(english, "SYNOPSIS")
    for entry in re.findall(r"^\.It Fl .*\n((?:(?!\.It|\.El).*\n)*)", korean.read_text(), re.MULTILINE):
        assert HANGUL.search(entry), entry


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_korean_page_has_the_same_sections(page):
    """A section of our own has a Korean name, with the English one behind it, so that a search for either finds it."""
    english, korean = map(headings, both(page))
    assert [kind for kind, name in korean] == [kind for kind, name in english]
    for (_, there), (_, name) in zip(korean, english):
        assert there == name if name in KNOWN else re.fullmatch(rf"[가-힣].* \({re.escape(name)}\)", there), there
    assert lines_of(both(page)[1], ".Os", ".Dd", ".Dt") == lines_of(both(page)[0], ".Os", ".Dd", ".Dt")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_korean_page_has_the_same_examples(page):
    english, korean = both(page)
    assert lines_of(korean, ".Dl", ".D1") == lines_of(english, ".Dl", ".D1")
    literal = re.compile(r"^\.Bd -literal.*?^\.Ed$", re.MULTILINE | re.DOTALL)
    assert literal.findall(korean.read_text()) == literal.findall(english.read_text())
    assert set(lines_of(korean, ".%", ".Rs")) == set(lines_of(english, ".%", ".Rs"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_korean_page_has_the_same_names(page):
    """Keys of JSON, events, files, variables and other pages: what is written as it stands."""
    def names(path):
        found = re.findall(r"\b(?:Xr|Ev|Dv|Er|Pa|Va) (\S+)", path.read_text())
        keys = re.findall(r"[a-z]\w*_\w+", " ".join(lines_of(path, ".Li", ".It Li", ".Pq Li")))
        return set(found) | set(keys)

    english, korean = map(names, both(page))
    assert korean == english


@pytest.mark.parametrize("page", PAGES + KOREAN, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_man_page_is_sound(page):
    checked = command("mandoc", "-Tlint", "-Wwarning", page)
    assert checked.returncode == 0 and checked.stdout == "", checked.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_man_page_is_installed(page):
    assert f"'man/{page.name}'" in (ROOT / "docs/meson.build").read_text()
    assert f"'man/ko/{page.name}'" in (ROOT / "docs/meson.build").read_text()


def test_main_help_lists_all_verbs():
    shown = command(MEARI, "--help").stdout
    assert re.findall(r"^  (\w+) +\S", shown, re.MULTILINE) == VERBS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_version_in_the_footer(page):
    """A page that names a version (.Os) names the one of meson.build."""
    version = re.search(r"^  version: '([^']+)'", (ROOT / "meson.build").read_text(), re.MULTILINE)[1]
    for line in re.findall(r"^\.Os (.+)$", page.read_text(), re.MULTILINE):
        assert line == f"meari {version}"
