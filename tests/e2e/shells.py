"""An interactive shell at a terminal, for what happens when somebody presses Tab.

    with Shell("zsh", folder, setup=["source ..."]) as shell:
        assert shell.enter("meari serve --eng\t") == ["serve", "--engine="]

`meari` is a program in the folder "bin" of `folder` that shows its arguments: what is compared is what the shell would have
called. The shell reads no start-up files of its user. Keys are read in order, so that nothing has to wait for Tab.
"""

import os
import pty
import re
import select
import shutil
import signal
import time

import pytest

from meari import ANSWER_S

SHOW = """#!/bin/sh
printf '\\nGOT %d' $#
printf '<%s>' "$@"
printf ' END\\n'
"""
START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "-i"],
}
PREPARE = {
    "bash": ["bind 'set bell-style none'", "bind 'set enable-bracketed-paste off'"],
    "zsh": ["unsetopt beep", "unset zle_bracketed_paste"],
    "fish": ["set -g fish_autosuggestion_enabled 0"],
}
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\(B")
COMPLETING = re.compile(r"GOT (\d+)((?:<[^<>]*>)*) END")


class Shell:
    def __init__(self, name, folder, setup=(), prefix=(), env=None):
        if not prefix and shutil.which(name) is None:
            pytest.skip(f"{name} is not here")
        self.name, self.folder, self.setup, self.prefix = name, folder, list(setup), [*map(str, prefix)]
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin/meari").write_text(SHOW)
        (folder / "bin/meari").chmod(0o755)
        self.env = {"PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(folder), "TERM": "dumb" if name != "fish" else "xterm",
                    "LANG": "C.UTF-8", "COLUMNS": "200", "LINES": "50"} | (env or {})
        self.shown = ""

    def __enter__(self):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(self.folder)
                command = self.prefix + START[self.name]
                os.execvpe(command[0], command, self.env)
            finally:
                os._exit(127)
        try:
            for line in [*PREPARE[self.name], *self.setup]:
                self._type(line + "\r")
            self.enter("meari")  # when it shows its arguments, all of this has been done
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)

    def enter(self, keys):
        """Types the keys and Enter; the arguments with which `meari` has been called."""
        start = len(self.shown)
        self._type(keys + "\r")
        self._read_until(lambda text: COMPLETING.search(text[start:]))
        found = COMPLETING.search(self.shown[start:])
        arguments = re.findall(r"<([^<>]*)>", found[2])
        return arguments[:int(found[1])]

    def offers(self, keys, *words):
        """Types the keys, which are to show a list; waits until all of the words have been shown."""
        start = len(self.shown)
        self._type(keys)
        self._read_until(lambda text: all(word in COLOUR.sub("", text[start:]) for word in words))
        self._type("\x15")  # away with the line

    def _type(self, keys):
        os.write(self.terminal, keys.encode())

    def _read_until(self, enough):
        until = time.monotonic() + ANSWER_S
        while not enough(self.shown):
            ready, _, _ = select.select([self.terminal], [], [], max(0, until - time.monotonic()))
            assert ready, f"{self.name} has not come to it: {self.shown[-500:]!r}"
            try:
                more = os.read(self.terminal, 65536)
            except OSError:
                more = b""
            assert more, f"{self.name} has ended: {self.shown[-500:]!r}"
            self.shown += more.decode("utf-8", "replace")
