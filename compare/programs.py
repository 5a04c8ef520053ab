"""The programs of the comparison that are compiled: the load generator, the floor, the peers.

`build(names)` compiles what is missing or older than its sources into a folder, and gives a dictionary of
the ones that cannot be built with the reason in one line. A program that needs a library which is not
there names the package that would bring it; nothing is installed here.
"""

import os
import pathlib
import shutil
import subprocess

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
# Where Debian's librust-*-dev packages put their sources: cargo reads them without any network.
DEBIAN_CRATES = "/usr/share/cargo/registry"
BUILD_LIMIT_S = 300
C_FLAGS = ["-O2", "-g", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wmissing-prototypes",
           "-Wshadow", "-Wvla", "-Wstrict-prototypes"]


class CannotBuild(Exception):
    """The text says why, in one line."""


def compile_c(folder, name, sources, libraries=(), header=None, package=None, compiler=None):
    compiler = compiler or os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise CannotBuild("no C compiler (package gcc)")
    if header and not has_header(compiler, header):
        raise CannotBuild(f"no {header} (package {package})")
    call([*compiler.split(), *C_FLAGS, "-o", folder / name, *sources, "-pthread",
          *(f"-l{library}" for library in libraries)])


def has_header(compiler, header):
    tried = subprocess.run([*compiler.split(), "-E", "-x", "c", "-"], input=f"#include <{header}>\n",
                           text=True, capture_output=True)
    return tried.returncode == 0


def compile_cpp(folder, name, source, header, package):
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        raise CannotBuild("no C++ compiler (package g++)")
    tried = subprocess.run([compiler, "-E", "-x", "c++", "-"], input=f"#include <{header}>\n",
                           text=True, capture_output=True)
    if tried.returncode != 0:
        raise CannotBuild(f"no {header} (package {package})")
    call([compiler, "-O2", "-g", "-std=c++17", "-Wall", "-Wextra", "-o", folder / name, source,
          "-pthread"])


def compile_go(folder, name, source):
    if shutil.which("go") is None:
        raise CannotBuild("no go (package golang-go)")
    call(["go", "build", "-o", folder / name, source],
         env=os.environ | {"GO111MODULE": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local"})


def compile_rust(folder, name, source):
    if shutil.which("cargo") is None:
        raise CannotBuild("no cargo (packages cargo, rustc)")
    if not any(pathlib.Path(DEBIAN_CRATES).glob("tokio-1.*")):
        raise CannotBuild("no tokio (package librust-tokio-dev)")
    crate = folder / "tokio-crate"
    shutil.copytree(source, crate, dirs_exist_ok=True)
    call(["cargo", "build", "--release", "--offline", "--quiet",
          "--config", 'source.crates-io.replace-with="debian"',
          "--config", f'source.debian.directory="{DEBIAN_CRATES}"'], cwd=crate)
    shutil.copy2(crate / "target/release" / name, folder / name)


def call(command, **options):
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_LIMIT_S,
                              stdin=subprocess.DEVNULL, **options)
    except subprocess.TimeoutExpired:
        raise CannotBuild(f"{command[0]} had not ended after {BUILD_LIMIT_S} s") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or ["no message"]
        raise CannotBuild(f"{pathlib.Path(command[0]).name} fails: {lines[0].strip()}")


def floor(stem, libraries=(), **needs):
    source = BENCH / "floor" / f"{stem}.c"
    return ([source, BENCH / "floor/floor.h"],
            lambda folder: compile_c(folder, f"floor-{stem}", [source], libraries, **needs))


def peer_c(stem, library, header, package):
    source = BENCH / "peers" / f"{stem}.c"
    return ([source], lambda folder: compile_c(folder, f"peer-{stem}", [source], [library], header,
                                               package))


LOAD = [BENCH / name for name in ("load.c", "load_window.c", "load_stream.c", "load_datagram.c")]
# Name: the files that it is made of, and how.
PROGRAMS = {
    "load": ([*LOAD, BENCH / "load.h"], lambda folder: compile_c(folder, "load", LOAD)),
    "floor-epoll": floor("epoll"),
    "floor-thread": floor("thread"),
    "floor-spin": floor("spin"),
    "floor-splice": floor("splice"),
    "floor-uring": floor("uring", ["uring"], header="liburing.h", package="liburing-dev"),
    "floor-client": floor("client"),
    "floor-udp": floor("udp"),
    "floor-udp_batch": floor("udp_batch"),
    "floor-udp_train": floor("udp_train"),
    "peer-uv": peer_c("uv", "uv", "uv.h", "libuv1-dev"),
    "peer-event": peer_c("event", "event_core", "event2/event.h", "libevent-dev"),
    "peer-ev": peer_c("ev", "ev", "ev.h", "libev-dev"),
    "peer-asio": ([BENCH / "peers/asio.cpp"], lambda folder: compile_cpp(
        folder, "peer-asio", BENCH / "peers/asio.cpp", "asio.hpp", "libasio-dev")),
    "peer-go": ([BENCH / "peers/echo.go"], lambda folder: compile_go(
        folder, "peer-go", BENCH / "peers/echo.go")),
    "peer-tokio": ([BENCH / "peers/tokio/Cargo.toml", BENCH / "peers/tokio/src/main.rs"],
                   lambda folder: compile_rust(folder, "peer-tokio", BENCH / "peers/tokio")),
}


def is_fresh(program, sources):
    return program.exists() and all(
        source.stat().st_mtime <= program.stat().st_mtime for source in sources)


def build(folder, names):
    """Builds these programs into the folder; gives {name: why not} for those that cannot be."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = {}
    for name in names:
        sources, make = PROGRAMS[name]
        if is_fresh(folder / name, sources):
            continue
        try:
            make(folder)
        except CannotBuild as why:
            missing[name] = str(why)
    return missing
