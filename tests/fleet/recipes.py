"""What docs/fleet.md shows, as it stands there.

    recipe("GNU parallel")                      the commands below that heading
    run_recipe(folder, "srun", ADDRESS=...)     runs them by bash -e in a folder; gives the finished process
"""

import os
import re
import subprocess

from meari import BUILD, ROOT, environment

PAGE = ROOT / "docs/fleet.md"
LIMIT_S = 90


def recipe(heading):
    section = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    found = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, heading
    return found[0]


def variables(**more):
    return environment(PATH=f"{BUILD}:{os.environ['PATH']}", HOME=os.environ.get("HOME", "/"), **more)


def run_recipe(folder, heading, prefix=(), **more):
    return subprocess.run([*prefix, "bash", "-ec", recipe(heading)], cwd=folder, env=variables(**more), timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def assert_complete(finished, ranks):
    shown = f"{finished.stdout}\n{finished.stderr}"
    assert finished.returncode == 0, shown
    assert f"{ranks} of {ranks} ranks" in finished.stdout, shown
    assert "The fleet is not as expected" not in finished.stdout, shown
