"""The lower folders compile with another libc, with 32 bits, and big-endian, where such compilers are installed."""

import re
import shutil

import pytest

from house import BUILD, ROOT, command, compile_command, sources

FOLDERS = "base", "net", "stats", "protocol"
COMPILERS = {
    "musl-gcc": "another libc (Debian's musl-tools)",
    "i686-linux-gnu-gcc": "32 bits (Debian's gcc-i686-linux-gnu)",
    "s390x-linux-gnu-gcc": "big-endian (Debian's gcc-s390x-linux-gnu)",
}
FLAGS = ("-std=gnu17", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-Wall", "-Wextra", "-Wshadow", "-Wvla",
         "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wwrite-strings", "-Wno-unused-parameter",
         "-Wno-missing-field-initializers", "-Werror", "-fsyntax-only")


def library_headers(folder):
    """A folder with the headers of the libraries that these folders use: other compilers do not find them."""
    file = folder / "libraries.c"
    file.write_text("#include <jansson.h>\n#include <zlib.h>\n")
    shown = command(*compile_command(), "-M", file)
    assert shown.returncode == 0, shown.stderr
    found = re.findall(r"(\S*/(?:jansson\w*|zlib|zconf)\.h)", shown.stdout)
    assert len(found) >= 4, shown.stdout
    for header in map(ROOT.joinpath, found):
        if not (folder / header.name).exists():
            (folder / header.name).symlink_to(header)
    return folder


@pytest.mark.parametrize("compiler", COMPILERS)
def test_compiles(compiler, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}: {COMPILERS[compiler]}")
    files = [ROOT / "src" / path for path in sources(".c") if path.parts[0] in FOLDERS]
    assert len(files) > 30
    built = command(compiler, *FLAGS, f"-I{ROOT / 'src'}", f"-I{BUILD}", f"-I{BUILD / 'src'}", "-idirafter", library_headers(tmp_path), *files)
    assert built.returncode == 0, built.stderr
