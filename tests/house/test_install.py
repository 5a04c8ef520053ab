"""`meson install` puts everything where a system looks for it, under DESTDIR too."""

import pytest

from house import BUILD, PAGES_SOURCE, command, prefix


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    place = tmp_path_factory.mktemp("destdir")
    done = command("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", DESTDIR=str(place))
    assert done.returncode == 0, done.stdout + done.stderr
    return place / prefix().lstrip("/")


def test_program(installed):
    shown = command(installed / "bin/meari", "--version")
    assert shown.returncode == 0 and shown.stdout.startswith("meari ")


def test_man_pages(installed):
    for page in PAGES_SOURCE.glob("*.1"):
        assert (installed / "share/man/man1" / page.name).read_bytes() == page.read_bytes()


def test_korean(installed):
    """Found from where the program is, though nothing is at the configured place."""
    shown = command(installed / "bin/meari", "--help", LANG="ko_KR.UTF-8")
    assert shown.stdout.startswith("사용법: meari")


def test_nothing_else(installed):
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    unexpected = {name for name in files
                  if not name.startswith(("share/man/man1/meari", "share/locale/"))}
    assert unexpected == {"bin/meari"}
