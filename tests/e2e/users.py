"""Programs under test as another user, wherever the checkout lies.

A checkout in root's home (mode 0700), or below any folder that is closed to others, cannot be reached by another
user: the program and its catalogues are copied to a folder that can.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from meari import BUILD, MEARI, environment

# The kernel's overflow user: it owns nothing, and needs no name.
NOBODY = 65534
# The first of these in which another user can execute a program.
PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run")


def become():
    """What a child calls before it becomes the program."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def why_not(program):
    """Why another user cannot run this program here; None: it can."""
    try:
        done = subprocess.run([program, "--version"], preexec_fn=become, cwd="/", env=environment(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return None if done.returncode == 0 else done.stdout.strip() or f"status {done.returncode}"


def copy_to(place):
    """The program's copy in a folder of its own, with what it finds beside itself; None: not there."""
    try:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="meari-user-", dir=place))
    except OSError:
        return None
    folder.chmod(0o755)
    shutil.copy(MEARI, folder)
    (folder / "meari").chmod(0o755)
    for catalogue in BUILD.glob("po/*/LC_MESSAGES/*.mo"):
        copied = folder / catalogue.relative_to(BUILD)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(catalogue, copied)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.name == "meari" else 0o644)
    return folder


@pytest.fixture(scope="session")
def another_user():
    """Options of meari.run and meari.Server that make the program another user's. Skips where none can be had."""
    if os.geteuid() != 0:
        pytest.skip("becoming another user takes root")
    reason = "no folder for all"
    for place in PLACES:
        folder = copy_to(place)
        if folder is None:
            continue
        try:
            reason = why_not(folder / "meari")
            if reason is None:
                yield {"program": str(folder / "meari"), "preexec_fn": become}
                return
        finally:
            shutil.rmtree(folder)
    pytest.skip(f"another user cannot run the program here: {reason}")
