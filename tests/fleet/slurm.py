"""A Slurm of the test's own: one munged, one slurmctld, three slurmd, in a network namespace without a way out.

    with Slurm(folder, network) as slurm:
        subprocess.run([*slurm.prefix, "srun", ...], env=... | slurm.variables)

Its configuration is tests/fleet/slurm.conf. The daemons end with the `with` block, by their process ids; nothing of the
system's own Slurm is touched. Where one of the programs is missing or ends early, entering skips the test.
"""

import os
import pathlib
import shutil
import subprocess
import time

import pytest

from meari import environment

NODES = ["n0", "n1", "n2"]
PROGRAMS = ["munged", "slurmctld", "slurmd", "srun", "sinfo"]
READY_S = 60


class Slurm:
    def __init__(self, folder, network):
        self.folder = pathlib.Path(folder)
        self.daemons = []
        # The daemons look up the name of their host: this one has an address everywhere.
        self.prefix = [*network.prefix(None), "unshare", "--uts", "sh", "-c", 'hostname localhost; exec "$@"', "sh"]
        self.variables = {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self):
        missing = [program for program in PROGRAMS if self._find(program) is None]
        if missing:
            pytest.skip(f"not installed: {' '.join(missing)} (script/setup fleet)")
        self._write()
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind, value, trace):
        self._end()

    @staticmethod
    def _find(program):
        return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")

    def _write(self):
        os.chmod(self.folder, 0o755)
        for node in NODES:
            (self.folder / node / "spool").mkdir(parents=True)
            (self.folder / node / "tmp").mkdir()
        (self.folder / "state").mkdir()
        (self.folder / "plugstack.conf").touch()
        (self.folder / "key").write_bytes(os.urandom(128))
        (self.folder / "key").chmod(0o400)
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=autodetect\n")
        text = (pathlib.Path(__file__).parent / "slurm.conf").read_text()
        (self.folder / "slurm.conf").write_text(text.replace("@FOLDER@", str(self.folder)))

    def _daemon(self, program, *arguments):
        log = open(self.folder / f"{program}.out", "ab")
        with log:
            self.daemons.append(subprocess.Popen(
                [*self.prefix, self._find(program), *arguments], env=environment(**self.variables),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _wait(self, what, ready):
        until = time.monotonic() + READY_S
        while not ready():
            ended = [daemon for daemon in self.daemons if daemon.poll() is not None]
            if ended or time.monotonic() > until:
                logs = "".join(path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*.out"))
                pytest.skip(f"Slurm does not run here ({what}): {logs[-3000:]}")
            time.sleep(0.1)  # neither daemon tells when it is ready; their clients are asked

    def _start(self):
        socket = self.folder / "munge.socket"
        self._daemon("munged", "--foreground", "--force", f"--socket={socket}", f"--key-file={self.folder}/key",
                     f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
                     f"--seed-file={self.folder}/munged.seed")
        self._wait("munged", socket.exists)
        self._daemon("slurmctld", "-D", "-c")
        for node in NODES:
            self._daemon("slurmd", "-D", "-N", node)
        self._wait("slurmd", self._is_idle)

    def _is_idle(self):
        asked = subprocess.run([*self.prefix, "sinfo", "-h", "-o", "%T %D"], env=environment(**self.variables),
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=READY_S)
        return asked.stdout.split() == ["idle", str(len(NODES))]

    def _end(self):
        for daemon in reversed(self.daemons):
            if daemon.poll() is None:
                daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
