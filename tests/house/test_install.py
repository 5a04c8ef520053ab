"""`meson install` puts everything where a system looks for it, under DESTDIR too."""

import pathlib
import re
import shutil

import pytest

from house import BUILD, MEARI, PAGES_SOURCE, ROOT, command, prefix


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
    for page in PAGES_SOURCE.glob("*.[13]"):
        section = f"man{page.suffix[1:]}"
        assert (installed / "share/man" / section / page.name).read_bytes() == page.read_bytes()
        korean = PAGES_SOURCE / "ko" / page.name
        assert (installed / "share/man/ko" / section / page.name).read_bytes() == korean.read_bytes()


def test_man_shows_the_korean_page(installed):
    """By LANGUAGE, which needs no Korean locale; man(1) takes LANG=ko_KR.UTF-8 only where that locale is there."""
    if shutil.which("man") is None:
        pytest.skip("no man here (Debian: man-db)")
    shown = command("man", "1", "meari-talk", MANPATH=str(installed / "share/man"), MANWIDTH="80", LANGUAGE="ko")
    assert shown.returncode == 0, shown.stderr
    text = re.sub(r".\x08", "", shown.stdout)
    assert "에코 서비스와 손으로, 또는 파이프로 통신하기" in text, text[:500]


def test_korean(installed):
    """Found from where the program is, though nothing is at the configured place."""
    shown = command(installed / "bin/meari", "--help", LANG="ko_KR.UTF-8")
    assert shown.stdout.startswith("사용법: meari")


def units(installed):
    return installed / "lib/systemd/system"


def test_units(installed):
    service = (units(installed) / "meari.service").read_text()
    assert f"\nExecStart={prefix()}/bin/meari serve " in service
    assert (units(installed) / "meari.socket").read_bytes() == \
        (ROOT / "systemd/meari.socket").read_bytes()


def test_the_configuration_is_sound(installed):
    """The service finds it where it is installed, and it holds no wrong line."""
    service = (units(installed) / "meari.service").read_text()
    named = re.search(r"^ExecStart=.* --config (\S+)$", service, re.MULTILINE)[1]
    found = pathlib.Path(str(installed).removesuffix(prefix()) + named)
    shown = command(installed / "bin/meari", "serve", "--config", found, "--explain")
    assert shown.returncode == 0, shown.stderr


def test_units_are_sound(installed, tmp_path):
    """systemd understands every line, where it is here to be asked."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here (Debian: systemd)")
    service = (units(installed) / "meari.service").read_text()
    (tmp_path / "meari.service").write_text(
        re.sub(r"^(ExecStart=|ExecReload=.*meari|Documentation=).*\n", r"", service, flags=re.MULTILINE) +
        "\n[Service]\nExecStart=/bin/true\n")
    socket = (units(installed) / "meari.socket").read_text()
    (tmp_path / "meari.socket").write_text(re.sub(r"Documentation=.*\n", "", socket))
    checked = command("systemd-analyze", "verify", "--man=no", tmp_path / "meari.service",
                      tmp_path / "meari.socket")
    assert "meari" not in checked.stderr, checked.stderr


def test_exposure(installed):
    """At most 2.0 of 10 in the eyes of systemd."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here (Debian: systemd)")
    command_line = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager",
                    units(installed) / "meari.service"]
    checked = command(*command_line)
    if "unrecognized option" in checked.stderr:
        pytest.skip("this systemd-analyze cannot do it offline")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert re.search(r"exposure level for meari\.service: \d", checked.stdout)


@pytest.mark.parametrize("shell, place", [
    ("bash", "share/bash-completion/completions/meari"),
    ("zsh", "share/zsh/site-functions/_meari"),
    ("fish", "share/fish/vendor_completions.d/meari.fish"),
])
def test_completions(installed, shell, place):
    assert (installed / place).read_text() == command(MEARI, "--completions", shell).stdout


def test_nothing_else(installed):
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    unexpected = {name for name in files
                  if not name.startswith(("share/man/man1/meari", "share/man/ko/man1/meari", "share/locale/",
                                          "lib/systemd/system/meari.", "etc/meari/serve.conf",
                                          "share/bash-completion/", "share/zsh/", "share/fish/"))}
    library = {re.sub(r"^lib/.*?(?=lib\w|pkgconfig)", "lib/", name) for name in unexpected} - {"bin/meari"}
    assert library == {"include/meari_echo.h", "lib/libmeari-echo.so.0.1.0", "lib/libmeari-echo.so.0",
                       "lib/libmeari-echo.so", "lib/pkgconfig/meari-echo.pc", "share/man/man3/libmeari-echo.3",
                       "share/man/ko/man3/libmeari-echo.3"}
