"""The Debian packages, installed into a Debian of their own: what a user of `apt install` gets.

The Debian is made by mmdebstrap once, with what the packages depend on, and kept as an archive in build/; each run
unpacks it anew. It has a small /dev of its own, never the host's.
"""

import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

from conftest import ROOT
from shells import Shell

PACKAGES = ROOT / "build/packages"
ARCHIVE = ROOT / "build/package-root.tar"
# For pages, for Tab, and for the fixture.
TOOLS = ["bash-completion", "fish", "locales", "man-db", "python3-pytest", "zsh"]
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
SECONDS = 600
VERBS = ["serve", "talk", "ping", "bench", "check", "report", "addr"]


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=SECONDS,
                          stdin=subprocess.DEVNULL, **options)


def release():
    """The name of this system's release, whose libraries the packages were built with."""
    found = re.search(r'^VERSION_CODENAME="?([a-z]+)', pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)
    return found[1] if found else None


def why_not():
    if os.geteuid() != 0:
        return "a Debian in a folder takes root, for chroot(8)"
    for tool in "mmdebstrap", "dpkg-deb", "chroot":
        if shutil.which(tool) is None:
            return f"{tool} is not here (script/setup all installs it)"
    if not list(PACKAGES.glob("meari_*.deb")):
        return "there are no packages in build/packages (script/package makes them)"
    return None


pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def dependencies():
    names = set()
    for package in PACKAGES.glob("*.deb"):
        for wanted in run("dpkg-deb", "--field", package, "Depends").stdout.split(","):
            names.add(re.split(r"[ (|:]", wanted.strip())[0])
    return sorted(name for name in names if name and "meari" not in name)


def make_archive():
    """ARCHIVE, made anew unless it is what is wanted."""
    wanted = f"{release()} {' '.join(sorted([*TOOLS, *dependencies()]))}"
    stamp = ARCHIVE.with_suffix(".packages")
    if ARCHIVE.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    new = ARCHIVE.with_name("package-root.new.tar")
    made = run("mmdebstrap", "--quiet", "--variant=minbase", "--include=" + ",".join(wanted.split()[1:]),
               "--dpkgopt=path-include=/usr/share/man/*", release(), new)
    if made.returncode != 0:
        new.unlink(missing_ok=True)
        last = (made.stderr.strip().splitlines() or ["it says nothing"])[-1]
        pytest.skip(f"mmdebstrap makes no Debian here: {last}")
    os.replace(new, ARCHIVE)
    stamp.write_text(wanted)


def make_devices(folder):
    for name, (major, minor) in DEVICES.items():
        place = folder / "dev" / name
        try:
            os.mknod(place, 0o666 | stat.S_IFCHR, os.makedev(major, minor))
        except PermissionError:
            pytest.skip("devices cannot be made here")
        os.chmod(place, 0o666)


def files_of(folder):
    """All that is there but what dpkg, caches and logs keep for themselves."""
    left_out = []
    for place in "var/lib/dpkg", "var/cache", "var/log", "tmp":
        left_out += ["-path", f"{folder}/{place}", "-o"]
    listed = run("find", folder, "-xdev", "(", *left_out[:-1], ")", "-prune", "-o", "-print")
    return set(listed.stdout.splitlines())


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """A folder with Debian and our packages in it; gives a function that runs a command there."""
    make_archive()
    folder = tmp_path_factory.mktemp("debian")
    unpacked = run("tar", "-x", "-C", folder, "-f", ARCHIVE, "--exclude=./dev/*")
    assert unpacked.returncode == 0, unpacked.stderr
    make_devices(folder)

    def inside(*command, status=0, **env):
        ended = run("chroot", folder, *command,
                    env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LANG": "C.UTF-8",
                         "DEBIAN_FRONTEND": "noninteractive"} | env)
        assert ended.returncode == status, f"{command}: {ended.stdout}\n{ended.stderr}"
        return ended.stdout

    inside.folder = folder
    inside.before = files_of(folder)
    for package in PACKAGES.glob("*.deb"):
        shutil.copy(package, folder / "tmp")
    inside("sh", "-c", "dpkg -i /tmp/*.deb && rm /tmp/*.deb")
    yield inside
    shutil.rmtree(folder, ignore_errors=True)


def test_every_verb_works(debian):
    """The package's own test; it is to say nothing on standard error but what programs there say."""
    shutil.copy(ROOT / "debian/tests/conversation", debian.folder / "tmp/conversation")
    debian("bash", "/tmp/conversation")


@pytest.mark.parametrize("page", ["meari", *[f"meari-{verb}" for verb in VERBS]])
def test_pages(debian, page):
    assert page.upper() + "(1)" in debian("man", "--pager=cat", page, MANWIDTH="80")


@pytest.fixture(scope="module")
def korean(debian):
    """The environment of somebody who reads Korean. man(1) looks for pages by a locale that there really is."""
    debian("localedef", "-i", "ko_KR", "-f", "UTF-8", "ko_KR.UTF-8")
    return {"LANG": "ko_KR.UTF-8"}


@pytest.mark.parametrize("page", ["meari", *[f"meari-{verb}" for verb in VERBS]])
def test_korean_pages(debian, korean, page):
    if not (ROOT / "docs/man/ko").exists():
        pytest.skip("there are no Korean pages yet")
    assert re.search("[가-힣]", debian("man", "--pager=cat", page, MANWIDTH="80", **korean))


def test_korean_messages(debian):
    assert debian("meari", "--help", LANG="ko_KR.UTF-8").startswith("사용법: meari")


def test_the_fixture_is_found_by_pytest(debian):
    shutil.copy(ROOT / "debian/tests/fixture", debian.folder / "tmp/fixture")
    assert "11 passed" in debian("bash", "/tmp/fixture")


def test_the_library_is_found(debian, korean):
    """By the linker's cache; a compiler is not there, and is tried by tests/e2e/test_library.py."""
    code = ("import ctypes; library = ctypes.CDLL('libmeari-echo.so.0'); echo = ctypes.c_void_p(); "
            "why = ctypes.create_string_buffer(1024); "
            "assert library.meari_echo_start(b'tcp://127.0.0.1:0', ctypes.byref(echo), why, 1024) == 0, why.value; "
            "assert library.meari_echo_port(echo, 0) > 0; assert library.meari_echo_stop(echo) == 0")
    debian("python3", "-c", code)
    assert "LIBMEARI-ECHO(3)" in debian("man", "--pager=cat", "libmeari-echo", MANWIDTH="80")
    assert re.search("[가-힣]", debian("man", "--pager=cat", "libmeari-echo", MANWIDTH="80", **korean))
    found = {str(path.relative_to(debian.folder / "usr")) for path in (debian.folder / "usr").rglob("*meari*echo*")}
    assert {"include/meari_echo.h"} <= found and any(name.endswith("pkgconfig/meari-echo.pc") for name in found)


def test_the_units_are_there_and_not_started(debian):
    unit = (debian.folder / "lib/systemd/system/meari.service").read_text()
    assert "\nExecStart=/usr/bin/meari serve " in unit and "--config /etc/meari/serve.conf" in unit
    assert (debian.folder / "lib/systemd/system/meari.socket").exists()
    assert not list((debian.folder / "etc/systemd").rglob("meari*"))
    debian("meari", "serve", "--config", "/etc/meari/serve.conf", "--explain")


def test_the_configuration_is_the_administrator_s(debian):
    assert debian("dpkg-query", "-W", "-f", "${Conffiles}", "meari").split()[0] == "/etc/meari/serve.conf"


def test_documentation(debian):
    place = debian.folder / "usr/share/doc"
    found = {path.name.removesuffix(".gz") for path in place.glob("meari*/**/*") if path.is_file()}
    assert {"textbook.md", "README.md", "README.ko.md", "result.md", "containers.md", "copyright"} <= found
    assert {path.name for path in (ROOT / "examples").glob("*.c")} <= found


@pytest.mark.parametrize("name, setup", [
    ("bash", [". /usr/share/bash-completion/bash_completion"]),
    ("zsh", ["autoload -U compinit", "compinit -u -D"]),
    ("fish", []),
])
def test_tab(debian, name, setup):
    """The shells find what is installed for them by themselves."""
    home = debian.folder / "tmp/somebody"
    home.mkdir(exist_ok=True)
    (home / "saved.json").write_text("{}")
    with Shell(name, home, ["cd", *setup], prefix=[shutil.which("chroot"), debian.folder],
               env={"PATH": "/tmp/somebody/bin:/usr/bin:/bin", "HOME": "/tmp/somebody"}) as shell:
        assert shell.enter("meari ser\t--engi\tep\t")[0] == "serve"
        assert shell.enter("meari check --rule half-close-s\t") == ["check", "--rule", "half-close-slow-reader"]
        assert shell.enter("meari talk ud\tlocalhost") == ["talk", "udp://localhost"]
        assert shell.enter("meari report sav\t") == ["report", "saved.json"]


def test_purge_leaves_nothing(debian):
    names = debian("dpkg-query", "-W", "-f", "${Package}\n", "*meari*").split()
    debian("dpkg", "--purge", *names)
    left = files_of(debian.folder) - debian.before
    assert not {path for path in left if not path.endswith("locale-archive")}


def test_packages_hold_no_path_of_the_build():
    for package in PACKAGES.glob("*.deb"):
        content = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, timeout=SECONDS).stdout
        assert content and str(ROOT).encode() not in content and b"/tmp/tmp." not in content, package
