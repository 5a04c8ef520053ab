"""One verb = one file = one man page = one test file; options, --help and man page agree."""

import re

import pytest

from house import MEARI, ROOT, command, verbs

VERBS = verbs()
PAGES = sorted((ROOT / "docs/man").glob("*.1"))
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
    pages = {path.stem.removeprefix("meari-") for path in PAGES if path.stem != "meari"}
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_man_page_is_sound(page):
    checked = command("mandoc", "-Tlint", "-Wwarning", page)
    assert checked.returncode == 0 and checked.stdout == "", checked.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_man_page_is_installed(page):
    assert f"'man/{page.name}'" in (ROOT / "docs/meson.build").read_text()


def test_main_help_lists_all_verbs():
    shown = command(MEARI, "--help").stdout
    assert re.findall(r"^  (\w+) +\S", shown, re.MULTILINE) == VERBS
