"""Where the program meari is: the environment says so, or PATH does."""

import os
import shutil

VARIABLE = "MEARI_PROGRAM"


class ProgramNotFound(Exception):
    """There is no program meari to be run; the text says where it was looked for and what to do."""


def find_program():
    """Its path. An answer is never guessed: what the environment names and is not there is an error."""
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise ProgramNotFound(f"{VARIABLE} names '{named}', which is no program that can be run")
        return found
    found = shutil.which("meari")
    if found is None:
        raise ProgramNotFound(
            f"there is no program 'meari' in PATH; install meari (Debian: apt install meari), or name it by {VARIABLE}")
    return found
