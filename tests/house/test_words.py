"""Words that do not belong into the project's files, and scripts that a linter objects to."""

import re
import shutil

import pytest

from house import ROOT, command, project_files

TEXT_ENDS = {".c", ".h", ".py", ".md", ".build", ".txt", ".po", ".1", ".yml", ".json", ".sh", ""}


def join(*parts):
    return "".join(parts)  # so that this file does not hold the words that it looks for


FORBIDDEN = {
    "a path of somebody's machine": join(
        r"(?<![\w.])/(", r"work/|home/\w|root/|Users/\w|usr/local/", r"cuda)"),
    "a package registry's host": join(
        r"\b(deb\.debian|security\.debian|snapshot\.debian|archive\.ubuntu|registry\.npmjs|",
        r"npmjs|pypi|files\.pythonhosted|crates|proxy\.golang|repo\.maven)", r"\.(org|com|io|net)\b"),
    "an unfinished thought": join(r"\b(TO", r"DO|FIX", r"ME|XX", r"X)\b"),
}
VAGUE_STEMS = {"util", "utils", "common", "misc", "helper", "helpers"}


def is_text(path):
    return path.suffix in TEXT_ENDS and path.name != "LICENSE" and "corpus" not in path.parts


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no(what):
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for path in filter(is_text, project_files()):
        text = (ROOT / path).read_text(errors="replace")
        found += [f"{path}:{number}: {line.strip()[:100]}"
                  for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    assert not found, f"{what}:\n" + "\n".join(found)


def test_no_vague_file_names():
    vague = [str(path) for path in project_files()
             if VAGUE_STEMS & set(re.split(r"[_.-]", path.stem))]
    assert not vague


def test_no_dead_code():
    found = []
    for path in project_files():
        if path.suffix in (".c", ".h"):
            for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
                if re.match(r"\s*//.*[;{}]\s*$", line) or re.match(r"\s*#\s*if\s+0\b", line):
                    found.append(f"{path}:{number}: {line.strip()}")
    assert not found, "\n".join(found)


def shell_scripts():
    return [path for path in project_files()
            if re.match(rb"#!.*\b(ba)?sh\b", (ROOT / path).read_bytes()[:64])]


def test_shell_scripts():
    scripts = shell_scripts()
    assert len(scripts) >= 5
    if shutil.which("shellcheck"):
        checked = command("shellcheck", *scripts)
        assert checked.returncode == 0, checked.stdout
    for path in scripts:
        text = (ROOT / path).read_text()
        assert text.startswith("#!/usr/bin/env bash\n"), path
        assert "set -euo pipefail" in text, path
        assert (ROOT / path).stat().st_mode & 0o111 or path.parts[0] == ".ci", f"{path}: not executable"
