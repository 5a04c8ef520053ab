"""A small Debian of its own that boots a real systemd, in a container with a network of its own.

    with Machine(folder) as machine:
        machine.write("/etc/systemd/system/x.service", "[Service]\\n...")
        machine.systemctl("daemon-reload")
        with machine.connect("127.0.0.1", 5000) as peer: ...

The root file system is made once, from this system's own release, with the libraries that the program needs, and
kept in build/systemd-root. The container is systemd-nspawn's and ends with the `with` block. Nothing of the host is
changed: no unit, no interface. Where any of this is impossible, entering skips the test with the reason.
"""

import ctypes
import fcntl
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from callers import Callers
from meari import ANSWER_S, BUILD, MEARI, ROOT

KEPT = ROOT / "build/systemd-root"
MAKE_S, BOOT_S, END_S, COMMAND_S = 600, 60, 30, 60
UNITS = "etc/systemd/system"
CONFIGURATION = "/usr/local/etc/meari/serve.conf"
CLONE_NEWNET = 0x40000000
# Only what a machine without hardware, users and network needs.
VARIANT, PACKAGES = "minbase", ["systemd"]

libc = ctypes.CDLL(None, use_errno=True)


def release():
    """This system's name for its release; None: it is none of Debian's relatives."""
    try:
        text = pathlib.Path("/etc/os-release").read_text()
    except OSError:
        return None
    found = re.search(r'^VERSION_CODENAME="?([a-z]+)', text, re.MULTILINE)
    return found[1] if found and shutil.which("dpkg-query") else None


def packages_of_libraries(program):
    """The packages that hold what the program is linked with here; the same release has the same."""
    shown = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    paths = {os.path.realpath(path) for path in re.findall(r"=> (/\S+)", shown)}
    names = set()
    for path in paths:
        # As dpkg knows it: without the link from /lib to /usr/lib, or with it.
        for known in (path, path.removeprefix("/usr")):
            found = subprocess.run(["dpkg-query", "-S", known], capture_output=True, text=True)
            if found.returncode == 0:
                names.add(found.stdout.split(":")[0])
                break
        else:
            pytest.skip(f"no package holds {path}, which meari needs")
    return sorted(names)


def make_root():
    """KEPT, made anew unless it is what is wanted."""
    wanted = [release(), VARIANT, *PACKAGES, *packages_of_libraries(MEARI)]
    if wanted[0] is None:
        pytest.skip("this system is no Debian, whose packages would make the machine")
    stamp = KEPT.with_suffix(".packages")
    if stamp.exists() and stamp.read_text() == " ".join(wanted):
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(KEPT, ignore_errors=True)
    made = subprocess.run(
        ["mmdebstrap", "--quiet", f"--variant={VARIANT}", "--include=" + ",".join(wanted[2:]), wanted[0],
         str(KEPT)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        timeout=MAKE_S)
    if made.returncode != 0:
        shutil.rmtree(KEPT, ignore_errors=True)
        last = (made.stderr.strip().splitlines() or ["it says nothing"])[-1]
        pytest.skip(f"mmdebstrap makes no root file system here: {last}")
    # Without it the first boot asks who the machine is.
    (KEPT / "etc/machine-id").write_text("4d6561726920697320616e206563686f\n")
    stamp.write_text(" ".join(wanted))


def why_not():
    """Why there can be no machine here; None: let us try."""
    if os.geteuid() != 0:
        return "a container with systemd takes root"
    for program, package in (("systemd-nspawn", "systemd-container"), ("mmdebstrap", "mmdebstrap"),
                             ("nsenter", "util-linux")):
        if shutil.which(program) is None:
            return f"there is no {program} here (Debian: {package})"
    return None


class Machine:
    """See the head of this file. .shown is what the container and its systemd printed."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.process = self.leader = self.lock = None
        self.units = []

    def __enter__(self):
        reason = why_not()
        if reason:
            pytest.skip(reason)
        self.lock = open(KEPT.with_suffix(".lock"), "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # one machine at a time on this root
        try:
            make_root()
            self._install()
            self._boot()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind, value, trace):
        self._end()

    @property
    def shown(self):
        return (self.folder / "console").read_text(errors="replace")

    def _install(self):
        shutil.rmtree(KEPT / "usr/local", ignore_errors=True)
        for old in [*(KEPT / UNITS).glob("meari*"), *(KEPT / UNITS).glob("*.wants/meari*")]:
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
        installed = subprocess.run(
            ["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet", "--destdir", str(KEPT)],
            capture_output=True, text=True)
        assert installed.returncode == 0, installed.stdout + installed.stderr
        if not (KEPT / CONFIGURATION.lstrip("/")).exists():
            pytest.skip("the build's prefix is not /usr/local")

    def _boot(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(str(self.folder / "ready"))
            told.settimeout(BOOT_S)
            with open(self.folder / "console", "w") as console:
                self.process = subprocess.Popen(
                    ["systemd-nspawn", "-D", str(KEPT), "-b", "--private-network", "--register=no",
                     "--keep-unit", "--console=pipe", "--quiet", "--notify-ready=yes"],
                    stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
                    env=os.environ | {"NOTIFY_SOCKET": str(self.folder / "ready")})
            # It ends early where a container is not allowed; then nobody tells anything.
            threading.Thread(target=self._tell_end, args=[str(self.folder / "ready")], daemon=True).start()
            said = ""
            try:
                while "READY=1" not in said.splitlines():
                    said = told.recv(4096).decode()
                    leader = re.search(r"^X_NSPAWN_LEADER_PID=(\d+)$", said, re.MULTILINE)
                    if leader:
                        self.leader = int(leader[1])
                    if said == "ended":
                        break
            except TimeoutError:
                said = "ended"
        if said == "ended" or self.leader is None:
            last = (self.shown.strip().splitlines() or ["it says nothing"])[-1]
            pytest.skip(f"systemd-nspawn boots nothing here: {last}")
        # Ready may be said before the network of the container has a loopback, but not before its systemd runs.
        self.systemctl("is-system-running", "--wait", status=None)

    def _tell_end(self, path):
        self.process.wait()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling:
            try:
                telling.sendto(b"ended", path)
            except OSError:
                pass  # nobody waits any more

    def _end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()  # nspawn asks the container's systemd to power off
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()  # and the container dies with it
                self.process.wait()
        if self.lock is not None:
            self.lock.close()

    # ---- inside ----

    def run(self, *command, status=0):
        """Runs a command in the machine; gives all its output. `status`: what it must end with, None: anything."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.leader), "--all", "--", *map(str, command)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin", "LANG": "C.UTF-8"}, timeout=COMMAND_S)
        assert status is None or done.returncode == status, \
            f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}\n{self.journal()}"
        return done.stdout

    def systemctl(self, *arguments, status=0):
        return self.run("systemctl", "--no-pager", *arguments, status=status)

    def journal(self):
        """What every unit has said, for the message of a test that failed."""
        shown = subprocess.run(
            ["nsenter", "--target", str(self.leader), "--all", "--", "/usr/bin/journalctl", "--no-pager",
             "-n", "60", "-o", "short-monotonic"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        return shown.stdout

    def show(self, unit, what):
        """One property of a unit."""
        return self.systemctl("show", "--value", "-p", what, unit).strip()

    def write(self, path, text):
        """A file in the machine; units are removed again after the test."""
        file = pathlib.Path(f"/proc/{self.leader}/root") / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if path.lstrip("/").startswith(UNITS):
            self.units.append(file)

    def start(self, unit, text):
        self.write(f"/{UNITS}/{unit}", text)
        self.systemctl("daemon-reload")
        self.systemctl("start", unit)

    def change(self, unit, text):
        """Lines for [Service] or the like on top of the unit's own, from its next start on."""
        self.write(f"/{UNITS}/{unit}.d/test.conf", text)
        self.systemctl("daemon-reload")

    def tidy(self):
        self.systemctl("stop", "meari*", status=None)
        for file in self.units:
            file.unlink(missing_ok=True)
        self.units = []
        self.configure((ROOT / "systemd/serve.conf").read_text())
        self.systemctl("daemon-reload")
        self.systemctl("reset-failed")

    def configure(self, text):
        """What meari.service reads from its next start on."""
        self.write(CONFIGURATION, text)

    # ---- its network ----

    def enter_network(self):
        """This thread's sockets are the machine's from now on."""
        with open(f"/proc/{self.leader}/ns/net") as network:
            if libc.setns(network.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def open_socket(self, family, kind=socket.SOCK_STREAM):
        """A socket in the machine's network; it stays there, whichever thread uses it."""
        made = []

        def make():
            self.enter_network()
            made.append(socket.socket(family, kind))

        maker = threading.Thread(target=make)
        maker.start()
        maker.join()
        return made[0]

    def connect(self, host, port, kind=socket.SOCK_STREAM):
        peer = self.open_socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
        peer.settimeout(ANSWER_S)
        peer.connect((host, port))
        return peer

    def callers(self, port):
        return CallersInside(self, port)


class CallersInside(Callers):
    """Connections all the time, in the machine's network."""

    def __init__(self, machine, port):
        super().__init__(("127.0.0.1", port))
        self.machine = machine

    def run(self):
        self.machine.enter_network()
        super().run()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stop()
