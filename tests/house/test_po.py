"""Translations: every message is in every catalogue, translated, and none is left over."""

import re
import shutil

import pytest

from house import ROOT, command, sources

LANGUAGES = [line for line in (ROOT / "po/LINGUAS").read_text().split() if line]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("po") / "meari.pot"
    made = command("script/po", "--template", path)
    assert made.returncode == 0, made.stderr
    assert made.stderr == "", "xgettext warns: " + made.stderr
    return path


def entries(path, *options):
    """The messages of a catalogue that msgattrib selects with these options, as {msgid: msgstr}."""
    shown = command("msgattrib", "--no-wrap", *options, path)
    assert shown.returncode == 0, shown.stderr
    found = {}
    for block in shown.stdout.split("\n\n"):
        block = re.sub(r'"\n"', "", block)
        text = re.search(r'^(?:#~ )?msgid "(.*)"$', block, re.MULTILINE)
        if text and text[1]:
            found[text[1]] = re.findall(r'^(?:#~ )?msgstr(?:\[\d\])? "(.*)"$', block, re.MULTILINE)
    return found


def test_potfiles_lists_every_source_with_messages():
    listed = (ROOT / "po/POTFILES").read_text().split()
    # The rows that several verbs share are in a header.
    wanted = [f"src/{path}" for path in [*sources(".c"), "cli/tls_options.h"]
              if re.search(r"\b(_|N_|ngettext)\(", (ROOT / "src" / path).read_text())]
    assert sorted(listed) == sorted(wanted), "run script/po"


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_is_complete(language, template):
    catalogue = ROOT / "po" / f"{language}.po"
    have, want = entries(catalogue, "--no-obsolete"), entries(template)
    assert len(want) > 10
    assert not want.keys() - have.keys(), "not in the catalogue; run script/po"
    assert not have.keys() - want.keys(), "no longer in the sources; run script/po"
    assert not entries(catalogue, "--untranslated")
    assert not entries(catalogue, "--only-fuzzy")
    assert not entries(catalogue, "--only-obsolete")


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_is_sound(language, tmp_path):
    """Printf directives agree, newlines at both ends too, the header is whole."""
    checked = command("msgfmt", "--check", "--output", tmp_path / "out.mo", f"po/{language}.po")
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_typed_is_not_translated(language):
    """Options, names of verbs in quotes, and placeholders of commands stay what can be typed."""
    for text, translations in entries(ROOT / "po" / f"{language}.po", "--translated").items():
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", text):
            assert all(option in there for there in translations), f"{text!r} lost {option}"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_script_po_changes_nothing_when_nothing_changed(tmp_path):
    """Twice the same: no dates, no line numbers, no shuffling."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("po", "src", "script"):
        shutil.copytree(ROOT / name, copy / name)
    assert command(copy / "script/po").returncode == 0
    first = contents(copy / "po")
    assert command(copy / "script/po").returncode == 0
    changed = [name for name, text in contents(copy / "po").items() if text != first[name]]
    assert not changed
    stale = [name for name, text in contents(ROOT / "po").items() if text != first[name]]
    assert not stale, "run script/po"


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_form_for_all_numbers(language):
    """The one-file program does not compute plural forms (src/base/catalogue.c)."""
    assert '"Plural-Forms: nplurals=1; plural=0;\\n"' in (ROOT / "po" / f"{language}.po").read_text()
