"""Where things are, for the checks of the house rules."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("MEARI_BUILD", "build")).resolve()
MEARI = str(BUILD / "meari")
PAGES_SOURCE = ROOT / "docs/man"


def sources(*ends):
    """All files under src/ with these ends (default: .c and .h), relative to src/."""
    src = ROOT / "src"
    return sorted(path.relative_to(src) for path in src.rglob("*")
                  if path.suffix in (ends or (".c", ".h")))


def project_files():
    """Every file of the project: what git has or would add, as paths relative to the root."""
    listed = None
    if shutil.which("git"):
        listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached",
                                 "--others", "--exclude-standard"], cwd=ROOT, capture_output=True)
    if listed is not None and listed.returncode == 0:
        names = [os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    else:  # an unpacked archive, or no git
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
                 if path.is_file() and not re.search(r"^build|^\.git(/|$)|__pycache__/|\.pytest_cache/",
                                                     str(path.relative_to(ROOT)))]
    return sorted(pathlib.Path(name) for name in names if (ROOT / name).is_file())


def verbs():
    """The verbs in the table of src/cli/main.c."""
    found = re.findall(r'^\s*\{ "(\w+)",', (ROOT / "src/cli/main.c").read_text(), re.MULTILINE)
    assert found, "no table of verbs in src/cli/main.c"
    return found


def command(*arguments, **environment):
    """Runs a command; gives its CompletedProcess with text."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("LC_") and k != "LANGUAGE"}
    return subprocess.run([str(a) for a in arguments], cwd=ROOT, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120,
                          env=env | {"LANG": "C.UTF-8"} | environment)


def prefix():
    """The prefix that the build folder is configured for."""
    options = json.loads((BUILD / "meson-info/intro-buildoptions.json").read_text())
    return next(option["value"] for option in options if option["name"] == "prefix")


def compile_command():
    """The compiler of the build folder with its flags, for a file named behind them; any folder is fine."""
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    entry = next(entry for entry in entries if entry["file"].endswith("src/base/log.c"))
    words = iter(shlex.split(entry["command"]))
    kept = []
    for word in words:
        if word in ("-o", "-MF", "-MQ", "-MT"):
            next(words)  # of the object file that it was for
        elif word.startswith("-I"):
            kept.append("-I" + str(pathlib.Path(entry["directory"], word[2:] or next(words)).resolve()))
        elif word not in ("-c", "-MD", "-MMD", entry["file"]):
            kept.append(word)
    return kept[1:] if pathlib.Path(kept[0]).name == "ccache" else kept
