"""libmeari-echo from outside: what it shows, what it promised before, and how others build against it."""

import os
import re
import shutil
import subprocess

import pytest

from meari import BUILD, ROOT, SANITIZER, environment, run

LIBRARY = BUILD / "lib/libmeari-echo.so.0"
HEADER = ROOT / "lib/meari_echo.h"
BASELINE = ROOT / "lib/meari-echo.abi"
PAGE = ROOT / "docs/man/libmeari-echo.3"
FUNCTIONS = set(re.findall(r"\b(meari_echo_\w+)\(", re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)))

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="this build has no library (-Dlibrary, -Dstatic)")


def call(*command, status=0, **changes):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=100,
                          env=environment(**changes), stdin=subprocess.DEVNULL)
    assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def needs(*tools):
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here")


def exported(library):
    shown = call("nm", "--dynamic", "--defined-only", "--format=posix", library)
    return {line.split()[0] for line in shown.splitlines() if line.split()[1] != "A"}


@pytest.mark.skipif(SANITIZER is not None, reason="sanitizers show symbols of their own")
def test_what_is_shown_is_what_the_header_has():
    assert len(FUNCTIONS) == 8
    assert exported(LIBRARY) == {name + "@@MEARI_ECHO_0" for name in FUNCTIONS}


def test_its_name_and_what_it_needs():
    shown = call("readelf", "--dynamic", LIBRARY)
    assert "[libmeari-echo.so.0]" in shown
    needed = set(re.findall(r"\(NEEDED\).*\[(lib\w+)", shown))
    assert not needed & {"libedit", "libseccomp", "libz"}, "the program's, not the library's"


def test_the_page_and_the_symbols_file_know_each_function():
    page = PAGE.read_text()
    assert set(re.findall(r"^\.Fo (\w+)|^\.Ft .*\n\.Fn (\w+)", page, re.MULTILINE)) and \
        FUNCTIONS <= set(re.findall(r"\b(meari_echo_\w+)", page))
    symbols = (ROOT / "debian/libmeari-echo0.symbols").read_text()
    assert set(re.findall(r"^ (meari_echo_\w+)@MEARI_ECHO_0 ", symbols, re.MULTILINE)) == FUNCTIONS


def test_nothing_that_was_promised_has_changed(tmp_path):
    """Functions may come; what there was in lib/meari-echo.abi stays, in name and type. Made anew by:

    abidw --no-corpus-path --no-comp-dir-path --no-show-locs --drop-private-types --headers-dir FOLDER_WITH_THE_HEADER \\
        build/lib/libmeari-echo.so.0.1.0 --out-file lib/meari-echo.abi
    """
    needs("abidiff")
    if SANITIZER is not None or os.uname().machine != "x86_64":
        pytest.skip("the baseline is one of plain x86-64")
    shutil.copy(HEADER, tmp_path)
    call("abidiff", "--drop-private-types", "--headers-dir2", tmp_path, "--no-added-syms", BASELINE, LIBRARY)
    # It would see a change: a function that is not there, and one whose parameter is another.
    for old, new in ("meari_echo_stop", "meari_echo_halt"), ("name='unsigned int' size-in-bits='32'",
                                                             "name='unsigned int' size-in-bits='64'"):
        text = BASELINE.read_text()
        assert old in text
        (tmp_path / "other.abi").write_text(text.replace(old, new))
        shown = subprocess.run(["abidiff", "--drop-private-types", "--headers-dir2", str(tmp_path),
                                str(tmp_path / "other.abi"), str(LIBRARY)], capture_output=True, text=True)
        assert shown.returncode & 4, shown.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """`meson install` into a folder; gives the environment in which pkg-config and the linker find it."""
    place = tmp_path_factory.mktemp("installed")
    call("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", DESTDIR=place)
    config = next(place.rglob("meari-echo.pc"))
    prefix = re.search(r"^prefix=(.*)$", config.read_text(), re.MULTILINE)[1]
    config.write_text(config.read_text().replace(f"prefix={prefix}", f"prefix={place}{prefix}"))
    return {"PKG_CONFIG_PATH": config.parent, "LD_LIBRARY_PATH": next(place.rglob("libmeari-echo.so")).parent}


PROGRAM = """
#include <meari_echo.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct meari_echo *echo = NULL;
	char why[MEARI_ECHO_WHY_SIZE];
	uint64_t open = 1;

	if (meari_echo_start("udp://localhost:0?fault=drop", &echo, why, sizeof(why)) < 0)
		return puts(why), 1;
	printf("%s %u\\n", meari_echo_address(echo, 0), meari_echo_port(echo, 0));
	if (strcmp(meari_echo_version(), VERSION) != 0 || meari_echo_counter(echo, "connections_open", &open) < 0)
		return 2;
	return meari_echo_stop(echo) == 0 && open == 0 ? 0 : 3;
}
"""


@pytest.mark.parametrize("compiler, suffix, flags", [("cc", "c", ["-std=c99"]), ("cc", "c", ["-std=c17"]),
                                                     ("c++", "cpp", ["-std=c++11"])])
def test_others_build_against_it(installed, tmp_path, localhost, compiler, suffix, flags):
    needs(compiler, "pkg-config")
    if SANITIZER is not None:
        pytest.skip("a program without the sanitizer's runtime cannot load it")
    source = tmp_path / f"program.{suffix}"
    source.write_text(PROGRAM)
    told = call("pkg-config", "--cflags", "--libs", "meari-echo", **installed).split()
    version = run("--version").stdout.split()[1]
    assert call("pkg-config", "--modversion", "meari-echo", **installed).strip() == version
    call(compiler, *flags, "-Wall", "-Wextra", "-Wpedantic", "-Werror", f'-DVERSION="{version}"', source, *told,
         "-o", tmp_path / "program")
    assert re.fullmatch(r"udp://\S+:(\d+) \1\n", call(tmp_path / "program", **installed))


def test_the_examples_pass(installed, tmp_path):
    """CMake finds it by pkg-config, CTest runs the two programs, and cmocka is one of them."""
    needs("cmake", "ctest", "pkg-config", "c++")
    if SANITIZER is not None:
        pytest.skip("a program without the sanitizer's runtime cannot load it")
    shutil.copytree(ROOT / "examples/fixtures/c", tmp_path / "c")
    call("cmake", "-S", tmp_path / "c", "-B", tmp_path / "built", **installed)
    call("cmake", "--build", tmp_path / "built", **installed)
    shown = call("ctest", "--test-dir", tmp_path / "built", "--output-on-failure", **installed)
    assert re.search(r"100% tests passed, 0 tests failed out of 2", shown), shown
